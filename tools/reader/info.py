# SPDX-License-Identifier: Apache-2.0
"""`euicc card info`: what a card tells about itself, to everybody and to who has the keys of its ISD-R."""

from __future__ import annotations

from dataclasses import dataclass

from apdu.command.apdu import ResponseApdu
from apdu.errors import DecodeError, StatusError
from apdu.files import catalogue
from apdu.gp.recognition import CardData, ExtendedCardResources, get_data
from apdu.ids import ECASD, ISD_R, Eid, Iccid
from apdu.keys.certificate import Certificate
from apdu.tlv.scan import split
from smsr.scripts.audit import IsdP, isd_p_states
from tools.errors import ToolError
from tools.reader.atr import Atr
from tools.reader.connection import OpenCard
from tools.reader.domain import SecurityDomain
from tools.reader.files import Application, Files

__all__ = ["CardInfo", "gather", "protocol_of", "read_eid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardInfo:
    """What could be found out; None where the card did not tell."""

    reader: str
    atr: Atr
    eid: Eid | None
    has_isd_r: bool
    has_ecasd: bool
    protocols: tuple[tuple[int, int], ...]
    """Secure channel protocols of the ISD-R, each with its options i."""
    certificate: Certificate | None
    resources: ExtendedCardResources | None
    iccid: Iccid | None
    name: str | None
    """Service provider name of the enabled profile."""
    applications: tuple[Application, ...]
    profiles: tuple[IsdP, ...] | None
    """None without keys."""


def gather(card: OpenCard) -> CardInfo:
    """Ask the card; what it does not have is left out, what it tells wrong is an error."""
    ecasd = _domain(card, ECASD)  # each is asked before the next is selected
    eid, certificate = read_eid(ecasd), _certificate(ecasd)
    isd_r = _domain(card, ISD_R, with_keys=True)
    resources, protocols = _isd_r_data(isd_r)
    profiles = isd_r.run(isd_p_states()) if isd_r is not None and isd_r.keys is not None else None
    files = Files(card)
    return CardInfo(
        reader=card.reader_name,
        atr=Atr.parse(card.atr),
        eid=eid,
        has_isd_r=isd_r is not None,
        has_ecasd=ecasd is not None,
        protocols=protocols,
        certificate=certificate,
        resources=resources,
        iccid=_iccid(files),
        name=_name(files),
        applications=files.applications(),
        profiles=profiles,
    )


def _domain(card: OpenCard, aid: bytes, *, with_keys: bool = False) -> SecurityDomain | None:
    try:
        return SecurityDomain(card, aid, card.key_set if with_keys else None)
    except StatusError:
        return None


def _object(domain: SecurityDomain | None, tag: int) -> bytes | None:
    """A data object, None when the domain has none."""
    response = ResponseApdu(b"", 0) if domain is None else domain.send(get_data(tag))
    return response.data if response.status.is_success else None


def read_eid(ecasd: SecurityDomain | None) -> Eid | None:
    """The EID that an ECASD tells."""
    data = _object(ecasd, 0x005A)
    if data is None:
        return None
    (found,) = split(data)
    return Eid(found.value)


def _certificate(ecasd: SecurityDomain | None) -> Certificate | None:
    data = _object(ecasd, 0x7F21)
    return None if data is None else Certificate.parse(data)


def _isd_r_data(
    isd_r: SecurityDomain | None,
) -> tuple[ExtendedCardResources | None, tuple[tuple[int, int], ...]]:
    resources, recognition = _object(isd_r, ExtendedCardResources.TAG), _object(isd_r, 0x0066)
    protocols = () if recognition is None else CardData.from_tlv(recognition).recognition.protocols
    found = tuple(protocol_of(each.oid) for each in protocols)
    return None if resources is None else ExtendedCardResources.from_tlv(resources), found


def protocol_of(oid: bytes) -> tuple[int, int]:
    """A secure channel protocol and its options from {globalPlatform 4 scp i}: the two last arcs (GPCS H.3)."""
    arcs: list[int] = []
    value = 0
    for byte in oid:
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(value)
            value = 0
    if len(arcs) < 2:
        raise DecodeError("the identifier of a secure channel protocol is too short")
    return arcs[-2], arcs[-1]


def _iccid(files: Files) -> Iccid | None:
    try:
        return Iccid.from_ef(files.read(files.go("MF/EF.ICCID").fcp))
    except (ToolError, StatusError, DecodeError):  # no profile is enabled, or its EF.ICCID is not filled
        return None


def _name(files: Files) -> str | None:
    """EF.SPN (TS 31.102 4.2.12): a byte of display conditions, then text."""
    try:
        if files.select_adf(catalogue.ADFS["adf-usim"]) is None:
            return None
        body = files.read(files.go("ADF.USIM/EF.SPN").fcp)
    except (ToolError, StatusError):
        return None
    text = body[1:].rstrip(b"\xff").decode("latin-1")
    return text if text.isprintable() and text else None
