# SPDX-License-Identifier: Apache-2.0
"""Keys that come in commands: PUT KEY, and the data groupings 00B9 with 8113 of STORE DATA (GPCS 11.8 and 11.11.4.2).

A key set is written as a whole or not at all. Replacing keeps number, type and length of the keys; the new set may have
another version number. Keys travel under the static DEK of the open session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from apdu.errors import DecodeError, SecurityError
from apdu.gp.codes import KVN_SCP03
from apdu.gp.keys import KEY_DGI, KEY_REFERENCE_DGI, KeyComponent, KeyReference, PutKey, PutKeyEntry, PutKeyResponse
from apdu.keys.secret import KeyType, SecretKey
from apdu.tlv.scan import Tlv, split
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.sd.domain import authorised, domain_of, session_keys
from emulator.sd.keyring import SCP03_USAGES, KeyRing
from emulator.sd.records import KeyRecord, KeySetRecord

__all__ = ["load_keys", "put_key"]

_SECRET_TYPES: Final = frozenset({KeyType.AES, KeyType.DES, KeyType.TLS_PSK})
_TOKEN_USAGE: Final = b"\x81"
_KEYS_IN_SET: Final = 3
_MAX_KID: Final = 0x7F


def put_key(channel: Channel, command: CommandApdu) -> bytes:
    """Add a key set (P1 00) or replace the one that P1 names; answers version number and check values."""
    authorised(channel)
    domain = domain_of(channel)
    if command.p1 & 0x80:
        raise CardError(SW.WRONG_P1P2)  # a chain of several PUT KEY commands is not supported (GPCS 11.8.2.1)
    try:
        request = PutKey.decode(command.p1, command.p2, command.data)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    if not domain.may_load(request.kvn) or (request.replaces and not domain.may_load(request.replaces)):
        raise CardError(SW.CONDITIONS_OF_USE)
    dek = session_keys(channel).dek
    keys = [_secret(entry, dek) for entry in request.keys]
    if request.kid < 1 or request.kid + len(keys) - 1 > _MAX_KID:
        raise CardError(SW.WRONG_P1P2)
    new = KeySetRecord(
        kvn=request.kvn,
        keys=tuple(_record(request.kvn, request.kid + number, key) for number, key in enumerate(keys)),
    )
    _write(domain.keys, new, request.replaces)
    return PutKeyResponse(request.kvn, tuple(key.kcv for key in keys)).encode()


def _secret(entry: PutKeyEntry, dek: SecretKey) -> SecretKey:
    if any(component.type not in _SECRET_TYPES for component in entry.components):
        raise CardError(SW.ALGORITHM_NOT_SUPPORTED)
    try:
        return entry.secret(dek)
    except SecurityError:
        raise CardError(SW.KEY_CHECK_VALUE_WRONG) from None
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None


def _record(kvn: int, kid: int, key: SecretKey) -> KeyRecord:
    in_scp03_set = kvn in KVN_SCP03 and 1 <= kid <= _KEYS_IN_SET
    usage = SCP03_USAGES[kid - 1] if in_scp03_set else _TOKEN_USAGE
    return KeyRecord(kid=kid, type=key.type, secret=key.reveal(), usage=usage, access=0x00)


def _write(ring: KeyRing, new: KeySetRecord, replaces: int) -> None:
    if not replaces:
        if ring.record(new.kvn) is not None:
            raise CardError(SW.WRONG_DATA)
        ring.put(new)
        return
    old = ring.require(replaces)
    by_kid = {key.kid: key for key in old.keys}
    for key in new.keys:
        before = by_kid.get(key.kid)
        if before is None or (before.type, len(before.secret)) != (key.type, len(key.secret)):
            raise CardError(SW.WRONG_DATA)
        by_kid[key.kid] = replace(key, usage=before.usage, access=before.access)
    whole = len(new.keys) == len(old.keys)
    if new.kvn != replaces:
        # another version number: only for the whole set, and only if that number is free
        if not whole or ring.record(new.kvn) is not None:
            raise CardError(SW.WRONG_DATA)
        ring.remove(replaces)
    ring.put(KeySetRecord(kvn=new.kvn, keys=tuple(by_kid.values())))


def load_keys(ring: KeyRing, groups: Sequence[Tlv], dek: SecretKey) -> None:
    """Write the keys of data groupings 00B9 and 8113 that follow each other in pairs; all of one version at once."""
    if len(groups) % 2:
        raise CardError(SW.WRONG_DATA)
    sets: dict[int, list[KeyRecord]] = {}
    for reference, secret in zip(groups[::2], groups[1::2], strict=True):
        if (reference.tag, secret.tag) != (KEY_REFERENCE_DGI, KEY_DGI):
            raise CardError(SW.WRONG_DATA)
        kvn, record = _stored_key(reference.value, secret.value, dek)
        sets.setdefault(kvn, []).append(record)
    for kvn, records in sets.items():
        if len({record.kid for record in records}) != len(records):
            raise CardError(SW.WRONG_DATA)
        ring.put(KeySetRecord(kvn=kvn, keys=tuple(records)))


def _stored_key(reference: bytes, block: bytes, dek: SecretKey) -> tuple[int, KeyRecord]:
    try:
        objects = split(reference)
        if len(objects) != 1 or objects[0].tag != KeyReference.TAG:
            raise DecodeError("one key reference B9 expected")
        what = KeyReference.decode(objects[0].value)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    key = _secret(PutKeyEntry((KeyComponent(what.type, block),), what.kcv or b""), dek)
    if len(key) != what.length or not 1 <= what.kid <= _MAX_KID or not 1 <= what.kvn <= _MAX_KID:
        raise CardError(SW.WRONG_DATA)
    access = what.access or 0x00
    return what.kvn, KeyRecord(kid=what.kid, type=key.type, secret=key.reveal(), usage=what.usage, access=access)
