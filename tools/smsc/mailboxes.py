# SPDX-License-Identifier: Apache-2.0
"""What a service centre keeps: messages by the number they are for, and who has which number."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from apdu.sms.transport import Trouble
from smsr.bearers.smpp import Fields

__all__ = ["MAX_KEPT", "Kept", "Mailboxes", "Routes", "trouble_of"]

MAX_KEPT: Final = 10_000
"""Messages that a centre holds for whoever is not there."""
_MAX_LEARNT: Final = 10_000


@dataclass(frozen=True, slots=True)
class Kept:
    """One message, its number here, and whether its sender wants a receipt."""

    number: str
    fields: Fields
    receipt: bool = False


class Mailboxes:
    """Messages that wait, each number's in their order."""

    def __init__(self) -> None:
        self._boxes: dict[str, deque[Kept]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def put(self, message: Kept) -> None:
        """Keep a message."""
        self._boxes.setdefault(message.fields["destination_addr"], deque()).append(message)
        self._count += 1

    def first(self, number: str) -> Kept | None:
        """The next message for a number."""
        box = self._boxes.get(number)
        return box[0] if box else None

    def drop_first(self, number: str) -> None:
        """The next message was delivered."""
        box = self._boxes[number]
        box.popleft()
        self._count -= 1
        if not box:
            del self._boxes[number]

    def numbers(self) -> list[str]:
        """For whom something waits."""
        return list(self._boxes)


class Routes:
    """Who is bound. A system_id that is a number has this number; others have the numbers that they sent from."""

    def __init__(self) -> None:
        self._sessions: dict[str, dict[str, None]] = {}
        """system_id to its sessions, the newest last."""
        self._learnt: dict[str, str] = {}

    def bound(self, system_id: str, session: str) -> None:
        """A session began."""
        self._sessions.setdefault(_plain(system_id), {})[session] = None

    def ended(self, session: str) -> None:
        """A session ended."""
        for name, sessions in list(self._sessions.items()):
            sessions.pop(session, None)
            if not sessions:
                del self._sessions[name]

    def sent(self, system_id: str, number: str) -> None:
        """Somebody sent from a number: it is theirs, unless it is somebody's name."""
        name = _plain(system_id)
        if not number or number == name:
            return
        self._learnt.pop(number, None)
        self._learnt[number] = name
        if len(self._learnt) > _MAX_LEARNT:
            del self._learnt[next(iter(self._learnt))]

    def session(self, number: str) -> str | None:
        """Where messages for a number go to."""
        sessions = self._sessions.get(number) or self._sessions.get(self._learnt.get(number, ""))
        return next(reversed(sessions), None) if sessions else None


def _plain(system_id: str) -> str:
    """A number without its plus."""
    return system_id.removeprefix("+")


def trouble_of(share: float) -> Trouble:
    """A share of messages to which something happens, each of the three things as often."""
    return Trouble(share / 3, share / 3, share / 3)
