# SPDX-License-Identifier: Apache-2.0
"""Which messages an SM-DP has taken already: a sender that got no answer sends again."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final, Protocol

__all__ = ["Inbox", "MemoryInbox"]

_REMEMBERED: Final = 100_000


class Inbox(Protocol):
    """Remembers messages by a key."""

    def first(self, key: str) -> bool:
        """True the first time that a key is seen. It is forgotten after days, not before."""
        ...


class MemoryInbox:
    """Remembers the last hundred thousand."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._lock = Lock()

    def first(self, key: str) -> bool:
        """True the first time that a key is seen."""
        with self._lock:
            if key in self._seen:
                return False
            self._seen[key] = None
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
            return True
