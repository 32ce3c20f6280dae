# SPDX-License-Identifier: Apache-2.0
"""Taking stock at the end of a run: the card is asked, the servers are asked, and they must agree."""

from __future__ import annotations

from apdu.gp.codes import LifeCycle
from smsr.api.eis import Eis
from smsr.api.messages import AuditEisRequest, Call
from smsr.bearers.bearer import Bearer
from smsr.scripts.audit import IsdP, isd_p_states
from tools.demo.report import CardStatus, DomainStatus, NetworkStatus, SmDpStatus, SmSrStatus, Status
from tools.errors import ToolError
from tools.rig import Servers, Station
from tools.subscription import PreparedProfile

__all__ = ["take_stock"]


def take_stock(
    servers: Servers, station: Station, bearer: Bearer, profile: PreparedProfile, network: NetworkStatus
) -> Status:
    """ES4.AuditEIS for the operator, and GET STATUS without the SM-SR; ToolError when they differ."""
    operator = servers.parties.operator
    request = AuditEisRequest(call=Call(operator, "audit"), eid=station.eid)
    response = servers.sm_sr.audit_eis(request)
    response.check("ES4.AuditEIS")
    eis = response.eis
    entry = eis.find(profile.iccid) if eis is not None else None
    if eis is None or entry is None:
        raise ToolError("the audit does not find the profile that was enabled")
    isd_ps = bearer.run(isd_p_states(), "ES5.GetStatus")
    if {isd_p.aid: _state(isd_p) for isd_p in isd_ps} != {each.isd_p_aid: each.state.upper() for each in eis.profiles}:
        raise ToolError("the card and the SM-SR's EIS do not agree on the state of its ISD-Ps")
    return Status(
        card=_card(station, eis, isd_ps),
        sm_sr=SmSrStatus(
            oid=str(servers.sm_sr.oid),
            cards=sum(1 for _ in servers.store),
            iccid=entry.iccid,
            state=entry.state.value,
            imsi=entry.subscription.imsi,
            free_memory=eis.remaining_memory,
        ),
        sm_dp=SmDpStatus(
            oid=str(servers.sm_dp.server.oid),
            profile=profile.name,
            iccid=profile.iccid,
            elements=profile.elements,
            size=len(profile.package),
        ),
        network=network,
    )


def _card(station: Station, eis: Eis, isd_ps: tuple[IsdP, ...]) -> CardStatus:
    domains = []
    for isd_p in isd_ps:
        known = eis.find_isd_p(isd_p.aid)
        domains.append(DomainStatus(aid=isd_p.aid, state=_state(isd_p), iccid=known.iccid if known else None))
    return CardStatus(
        eid=station.eid,
        atr=station.atr,
        isd_ps=tuple(domains),
        memory=station.made.memory,
        free_memory=eis.remaining_memory,
    )


def _state(isd_p: IsdP) -> str:
    return LifeCycle(isd_p.state).name
