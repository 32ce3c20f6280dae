# SPDX-License-Identifier: Apache-2.0
"""ES5.eUICCCapabilityAudit: certificate, free memory, and the state of every ISD-P (SGP.02 v4.2 4.1.1.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apdu.command.apdu import ResponseApdu
from apdu.command.status import SW
from apdu.errors import RemoteProtocolError
from apdu.gp.recognition import EcasdData, ExtendedCardResources, get_data, get_ecasd_data
from apdu.gp.sgp02 import CERTIFICATE
from apdu.gp.status import ISD_P_TAGS, IsdPAttribute, RegistryEntry, StatusQuery, decode_entries
from apdu.ids import ISD_R, Aid
from apdu.script import ApduScript
from smsr.kit.steps import expect, send

__all__ = ["Audit", "IsdP", "audit", "isd_p_states"]

FUNCTION: Final = "ES5.eUICCCapabilityAudit"
_MAX_PAGES: Final = 256
"""Twice what a card could hold: one that announces more for ever is broken."""


@dataclass(frozen=True, slots=True)
class IsdP:
    """What the card says about one ISD-P."""

    aid: Aid
    state: int
    fall_back: bool = False
    emergency: bool = False
    granted_memory: int | None = None
    remaining_memory: int | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """The card as it says it is."""

    certificate: bytes
    """CERT.ECASD.ECKA, the whole object 7F21."""
    resources: ExtendedCardResources
    isd_ps: tuple[IsdP, ...]

    def find(self, aid: Aid) -> IsdP | None:
        """The ISD-P with this AID."""
        return next((isd_p for isd_p in self.isd_ps if isd_p.aid == aid), None)


def audit() -> ApduScript[Audit]:
    """Ask for everything; one batch unless the list of ISD-Ps needs more."""
    query = StatusQuery(tags=ISD_P_TAGS)
    commands = (get_ecasd_data(CERTIFICATE), get_data(ExtendedCardResources.TAG), query.command())
    certificate, resources, status = yield from send(ISD_R, commands, FUNCTION)
    ecasd = EcasdData.from_tlv(expect(certificate, FUNCTION))
    if ecasd.certificate is None:
        raise RemoteProtocolError(f"{FUNCTION}: the answer holds no ECASD certificate")
    free = ExtendedCardResources.from_tlv(expect(resources, FUNCTION))
    isd_ps = yield from _pages(query, status)
    return Audit(ecasd.certificate, free, isd_ps)


def isd_p_states(aid: Aid | None = None) -> ApduScript[tuple[IsdP, ...]]:
    """The state of one ISD-P, or of all; none at all when the card knows no such."""
    query = StatusQuery(aid=aid or b"", tags=ISD_P_TAGS)
    (status,) = yield from send(ISD_R, (query.command(),), "ES5.GetStatus")
    return (yield from _pages(query, status))


def _pages(query: StatusQuery, response: ResponseApdu) -> ApduScript[tuple[IsdP, ...]]:
    """Collect the answers to GET STATUS as long as the card says that there is more (6310)."""
    following = StatusQuery(query.scope, query.aid, query.tags, following=True)
    found: list[IsdP] = []
    for _ in range(_MAX_PAGES):
        if response.sw == SW.REFERENCED_DATA_NOT_FOUND:
            return tuple(found)
        more = response.sw == SW.MORE_DATA
        data = response.data if more else expect(response, FUNCTION)
        found.extend(_isd_p(entry) for entry in decode_entries(data) if entry.aid is not None and entry.aid.is_isd_p)
        if not more:
            return tuple(found)
        (response,) = yield from send(ISD_R, (following.command(),), FUNCTION)
    raise RemoteProtocolError(f"{FUNCTION}: the list of applications has no end")


def _isd_p(entry: RegistryEntry) -> IsdP:
    if entry.aid is None or entry.state is None:
        raise RemoteProtocolError(f"{FUNCTION}: an entry without AID or state")
    attributes = entry.attributes or IsdPAttribute(0)
    return IsdP(
        entry.aid,
        entry.state,
        bool(attributes & IsdPAttribute.FALL_BACK),
        bool(attributes & IsdPAttribute.EMERGENCY),
        entry.granted_memory,
        entry.remaining_memory,
    )
