# SPDX-License-Identifier: Apache-2.0
"""The keys of one security domain: sets by key version number, their sequence counters, what GET DATA tells of them.

A set is written, replaced and removed as a whole. The SCP03 sequence counter of a set is incremented and stored
before it is used (GPCS Amendment D 6.2.2.1), so a power cut can skip values but never repeat one.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from apdu.channel.errors import ChannelError
from apdu.channel.session import next_sequence_counter
from apdu.command.status import SW
from apdu.gp.codes import KVN_SCP03, KVN_SCP80, KVN_SCP81
from apdu.gp.recognition import KeyComponentInfo, KeyInformation, KeyInformationTemplate
from apdu.keys.secret import KeySet, KeyType, SecretKey
from emulator.errors import CardError
from emulator.memory.store import Memory
from emulator.profile.base import DomainKey
from emulator.sd.records import KeyRecord, KeySetRecord

__all__ = ["SCP03_USAGES", "KeyRing", "Scp81Keys", "scp03_record"]

SCP03_USAGES: Final = (b"\x38", b"\x34", b"\xc8")
"""Key usage qualifiers of ENC, MAC and DEK: C-ENC and R-ENC, C-MAC and R-MAC, C-DEK and R-DEK (GPCS 11.1.9)."""
_ENC, _MAC, _DEK = 1, 2, 3
_PACKET_COUNTER: Final = 5


def scp03_record(keys: KeySet, *, access: int = 0x00, lab: bool = False) -> KeySetRecord:
    """A key set as it is stored: KID 01 ENC, 02 MAC, 03 DEK."""
    entries = zip((_ENC, _MAC, _DEK), (keys.enc, keys.mac, keys.dek), SCP03_USAGES, strict=True)
    return KeySetRecord(
        kvn=keys.kvn,
        keys=tuple(
            KeyRecord(kid=kid, type=key.type, secret=key.reveal(), usage=usage, access=access)
            for kid, key, usage in entries
        ),
        lab=lab,
    )


def _from_profile(kvn: int, keys: tuple[DomainKey, ...]) -> KeySetRecord:
    return KeySetRecord(
        kvn=kvn,
        keys=tuple(
            KeyRecord(kid=key.kid, type=component.type, secret=component.reveal(), usage=key.usage, access=key.access)
            for key in keys
            for component in key.components
        ),
    )


class Scp81Keys(NamedTuple):
    """A pre-shared key with its names, and the key that protects keys in commands."""

    kvn: int
    kid: int
    psk: SecretKey
    dek: SecretKey


class KeyRing:
    """Keys under one prefix of the memory, over the keys that a profile package brought (`initial`)."""

    __slots__ = ("_initial", "_memory", "_prefix")

    def __init__(self, memory: Memory, prefix: str, initial: tuple[DomainKey, ...] = ()) -> None:
        self._memory = memory
        self._prefix = prefix
        self._initial = initial

    def _key(self, kvn: int) -> str:
        return f"{self._prefix}/key/{kvn:02X}"

    def _counter_key(self, kvn: int) -> str:
        return f"{self._prefix}/ctr/{kvn:02X}"

    def record(self, kvn: int) -> KeySetRecord | None:
        """The set with a version number."""
        data = self._memory.get(self._key(kvn))
        if data is not None:
            found = KeySetRecord.decode(data)
            return found if found.keys else None
        initial = tuple(key for key in self._initial if key.kvn == kvn)
        return _from_profile(kvn, initial) if initial else None

    def records(self) -> list[KeySetRecord]:
        """All sets, by version number."""
        versions = {key.kvn for key in self._initial}
        versions.update(int(key[-2:], 16) for key, _ in self._memory.items(f"{self._prefix}/key/"))
        found = (self.record(kvn) for kvn in sorted(versions))
        return [record for record in found if record is not None]

    def put(self, record: KeySetRecord, counter: int = 0) -> None:
        """Write or replace a set; its sequence counter starts again."""
        self._memory.put_secret(self._key(record.kvn), record.value())
        size = _PACKET_COUNTER if record.kvn in KVN_SCP80 else 3
        self._memory.put(self._counter_key(record.kvn), counter.to_bytes(size, "big"))

    def remove(self, kvn: int) -> None:
        """Remove a set; one that the profile brought is remembered as removed."""
        if any(key.kvn == kvn for key in self._initial):
            self._memory.put_secret(self._key(kvn), KeySetRecord(kvn=kvn).value())
        else:
            self._memory.delete(self._key(kvn))
        self._memory.delete(self._counter_key(kvn))

    def scp03(self, kvn: int = 0) -> KeySet | None:
        """The SCP03 set with a version number, or the first one for 00; None when missing or incomplete."""
        if kvn == 0:
            versions = (record.kvn for record in self.records() if record.kvn in KVN_SCP03)
            kvn = next(versions, 0)
        if kvn not in KVN_SCP03:
            return None
        record = self.record(kvn)
        if record is None:
            return None
        by_kid = {key.kid: SecretKey(key.secret, key.type) for key in record.keys if key.type is KeyType.AES}
        if not {_ENC, _MAC, _DEK} <= by_kid.keys():
            return None
        return KeySet(kvn, by_kid[_ENC], by_kid[_MAC], by_kid[_DEK])

    def scp80(self, kvn: int) -> KeySet | None:
        """The SCP80 set with a version number, KIc, KID and KIK; None when missing, incomplete or of mixed types."""
        record = self.record(kvn) if kvn in KVN_SCP80 else None
        if record is None:
            return None
        by_kid = {key.kid: key for key in record.keys}
        if not {_ENC, _MAC, _DEK} <= by_kid.keys():
            return None
        used = [by_kid[kid] for kid in (_ENC, _MAC, _DEK)]
        if len({key.type for key in used}) > 1 or used[0].type not in (KeyType.AES, KeyType.DES):
            return None
        return KeySet(kvn, *(SecretKey(key.secret, key.type) for key in used))

    def scp81(self, kvn: int = 0, kid: int = 0) -> Scp81Keys | None:
        """The pre-shared key that a version and an identifier name, the first there is for 00, and its DEK."""
        versions = [record.kvn for record in self.records() if record.kvn in KVN_SCP81] if kvn == 0 else [kvn]
        for version in versions:
            record = self.record(version) if version in KVN_SCP81 else None
            keys = {key.kid: SecretKey(key.secret, key.type) for key in record.keys} if record is not None else {}
            psk = next((one for one, key in keys.items() if key.type is KeyType.TLS_PSK and kid in (0, one)), 0)
            dek = next((key for key in keys.values() if key.type is KeyType.AES), None)
            if psk and dek is not None:
                return Scp81Keys(version, psk, keys[psk], dek)
        return None

    def store_counter(self, kvn: int, value: int) -> None:
        """Store the counter of a packet before the packet is carried out (TS 102 225 5.1.4)."""
        self._memory.early({self._counter_key(kvn): value.to_bytes(_PACKET_COUNTER, "big")})

    def counter(self, kvn: int) -> int:
        """The counter of a set: of sessions (SCP03), or of packets (SCP80); a profile may bring one that has begun."""
        stored = self._memory.get(self._counter_key(kvn))
        if stored is None and kvn in KVN_SCP80:
            stored = max((key.counter or b"" for key in self._initial if key.kvn == kvn), default=b"")
        return int.from_bytes(stored or b"", "big")

    def advance(self, kvn: int) -> int:
        """Count one session and store it at once; CardError 6985 when the counter is used up."""
        try:
            value = next_sequence_counter(self.counter(kvn))
        except ChannelError as error:
            raise CardError(error.sw) from None
        self._memory.early({self._counter_key(kvn): value.to_bytes(3, "big")})
        return value

    def token_key(self, kvn: int) -> SecretKey | None:
        """The single key of a version (KID 01), as token keys are stored."""
        record = self.record(kvn)
        key = next((key for key in record.keys if key.kid == 1), None) if record else None
        return None if key is None else SecretKey(key.secret, key.type)

    def information(self) -> KeyInformationTemplate:
        """What GET DATA 00E0 answers (GPCS 11.3.3.1.1)."""
        entries = [
            KeyInformation(key.kid, record.kvn, (KeyComponentInfo(key.type, len(key.secret)),))
            for record in self.records()
            for key in record.keys
        ]
        return KeyInformationTemplate(keys=tuple(entries))

    def require(self, kvn: int) -> KeySetRecord:
        """The set with a version number; CardError 6A88 when there is none."""
        record = self.record(kvn)
        if record is None:
            raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
        return record
