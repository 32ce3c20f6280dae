# SPDX-License-Identifier: Apache-2.0
"""`euicc demo --servers`: the main job through SM-SR and SM-DP as servers, in one process and a temporary folder.

An operator orders on ES2, over mutual TLS. The SM-DP calls the SM-SR on ES3; that reaches the card by a short message
and in the card's HTTPS session. Both keep what they do in SQLite. In the end the operator is called back.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Condition, Event, Thread
from typing import Final

import click

from apdu.ids import Eid
from apdu.sms.transport import Trouble
from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smdp.api.messages import AuditEisRequest, DownloadProfileRequest, DownloadProfileResponse
from smdp.config import SmDpConfig
from smdp.service import SmDpService
from smsr.api.functions import Function
from smsr.api.messages import Call, EisResponse, Request, Response
from smsr.api.notifications import Notification, ProfileNotification
from smsr.api.soap import SoapBinding
from smsr.config import SmSrConfig
from smsr.kit.folder import PkiFolder
from smsr.kit.oid import ROLE_OPERATOR, ROLE_SM_DP, Oid
from smsr.kit.tls import LiveTrust, client_context
from smsr.service import SmSrService
from smsr.serving.client import Client
from smsr.serving.config import load_config
from smsr.serving.connections import Connections
from smsr.serving.parties import Parties, Party
from smsr.serving.service import Operation
from tools.entropy import SystemEntropy
from tools.errors import ToolError
from tools.lab.create import create
from tools.lab.fill import fill_stock, register_cards
from tools.lab.fleet import Fleet
from tools.lab.layout import HOST, PROFILE_TYPE, Lab, open_lab
from tools.lab.operator import Operator, servers
from tools.smsc.centre import Centre

__all__ = ["run"]

_PATIENCE: Final = 120.0
"""Seconds for the whole order."""
_ROWS: Final = {each.name: each for each in SM_DP_FUNCTIONS}


def run(*, as_json: bool) -> None:
    """Make a lab in a temporary folder, start everything, order a profile, wait for the callback, take it all down."""
    with TemporaryDirectory(prefix="euicc-demo-") as folder, ExitStack() as stack:
        steps = _Steps(as_json=as_json)
        path = Path(folder) / "lab"
        with steps.step("make") as say:
            create(path, 1, 1)
            lab = open_lab(path)
            (card,) = lab.file.cards
            say(f"CI, four parties, card {card.eid}")
        with steps.step("start") as say:
            heard = _start(lab, stack)
            say("SMSC, SM-SR, SM-DP, operator, device")
        with steps.step("register") as say:
            register_cards(lab, lambda: None)
            say("ES1.RegisterEIS; one profile in the SM-DP's stock")
        client = stack.enter_context(_Caller(lab))
        with steps.step("order") as say:
            accepted = client.order(Eid.from_string(card.eid))
            say(f"ES2.DownloadProfile accepted, {accepted.id[:8]}")
        for name, wanted in _WAITED:
            with steps.step(name) as say:
                say(heard.wait(wanted))
        with steps.step("audit") as say:
            say(client.audit(Eid.from_string(card.eid)))
        steps.end()


class _Steps:
    """What people see: a line for each step; or one object in the end."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._done: list[dict[str, object]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        """One step; what it gets told is what came of it."""
        start, told = time.perf_counter(), [""]

        def say(text: str) -> None:
            told[0] = text

        yield say
        seconds = time.perf_counter() - start
        self._done.append({"name": name, "detail": told[0], "seconds": round(seconds, 6)})
        if not self._as_json:
            click.echo(f"{name:<16}{told[0]:<52}{seconds * 1000:>9,.0f} ms")

    def end(self) -> None:
        """All went well."""
        if self._as_json:
            click.echo(json.dumps({"ok": True, "steps": self._done}, indent=2))


# --- the operator


@dataclass(frozen=True, slots=True)
class _Told:
    function: Function
    message: Response | Notification


def _quiet(text: str) -> None:
    """What parts say to people who watch them alone."""


class _Heard(Operator):
    """The operator of the lab, which somebody here waits for."""

    def __init__(self, oid: Oid, path: Path) -> None:
        super().__init__(oid, path, _quiet)
        self._changed = Condition()
        self._told: list[_Told] = []

    def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
        """Keep a notification."""
        super().notified(function, notification, sender)
        self._tell(_Told(function, notification))

    def answered(self, function: Function, response: Response, sender: Oid, relates_to: str) -> None:
        """Keep a callback."""
        super().answered(function, response, sender, relates_to)
        self._tell(_Told(function, response))

    def _tell(self, told: _Told) -> None:
        with self._changed:
            self._told.append(told)
            self._changed.notify_all()

    def wait(self, wanted: Callable[[_Told], str | None]) -> str:
        """What is said of the first message that is wanted; ToolError when none comes."""
        with self._changed:
            found: list[str] = []

            def looked() -> bool:
                found.extend(text for each in self._told if (text := wanted(each)) is not None)
                return bool(found)

            if not self._changed.wait_for(looked, _PATIENCE):
                raise ToolError(f"the operator heard nothing within {_PATIENCE:.0f} seconds")
            return found[0]


def _switched(told: _Told) -> str | None:
    if not isinstance(told.message, ProfileNotification):
        return None
    return f"{told.function.name.removeprefix('Handle').removesuffix('Notification')} {told.message.iccid}"


def _called_back(told: _Told) -> str | None:
    if not isinstance(told.message, DownloadProfileResponse):
        return None
    told.message.check("ES2.DownloadProfile")
    return f"ES2.DownloadProfile: {told.message.status}"


_WAITED: Final = (("notification", _switched), ("callback", _called_back))


class _Caller:
    """The operator as a client."""

    def __init__(self, lab: Lab) -> None:
        self._oid, self._sm_sr = lab.oid("operator"), lab.oid("sm-sr")
        self._sm_dp = Party(oid=lab.oid("sm-dp"), role=ROLE_SM_DP, url=f"https://{HOST}:{lab.ports.sm_dp}")
        folder = PkiFolder(lab.pki)
        context = client_context(folder, "operator", time.time())
        self._connections = Connections(context, LiveTrust(folder, context).current)
        own = Party(oid=self._oid, role=ROLE_OPERATOR)
        self._client = Client(own, Parties(), self._connections, SoapBinding(()))

    def __enter__(self) -> _Caller:
        return self

    def __exit__(self, *_: object) -> None:
        self._connections.close()

    def order(self, eid: Eid) -> Operation:
        """ES2.DownloadProfile, enabled at once."""
        request = DownloadProfileRequest(
            call=Call(self._oid, "demo-order"),
            eid=eid,
            smsr_id=self._sm_sr,
            profile_type=PROFILE_TYPE,
            enable_profile=True,
        )
        return self._accepted("DownloadProfile", request)

    def audit(self, eid: Eid) -> str:
        """ES2.AuditEIS: what the card says."""
        request = AuditEisRequest(call=Call(self._oid, "demo-audit"), eid=eid, smsr_id=self._sm_sr)
        accepted = self._accepted("AuditEIS", request)
        response = self._client.wait(self._sm_dp, accepted, _PATIENCE).response
        if not isinstance(response, EisResponse) or response.eis is None:
            raise ToolError(f"ES2.AuditEIS: {response.status if response is not None else 'no answer'}")
        return ", ".join(f"{each.iccid} {each.state}" for each in response.eis.profiles)

    def _accepted(self, name: str, request: Request) -> Operation:
        answer = self._client.call(self._sm_dp, _ROWS[name], request)
        if isinstance(answer, Response):
            raise ToolError(f"ES2.{name}: {answer.status}")
        return answer


# --- everybody else


def _start(lab: Lab, stack: ExitStack) -> _Heard:
    """SMSC, servers, operator and device, each ended in the opposite order."""
    entropy = SystemEntropy()
    stack.enter_context(_smsc(lab.ports.smsc))
    heard = _Heard(lab.oid("operator"), lab.path / "operator.jsonl")
    stack.callback(heard.close)
    for listener in servers(lab, heard):
        listener.start()
        stack.callback(listener.close)
    sm_sr = SmSrService(load_config(lab.sm_sr, SmSrConfig), lab.path, entropy)
    stack.callback(sm_sr.stop)
    fill_stock(lab)
    sm_dp = SmDpService(load_config(lab.sm_dp, SmDpConfig), lab.path, entropy)
    stack.callback(sm_dp.stop)
    sm_sr.start()
    sm_dp.start()
    stack.enter_context(Fleet(lab, say=_quiet))
    return heard


@contextmanager
def _smsc(port: int) -> Iterator[None]:
    """The service centre in a thread of its own."""
    ready, ending = Event(), list[Callable[[], object]]()

    async def serve() -> None:
        loop, work = asyncio.get_running_loop(), asyncio.current_task()
        assert work is not None
        ending.append(lambda: loop.call_soon_threadsafe(work.cancel))
        with suppress(asyncio.CancelledError):
            await Centre(Trouble(), lambda: 1.0, _quiet).serve(HOST, port, ready=ready.set)

    thread = Thread(target=lambda: asyncio.run(serve()), name="smsc", daemon=True)
    thread.start()
    if not ready.wait(_PATIENCE):
        raise ToolError("the service centre does not start")
    try:
        yield
    finally:
        ending[0]()
        thread.join()
