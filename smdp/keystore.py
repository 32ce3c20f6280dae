# SPDX-License-Identifier: Apache-2.0
"""Where an SM-DP keeps the key sets of its ISD-Ps. The SM-SR never sees them."""

from __future__ import annotations

from typing import Protocol

from apdu.ids import Aid, Eid
from apdu.keys.secret import KeySet

__all__ = ["KeyStore", "MemoryKeyStore"]


class KeyStore(Protocol):
    """Key sets by card and ISD-P."""

    def put(self, eid: Eid, isd_p: Aid, keys: KeySet) -> None:
        """Keep a key set, in the place of one with the same version."""
        ...

    def get(self, eid: Eid, isd_p: Aid, kvn: int) -> KeySet | None:
        """Find one."""
        ...

    def forget(self, eid: Eid, isd_p: Aid) -> None:
        """The ISD-P is gone."""
        ...


class MemoryKeyStore:
    """Keeps them in memory."""

    def __init__(self) -> None:
        self._keys: dict[tuple[Eid, Aid], dict[int, KeySet]] = {}

    def put(self, eid: Eid, isd_p: Aid, keys: KeySet) -> None:
        """Keep a key set, in the place of one with the same version."""
        self._keys.setdefault((eid, isd_p), {})[keys.kvn] = keys

    def get(self, eid: Eid, isd_p: Aid, kvn: int) -> KeySet | None:
        """Find one."""
        return self._keys.get((eid, isd_p), {}).get(kvn)

    def forget(self, eid: Eid, isd_p: Aid) -> None:
        """The ISD-P is gone."""
        self._keys.pop((eid, isd_p), None)
