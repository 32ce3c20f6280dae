# SPDX-License-Identifier: Apache-2.0
"""What carries tasks to cards: SMS, HTTPS, and whatever else can (CAT_TP would be one more)."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Any, Protocol

from apdu.ids import Eid
from smsr.api.eis import Eis
from smsr.ota.parcels import Chain
from smsr.ota.task import Outstanding, Task

__all__ = ["Carrier", "Way"]


@unique
class Way(StrEnum):
    """How a card is reached."""

    READER = "reader"
    SMS = "sms"
    HTTPS = "https"


class Carrier(Protocol):
    """One bearer for all cards. Nothing here waits: a task says itself when it is done."""

    @property
    def room(self) -> int:
        """Bytes of a script that fit one message."""
        ...

    @property
    def wake(self) -> float | None:
        """When `tick` has something to do."""
        ...

    def reaches(self, eis: Eis) -> bool:
        """Whether a card can be reached so."""
        ...

    def open_to(self, eid: Eid) -> bool:
        """Whether the card waits at the other end already, so that a task costs no more than itself."""
        ...

    def carry(self, eid: Eid, task: Task[Any], chain: Chain) -> None:
        """Take a task; one at a time for each card."""
        ...

    def resume(self, eid: Eid, task: Task[Any], outstanding: Outstanding, chain: Chain) -> None:
        """Go on with a task of which another process sent a parcel."""
        ...

    def release(self, eid: Eid) -> None:
        """Nothing more comes for a card: it may do what it holds back."""
        ...

    def tick(self, now: float) -> None:
        """Time has passed."""
        ...
