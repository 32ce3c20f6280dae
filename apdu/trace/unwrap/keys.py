# SPDX-License-Identifier: Apache-2.0
"""The keys with which a trace is verified and decrypted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from apdu.keys.secret import KeySet

__all__ = ["DomainKeys", "KeyRing"]


class DomainKeys(NamedTuple):
    """One SCP03 or SCP03t key set and the AID of its security domain."""

    aid: bytes
    keys: KeySet


class KeyRing:
    """Key sets by security domain and key version number; a domain may have several of one number."""

    __slots__ = ("_sets",)

    def __init__(self, sets: Iterable[DomainKeys] = ()) -> None:
        self._sets: dict[int, list[DomainKeys]] = {}
        for each in sets:
            self._sets.setdefault(each.keys.kvn, []).append(each)

    def find(self, aid: bytes, kvn: int) -> tuple[DomainKeys, ...]:
        """The key sets that a session with `aid` may use; `aid` may be the first bytes of one, or empty for any."""
        return tuple(each for each in self._sets.get(kvn, ()) if each.aid.startswith(aid))

    def __iter__(self) -> Iterator[DomainKeys]:
        return (each for sets in self._sets.values() for each in sets)

    def __len__(self) -> int:
        return sum(map(len, self._sets.values()))

    def __repr__(self) -> str:
        return f"KeyRing({len(self)} key sets)"
