# SPDX-License-Identifier: Apache-2.0
"""The GBA security context of AUTHENTICATE (TS 31.102 7.1.1.5, TS 31.103 7.1.1.2, TS 33.220 5).

Bootstrapping makes Ks, which stays on the card, and tells the terminal by EF.GBABP which RAND it belongs to; NAF
derivation gives out the key of one application server.
"""

from __future__ import annotations

from typing import Final

from apdu.aka.authenticate import SyncFailureAnswer
from apdu.aka.gba import NAF_DERIVATION, NafRequest, conceal, ks_ext_naf, parse_bootstrapping
from apdu.aka.usim import SyncFailure
from apdu.command.status import SW
from emulator.errors import CardError
from emulator.iso.challenges import Keys, challenge
from emulator.iso.naa import Kind, Naa, algorithm_of, has_service
from emulator.profile.base import FileNode

__all__ = ["has_gba", "security_context"]

_SERVICES: Final = {Kind.USIM: 68, Kind.ISIM: 2}
_EF_GBABP: Final = {Kind.USIM: 0x6FD6, Kind.ISIM: 0x6FD5}
_BOOTSTRAP_LENGTH: Final = 35
_KS_SIZE: Final = 32
_SUCCESS: Final = 0xDB
_NO_BTID_NO_LIFETIME: Final = bytes(2)
"""Lengths of B-TID and key lifetime, which the terminal writes when the BSF has told it (U)."""


def has_gba(naa: Naa) -> bool:
    """Whether the application's service table has GBA; EF.GBABP must be there too."""
    return naa.kind in _SERVICES and has_service(naa, _SERVICES[naa.kind]) and _parameters_file(naa) is not None


def security_context(keys: Keys, data: bytes) -> bytes:
    """Bootstrapping or NAF derivation, by the first byte."""
    if data[0] == NAF_DERIVATION:
        return _derive(keys, NafRequest.parse(data))
    if len(data) != _BOOTSTRAP_LENGTH:
        raise CardError(SW.WRONG_LENGTH)
    return _bootstrap(keys, data)


def _parameters_file(naa: Naa) -> FileNode | None:
    return naa.files.find(naa.adf, _EF_GBABP[naa.kind])


def _bootstrap(keys: Keys, data: bytes) -> bytes:
    """Answer RES or AUTS; Ks and EF.GBABP change with the command's success."""
    given = parse_bootstrapping(data)
    files = keys.naa.files
    file = _parameters_file(keys.naa)
    assert file is not None  # `has_gba`
    body = files.body(file)
    known = bytes((len(given.rand),)) + given.rand + _NO_BTID_NO_LIFETIME
    if len(body) < len(known):
        raise CardError(SW.AKA_NO_MEMORY)
    outcome = challenge(keys, given.rand, conceal(algorithm_of(keys.spec), given.rand, given.autn))
    if isinstance(outcome, SyncFailure):
        return SyncFailureAnswer(outcome.auts).encode()
    files.memory.put(keys.name("gba"), outcome.ck + outcome.ik + given.rand)
    files.write(file, known + b"\xff" * (len(body) - len(known)))
    return bytes((_SUCCESS, len(outcome.res))) + outcome.res


def _derive(keys: Keys, request: NafRequest) -> bytes:
    """Ks_ext_NAF; 6985 before any bootstrapping."""
    stored = keys.naa.files.memory.get(keys.name("gba"))
    if stored is None:
        raise CardError(SW.CONDITIONS_OF_USE)
    key = ks_ext_naf(stored[:_KS_SIZE], stored[_KS_SIZE:], request)
    return bytes((_SUCCESS, len(key))) + key
