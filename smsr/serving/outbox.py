# SPDX-License-Identifier: Apache-2.0
"""What a server has to tell others: kept together with the effect that it tells of, sent later."""

from __future__ import annotations

from typing import Protocol

from smsr.api.functions import Function
from smsr.api.notifications import Notification
from smsr.kit.oid import Oid

__all__ = ["MemoryOutbox", "Outbox"]


class Outbox(Protocol):
    """Where handlers put their notifications."""

    def notify(self, receiver: Oid, function: Function, notification: Notification) -> None:
        """Tell a party; it is sent when, and only when, what this call wrote is kept."""
        ...


class MemoryOutbox:
    """Keeps them in a list, in their order."""

    def __init__(self) -> None:
        self.entries: list[tuple[Oid, Function, Notification]] = []

    def notify(self, receiver: Oid, function: Function, notification: Notification) -> None:
        """Tell a party."""
        self.entries.append((receiver, function, notification))
