# SPDX-License-Identifier: Apache-2.0
"""What a lab's servers are told when it comes up: the stock of the SM-DP, the cards of the SM-SR; once or again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from smsr.api.functions import FUNCTIONS, Interface
from smsr.api.json_codec import decode
from smsr.api.messages import RegisterEisRequest, Response
from smsr.api.soap import SoapBinding
from smsr.api.status import Code
from smsr.kit.folder import PkiFolder
from smsr.kit.oid import ROLE_EUM, ROLE_SM_SR
from smsr.kit.tls import LiveTrust, client_context
from smsr.serving.client import Client
from smsr.serving.connections import Connections
from smsr.serving.parties import Parties, Party
from tools.errors import ToolError
from tools.lab.layout import HOST, PROFILE_TYPE, Lab
from tools.servers.stock import add, show

__all__ = ["fill_stock", "register_cards"]

_REGISTER_EIS = next(each for each in FUNCTIONS if (each.interface, each.name) == (Interface.ES1, "RegisterEIS"))


def fill_stock(lab: Lab) -> None:
    """Profiles that the SM-DP does not have yet."""
    known = {each["iccid"] for each in json.loads("".join(show(lab.sm_dp, as_json=True)))}
    new = tuple(lab.stock(each.iccid) for each in lab.file.profiles if each.iccid not in known)
    if new:
        add(lab.sm_dp, new, owner=str(lab.oid("operator")), profile_type=PROFILE_TYPE, memory=0)


def register_cards(lab: Lab, check: Callable[[], None]) -> None:
    """ES1.RegisterEIS for each card, as the EUM; one that is registered already stays as it is."""
    folder = PkiFolder(lab.pki)
    context = client_context(folder, "eum", time.time())
    connections = Connections(context, LiveTrust(folder, context).current)
    sm_sr = Party(oid=lab.oid("sm-sr"), role=ROLE_SM_SR, url=f"https://{HOST}:{lab.ports.sm_sr}")
    own = Party(oid=lab.oid("eum"), role=ROLE_EUM)
    client = Client(own, Parties((sm_sr,)), connections, SoapBinding(FUNCTIONS))
    try:
        for card in lab.file.cards:
            check()
            request = decode(RegisterEisRequest, lab.registration(card.eid).read_bytes())
            answer = client.call(sm_sr, _REGISTER_EIS, request)
            assert isinstance(answer, Response)
            if not answer.status.is_success and answer.status.code != Code.EID_IN_USE.pair:
                raise ToolError(f"the SM-SR does not take card {card.eid}: {answer.status}")
    finally:
        connections.close()
