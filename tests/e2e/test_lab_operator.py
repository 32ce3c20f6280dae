# SPDX-License-Identifier: Apache-2.0
"""`euicc lab operator`: what the servers of a lab tell an operator is shown and kept."""

from __future__ import annotations

import json
import signal
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apdu.errors import M2mError
from apdu.ids import Eid, Iccid
from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smdp.api.xml_messages import BY_ELEMENT, BY_TYPE
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Function, Interface
from smsr.api.messages import Response
from smsr.api.notifications import ProfileNotification
from smsr.api.soap import SoapBinding
from smsr.api.status import SUCCESS
from smsr.kit.folder import PkiFolder
from smsr.kit.oid import ROLE_OPERATOR, ROLE_SM_DP, Oid
from smsr.kit.tls import LiveTrust, client_context
from smsr.serving.client import Client
from smsr.serving.connections import Connections
from smsr.serving.parties import Parties, Party
from smsr.serving.service import Binding, ReplyTo
from tests.support.program import Program
from tests.support.smsc import wait_for
from tools.lab.create import create
from tools.lab.health import is_ready, look
from tools.lab.layout import HOST, Lab, open_lab

_ALL = (*SM_DP_FUNCTIONS, *SM_SR_FUNCTIONS)
ENABLE = next(each for each in SM_DP_FUNCTIONS if each.name == "EnableProfile")
ENABLED = next(each for each in SM_DP_FUNCTIONS if each.name == "HandleProfileEnabledNotification")
ES3_ENABLED = next(
    each
    for each in SM_SR_FUNCTIONS
    if (each.interface, each.name) == (Interface.ES3, "HandleProfileEnabledNotification")
)


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    create(tmp_path / "lab", 1, 1)
    return open_lab(tmp_path / "lab")


@contextmanager
def operator(lab: Lab) -> Iterator[Program]:
    with Program(lab.path, "lab", "operator", str(lab.path)) as running:
        wait_for(lambda: is_ready(lab.ports.operator_plain), 30)
        yield running


@contextmanager
def client(lab: Lab, name: str, binding: Binding = Binding.JSON) -> Iterator[Client]:
    """A party of the lab that tells the operator."""
    folder = PkiFolder(lab.pki)
    context = client_context(folder, name, time.time())
    connections = Connections(context, LiveTrust(folder, context).current)
    told = Party(
        oid=lab.oid("operator"), role=ROLE_OPERATOR, url=f"https://{HOST}:{lab.ports.operator}", binding=binding
    )  # fmt: skip
    own = Party(oid=lab.oid(name), role=ROLE_SM_DP, url="https://sm-dp.example", name=name)
    yield Client(own, Parties((told,)), connections, SoapBinding(_ALL, BY_TYPE, BY_ELEMENT))
    connections.close()


def notification(lab: Lab) -> ProfileNotification:
    card = lab.file.cards[0]
    return ProfileNotification(
        completion_timestamp=datetime.now(UTC), eid=Eid.from_string(card.eid), iccid=Iccid.from_string(card.iccid)
    )


@pytest.mark.parametrize("binding", list(Binding))
def test_callbacks_and_notifications_are_shown_and_kept(binding: Binding, lab: Lab) -> None:
    receiver = lab.oid("operator")
    with operator(lab) as running:
        with client(lab, "sm-dp", binding) as sm_dp:
            message_id = "//2.999.10.3/1?TransactionId=call-7"
            reply = ReplyTo(binding=binding, message_id=message_id, transaction_id="call-7")
            sm_dp.answer(receiver, ENABLE, Response(status=SUCCESS), reply)
            sm_dp.notify(receiver, ENABLED, notification(lab))
        kept = lab.path / "operator.jsonl"
        lines = [json.loads(line) for line in kept.read_text().splitlines()]
        assert [(each["kind"], each["function"]) for each in lines] == [
            ("callback", str(ENABLE)),
            ("notification", str(ENABLED)),
        ]
        assert {each["sender"] for each in lines} == {lab.oid("sm-dp")}
        assert lines[1]["message"]["eid"] == lab.file.cards[0].eid
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert f"notification  {ENABLED} from {lab.oid('sm-dp')}" in running.text
        (health,) = [each for each in look(lab) if each.name == "operator"]
        assert health.ready
        assert (health.figures["callbacks"], health.figures["notifications"]) == (1, 1)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(15) == 0
    with operator(lab) as running:  # it goes on where it was
        with client(lab, "sm-dp") as sm_dp:
            sm_dp.notify(receiver, ENABLED, notification(lab))
        assert len(kept.read_text().splitlines()) == 3
        assert running.interrupt() == 0


@pytest.mark.parametrize("name, function", [("eum", ENABLED), ("sm-sr", ENABLED), ("sm-dp", ES3_ENABLED)])
def test_what_is_nobodys_or_nothing_for_an_operator_is_not_kept(name: str, function: Function, lab: Lab) -> None:
    with operator(lab), client(lab, name) as other:
        with pytest.raises(M2mError, match=r"status 40[34]"):
            other.notify(Oid(lab.oid("operator")), function, notification(lab))
        assert (lab.path / "operator.jsonl").read_text() == ""
