# SPDX-License-Identifier: Apache-2.0
"""The GBA security context of AUTHENTICATE (TS 31.102 7.1.1.4, 7.1.1.5, TS 31.103 7.1.2, TS 33.220 5 and annex G).

Bootstrapping makes Ks, which stays on the card, and tells the terminal by EF.GBABP which RAND it belongs to; NAF
derivation gives out one key of an application server, keeps the other one, and lists the server in EF.GBANL.
"""

from __future__ import annotations

from typing import Final

from apdu.aka.authenticate import SyncFailureAnswer
from apdu.aka.gba import NAF_DERIVATION, NafRequest, conceal, ks_ext_naf, ks_int_naf, parse_bootstrapping
from apdu.aka.usim import SyncFailure
from apdu.command.status import SW
from apdu.tlv.scan import ber
from emulator.errors import CardError
from emulator.iso.challenges import Keys, challenge
from emulator.iso.naa import Kind, Naa, algorithm_of, has_service
from emulator.profile.base import FileNode

__all__ = ["has_gba", "security_context"]

_SERVICES: Final = {Kind.USIM: 68, Kind.ISIM: 2}
_EF_GBABP: Final = {Kind.USIM: 0x6FD6, Kind.ISIM: 0x6FD5}
_EF_GBANL: Final = {Kind.USIM: 0x6FDA, Kind.ISIM: 0x6FD7}
_NAF_ID, _B_TID = 0x80, 0x81
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
    files.memory.put_secret(keys.name("gba"), outcome.ck + outcome.ik + given.rand)
    files.write(file, known + b"\xff" * (len(body) - len(known)))
    return bytes((_SUCCESS, len(outcome.res))) + outcome.res


def _derive(keys: Keys, request: NafRequest) -> bytes:
    """Ks_ext_NAF; 6985 before any bootstrapping."""
    stored = keys.naa.files.memory.get(keys.name("gba"))
    if stored is None:
        raise CardError(SW.CONDITIONS_OF_USE)
    ks, rand = stored[:_KS_SIZE], stored[_KS_SIZE:]
    file = keys.naa.files.find(keys.naa.adf, _EF_GBANL[keys.naa.kind])
    if file is not None:  # a profile without the list has no place for Ks_int_NAF
        _keep(keys, file, request, ks_int_naf(ks, rand, request))
    key = ks_ext_naf(ks, rand, request)
    return bytes((_SUCCESS, len(key))) + key


def _keep(keys: Keys, file: FileNode, request: NafRequest, key: bytes) -> None:
    """Store Ks_int_NAF under a record of EF.GBANL: a free one, or that of the key derived longest ago (33.220 G.2).

    A server that is in the list keeps its record (U).
    """
    files, length = keys.naa.files, file.target.record_length
    body = files.body(file)
    records = [body[at : at + length] for at in range(0, len(body), length)] if length else []
    server = ber(_NAF_ID, request.naf_id)
    entry = server + ber(_B_TID, _transaction(keys))
    kept = [(number, known) for number, known in _kept(keys) if number < len(records)]
    taken = [number for number, _ in kept]
    free = [number for number in range(len(records)) if number not in taken]
    same = [number for number in taken if records[number].startswith(server)]
    if len(entry) > length or not records:
        raise CardError(SW.AKA_NO_MEMORY)
    chosen = (same or free or taken[-1:])[0]
    records[chosen] = entry.ljust(length, b"\xff")
    files.write(file, b"".join(records))
    order = [(chosen, key), *(pair for pair in kept if pair[0] != chosen)]
    files.memory.put_secret(keys.name("naf"), b"".join(bytes((number,)) + value for number, value in order))


def _kept(keys: Keys) -> list[tuple[int, bytes]]:
    """The records of EF.GBANL, counted from 0, with their Ks_int_NAF; the one derived last comes first."""
    stored = keys.naa.files.memory.get(keys.name("naf")) or b""
    size = 1 + _KS_SIZE
    return [(stored[at], stored[at + 1 : at + size]) for at in range(0, len(stored), size)]


def _transaction(keys: Keys) -> bytes:
    """The B-TID that the terminal has written behind RAND in EF.GBABP; empty when there is none."""
    file = _parameters_file(keys.naa)
    assert file is not None  # `has_gba`
    body = keys.naa.files.body(file)
    at = 1 + (body[0] if body else 0)
    if at >= len(body) or at + 1 + body[at] > len(body):
        return b""
    return body[at + 1 : at + 1 + body[at]]
