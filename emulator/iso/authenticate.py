# SPDX-License-Identifier: Apache-2.0
"""AUTHENTICATE in the 3G and GSM security contexts (TS 31.102 7.1, TS 31.103 7.1, TS 33.102).

The accepted sequence number is durable before the answer leaves the card: a challenge that was answered once is never
answered again, whatever happens to the power. The number of authentications, where a profile limits it, likewise.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.authenticate import GsmAnswer, GsmChallenge, SecurityContext, SyncFailureAnswer, UmtsAnswer, UmtsChallenge
from apdu.aka.usim import MacFailure, SqnState, SyncFailure, authenticate_3g, authenticate_gsm
from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from apdu.errors import DecodeError
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.iso.naa import Kind, Naa, algorithm_of, current_naa, has_service, require_pin
from emulator.profile.base import NaaSpec

__all__ = ["authenticate"]

_GSM_ACCESS: Final = 27
_GSM_SECURITY_CONTEXT: Final = 38
_SPECIFIC_REFERENCE: Final = 0x80
_RESERVED: Final = 0x78
_LENGTHS: Final = {SecurityContext.UMTS: 34, SecurityContext.GSM: 17}
_COUNT_LENGTH: Final = 4


class _Stored(NamedTuple):
    """What the card keeps for one application: runs of the algorithm so far, and the accepted sequence numbers."""

    runs: int
    sqn: SqnState

    def encode(self) -> bytes:
        return self.runs.to_bytes(_COUNT_LENGTH, "big") + self.sqn.encode()


def authenticate(channel: Channel, command: CommandApdu) -> bytes:
    """Answer a challenge: RES, CK, IK (and Kc), or AUTS; 9862 when the network's MAC is wrong."""
    p2, data = command.p2, command.data
    if command.p1 or not p2 & _SPECIFIC_REFERENCE or p2 & _RESERVED:
        raise CardError(SW.WRONG_P1P2)
    naa = current_naa(channel, Kind.USIM, Kind.ISIM)
    index, spec = _parameters(naa)
    if not _supports(naa, p2):
        raise CardError(SW.AKA_CONTEXT_NOT_SUPPORTED)
    if len(data) != _LENGTHS[SecurityContext(p2)]:
        raise CardError(SW.WRONG_LENGTH)
    require_pin(channel, naa.adf)
    try:
        if p2 == SecurityContext.GSM:
            return _gsm(naa, index, spec, GsmChallenge.parse(data))
        return _umts(naa, index, spec, UmtsChallenge.parse(data))
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None


def _parameters(naa: Naa) -> tuple[int, NaaSpec]:
    """The keys of the application and where its state is stored."""
    for index, spec in enumerate(naa.files.base.naas):
        if spec.adf is naa.adf:
            return index, spec
    raise CardError(SW.CONDITIONS_OF_USE)


def _supports(naa: Naa, context: int) -> bool:
    if context == SecurityContext.GSM:
        return naa.kind is Kind.USIM and has_service(naa, _GSM_SECURITY_CONTEXT)
    return context == SecurityContext.UMTS


def _key(naa: Naa, index: int) -> str:
    return f"{naa.files.prefix}/aka/{index}"


def _load(naa: Naa, index: int, spec: NaaSpec) -> _Stored:
    rules = SqnState(spec.sqn_init, spec.sqn_options, spec.sqn_delta, spec.sqn_age_limit)
    raw = naa.files.memory.get(_key(naa, index))
    if raw is None:
        return _Stored(0, rules)
    return _Stored(int.from_bytes(raw[:_COUNT_LENGTH], "big"), rules.with_accepted(raw[_COUNT_LENGTH:]))


def _counted(stored: _Stored, spec: NaaSpec) -> _Stored:
    """One run of the algorithm more, right or wrong; 6985 when the profile allows none (authCounterMax, SAIP 8.4.2)."""
    if spec.counter_max is None or spec.algorithm == AlgorithmId.TEST:
        return stored
    if stored.runs >= spec.counter_max:
        raise CardError(SW.CONDITIONS_OF_USE)
    return stored._replace(runs=stored.runs + 1)


def _keep(naa: Naa, index: int, old: _Stored, new: _Stored) -> None:
    if new != old:
        naa.files.memory.early({_key(naa, index): new.encode()})


def _umts(naa: Naa, index: int, spec: NaaSpec, challenge: UmtsChallenge) -> bytes:
    old = _load(naa, index, spec)
    stored = _counted(old, spec)
    outcome = authenticate_3g(algorithm_of(spec), old.sqn, challenge.rand, challenge.autn)
    if isinstance(outcome, MacFailure):
        _keep(naa, index, old, stored)
        raise CardError(SW.AKA_WRONG_MAC)
    if isinstance(outcome, SyncFailure):
        _keep(naa, index, old, stored)
        return SyncFailureAnswer(outcome.auts).encode()
    _keep(naa, index, old, stored._replace(sqn=outcome.state))
    kc = outcome.kc if naa.kind is Kind.USIM and has_service(naa, _GSM_ACCESS) else None
    return UmtsAnswer(outcome.res, outcome.ck, outcome.ik, kc).encode()


def _gsm(naa: Naa, index: int, spec: NaaSpec, challenge: GsmChallenge) -> bytes:
    old = _load(naa, index, spec)
    stored = _counted(old, spec)
    answer = authenticate_gsm(algorithm_of(spec), challenge.rand)
    _keep(naa, index, old, stored)
    return GsmAnswer(answer.sres, answer.kc).encode()
