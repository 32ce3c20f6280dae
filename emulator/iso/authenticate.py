# SPDX-License-Identifier: Apache-2.0
"""AUTHENTICATE in the 3G, GSM and GBA security contexts (TS 31.102 7.1, TS 31.103 7.1, TS 33.102)."""

from __future__ import annotations

from typing import Final

from apdu.aka.authenticate import GsmAnswer, GsmChallenge, SecurityContext, SyncFailureAnswer, UmtsAnswer, UmtsChallenge
from apdu.aka.usim import SyncFailure, authenticate_gsm
from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from apdu.errors import DecodeError
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.iso.challenges import Keys, challenge, count_run, keys_of
from emulator.iso.gba import has_gba, security_context
from emulator.iso.naa import Kind, Naa, algorithm_of, current_naa, has_service, require_pin

__all__ = ["authenticate"]

_GSM_ACCESS: Final = 27
_GSM_SECURITY_CONTEXT: Final = 38
_SPECIFIC_REFERENCE: Final = 0x80
_RESERVED: Final = 0x78
_LENGTHS: Final = {SecurityContext.UMTS: 34, SecurityContext.GSM: 17}


def authenticate(channel: Channel, command: CommandApdu) -> bytes:
    """Answer a challenge: RES, CK, IK (and Kc), or AUTS; 9862 when the network's MAC is wrong."""
    p2, data = command.p2, command.data
    if command.p1 or not p2 & _SPECIFIC_REFERENCE or p2 & _RESERVED:
        raise CardError(SW.WRONG_P1P2)
    naa = current_naa(channel, Kind.USIM, Kind.ISIM)
    keys = keys_of(naa)
    if not _supports(naa, p2):
        raise CardError(SW.AKA_CONTEXT_NOT_SUPPORTED)
    if not data or len(data) != _LENGTHS.get(SecurityContext(p2), len(data)):
        raise CardError(SW.WRONG_LENGTH)
    require_pin(channel, naa.adf)
    try:
        if p2 == SecurityContext.GBA:
            return security_context(keys, data)
        if p2 == SecurityContext.GSM:
            return _gsm(keys, GsmChallenge.parse(data))
        return _umts(keys, UmtsChallenge.parse(data))
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None


def _supports(naa: Naa, context: int) -> bool:
    """VGCS/VBS, MBMS and local keys are not supported (D)."""
    if context == SecurityContext.GSM:
        return naa.kind is Kind.USIM and has_service(naa, _GSM_SECURITY_CONTEXT)
    if context == SecurityContext.GBA:
        return has_gba(naa)
    return context == SecurityContext.UMTS


def _umts(keys: Keys, given: UmtsChallenge) -> bytes:
    outcome = challenge(keys, given.rand, given.autn)
    if isinstance(outcome, SyncFailure):
        return SyncFailureAnswer(outcome.auts).encode()
    kc = outcome.kc if keys.naa.kind is Kind.USIM and has_service(keys.naa, _GSM_ACCESS) else None
    return UmtsAnswer(outcome.res, outcome.ck, outcome.ik, kc).encode()


def _gsm(keys: Keys, given: GsmChallenge) -> bytes:
    count_run(keys)
    answer = authenticate_gsm(algorithm_of(keys.spec), given.rand)
    return GsmAnswer(answer.sres, answer.kc).encode()
