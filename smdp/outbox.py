# SPDX-License-Identifier: Apache-2.0
"""What an SM-DP tells operators, and that it takes each notification of an SM-SR once."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import Final, Protocol

from smsr.api.functions import Function
from smsr.api.notifications import Notification
from smsr.kit.oid import Oid

__all__ = ["Inbox", "MemoryInbox", "MemoryOutbox", "Outbox"]

_REMEMBERED: Final = 100_000


class Outbox(Protocol):
    """Notifications on their way."""

    def tell(self, receiver: Oid, function: Function, message: Notification) -> None:
        """Send this to an operator, some time and at least once."""
        ...


class Inbox(Protocol):
    """Which messages were taken already: a sender that got no answer sends again."""

    def first(self, key: str) -> bool:
        """True the first time that a key is seen. It is forgotten after days, not before."""
        ...


class MemoryOutbox:
    """Keeps them in memory, for whoever asks."""

    def __init__(self) -> None:
        self.sent: list[tuple[Oid, Function, Notification]] = []

    def tell(self, receiver: Oid, function: Function, message: Notification) -> None:
        """Keep it."""
        self.sent.append((receiver, function, message))


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
