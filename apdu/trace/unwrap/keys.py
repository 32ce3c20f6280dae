# SPDX-License-Identifier: Apache-2.0
"""The keys with which a trace is verified and decrypted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from apdu.errors import DecodeError
from apdu.keys.secret import KeySet, SecretKey
from apdu.ota.admin import PskIdentity

__all__ = ["DomainKeys", "KeyRing", "PresharedKey"]


class DomainKeys(NamedTuple):
    """One key set of SCP03, SCP03t or SCP80 (KIc, KID, KIK) and the AID of its security domain."""

    aid: bytes
    keys: KeySet


class PresharedKey(NamedTuple):
    """One key of SCP81: of a card by its EID, KVN and KID, or of an identity that stands there as it is sent."""

    key: SecretKey
    eid: bytes = b""
    kvn: int = 0
    kid: int = 0
    identity: str = ""

    def belongs_to(self, identity: str) -> bool:
        """Whether a TLS client with this identity has it."""
        if self.identity:
            return self.identity == identity
        try:
            asked = PskIdentity.parse(identity)
        except DecodeError:
            return False
        return (asked.eid, asked.kvn, asked.kid) == (self.eid, self.kvn, self.kid)


class KeyRing:
    """Key sets by security domain and key version number; a domain may have several of one number."""

    __slots__ = ("_packets", "_preshared", "_sets")

    def __init__(
        self,
        sets: Iterable[DomainKeys] = (),
        *,
        packets: Iterable[DomainKeys] = (),
        preshared: Iterable[PresharedKey] = (),
    ) -> None:
        self._sets: dict[int, list[DomainKeys]] = {}
        for each in sets:
            self._sets.setdefault(each.keys.kvn, []).append(each)
        self._packets = tuple(packets)
        self._preshared = tuple(preshared)

    def find(self, aid: bytes, kvn: int) -> tuple[DomainKeys, ...]:
        """The key sets that a session with `aid` may use; `aid` may be the first bytes of one, or empty for any."""
        return tuple(each for each in self._sets.get(kvn, ()) if each.aid.startswith(aid))

    def packet_keys(self, kvn: int) -> tuple[DomainKeys, ...]:
        """The SCP80 key sets with a number, of whatever domain: a packet names a TAR and not an AID."""
        return tuple(each for each in self._packets if each.keys.kvn == kvn)

    def preshared(self, identity: str) -> SecretKey | None:
        """The key of a TLS client."""
        return next((each.key for each in self._preshared if each.belongs_to(identity)), None)

    @property
    def over_the_air(self) -> bool:
        """Whether there are keys of bearers."""
        return bool(self._packets or self._preshared)

    def __iter__(self) -> Iterator[DomainKeys]:
        return (each for sets in self._sets.values() for each in sets)

    def __len__(self) -> int:
        return sum(map(len, self._sets.values())) + len(self._packets) + len(self._preshared)

    def __repr__(self) -> str:
        return f"KeyRing({len(self)} keys)"
