# SPDX-License-Identifier: Apache-2.0
"""The operator of a lab that runs, as a client of its SM-DP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count

from apdu.ids import Eid, Iccid
from smdp.api import messages as m
from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smdp.api.xml_messages import BY_ELEMENT, BY_TYPE
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.messages import Call, EisResponse
from smsr.api.soap import SoapBinding
from smsr.kit.folder import PkiFolder
from smsr.kit.oid import ROLE_OPERATOR, ROLE_SM_DP
from smsr.kit.tls import LiveTrust, client_context
from smsr.serving.client import Client
from smsr.serving.connections import Connections, Unreachable
from smsr.serving.parties import Parties, Party
from smsr.serving.service import Operation
from tools.lab.layout import HOST, PROFILE_TYPE, Lab

__all__ = ["LabOperator", "lab_operator"]

_ROWS = {each.name: each for each in SM_DP_FUNCTIONS}
_PATIENCE = 120.0


class LabOperator:
    """Calls ES2."""

    def __init__(self, lab: Lab, client: Client, sm_dp: Party) -> None:
        self._lab = lab
        self._client = client
        self._sm_dp = sm_dp
        self._numbers = count(1)
        self._start = time.time_ns()

    def _head(self) -> Call:
        return Call(self._lab.oid("operator"), f"test-{self._start}-{next(self._numbers)}")

    def order(self, eid: Eid, *, enable: bool) -> Operation:
        """ES2.DownloadProfile of any profile in stock, accepted."""
        request = m.DownloadProfileRequest(
            call=self._head(),
            eid=eid,
            smsr_id=self._lab.oid("sm-sr"),
            profile_type=PROFILE_TYPE,
            enable_profile=enable,
        )
        answer = self._client.call(self._sm_dp, _ROWS["DownloadProfile"], request)
        assert isinstance(answer, Operation), answer
        return answer

    def end_of(self, order: Operation) -> Iccid:
        """Which profile it became, whatever happens to the SM-DP meanwhile."""
        end = time.monotonic() + _PATIENCE
        while order.response is None:
            assert time.monotonic() < end, "it does not come to an end"
            with suppress(Unreachable):
                order = self._client.wait(self._sm_dp, order, 1)
        order.response.check("ES2.DownloadProfile")
        assert isinstance(order.response, m.DownloadProfileResponse)
        assert order.response.iccid is not None
        return order.response.iccid

    def states(self, eid: Eid) -> dict[str, str]:
        """What ES2.GetEIS says of the operator's profiles."""
        request = m.GetEisRequest(call=self._head(), eid=eid, smsr_id=self._lab.oid("sm-sr"))
        answer = self._client.call(self._sm_dp, _ROWS["GetEIS"], request)
        assert isinstance(answer, EisResponse)
        assert answer.eis is not None
        return {str(each.iccid): each.state.value for each in answer.eis.profiles}


@contextmanager
def lab_operator(lab: Lab) -> Iterator[LabOperator]:
    """With its certificates."""
    folder = PkiFolder(lab.pki)
    context = client_context(folder, "operator", time.time())
    connections = Connections(context, LiveTrust(folder, context).current)
    sm_dp = Party(oid=lab.oid("sm-dp"), role=ROLE_SM_DP, url=f"https://{HOST}:{lab.ports.sm_dp}")
    own = Party(oid=lab.oid("operator"), role=ROLE_OPERATOR)
    binding = SoapBinding((*SM_DP_FUNCTIONS, *SM_SR_FUNCTIONS), BY_TYPE, BY_ELEMENT)
    yield LabOperator(lab, Client(own, Parties((sm_dp,)), connections, binding), sm_dp)
    connections.close()
