# SPDX-License-Identifier: Apache-2.0
"""The ISD-Ps of one card: the SCP03t sessions of each, and the profile packages that they download."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from apdu.command.apdu import CommandApdu
from apdu.trace.events import ChannelEvent, Event
from apdu.trace.unwrap.keys import KeyRing
from apdu.trace.unwrap.opening import Counters
from apdu.trace.unwrap.outcome import Outcome
from apdu.trace.unwrap.scp03t import Scp03t

if TYPE_CHECKING:
    from apdu.trace.unwrap.profile import Download

__all__ = ["Domains", "changes_keys"]

_MAX: Final = 256
_FIRST, _DATA = 0x84, 0x86
_STORE_DATA, _INSTALL, _PUT_KEY, _DELETE = 0xE2, 0xE6, 0xD8, 0xE4
_KEY_ESTABLISHMENT: Final = b"\x3a\x02"
_DGI: Final = 0x08


def changes_keys(command: CommandApdu, *, hidden: bool) -> bool:
    """PUT KEY, DELETE, a new domain, ES8.EstablishISDPKeySet: sequence counters begin again."""
    ins = command.ins
    if ins == _STORE_DATA and command.p1 & 0x18 == _DGI:
        return hidden or command.data.startswith(_KEY_ESTABLISHMENT)
    return ins in (_PUT_KEY, _DELETE) or (ins == _INSTALL and bool(command.p1 & 0x04))


class Domains:
    """What is followed by AID, over whatever link or bearer it travels."""

    __slots__ = ("_counters", "_downloads", "_elements", "_ring", "_sessions")

    def __init__(self, ring: KeyRing, counters: Counters, *, elements: bool) -> None:
        self._ring = ring
        self._counters = counters
        self._elements = elements
        self._sessions: dict[bytes, Scp03t] = {}
        self._downloads: dict[str, Download] = {}

    def clear(self) -> None:
        """The card was reset."""
        self._sessions.clear()
        self._downloads.clear()

    def forget_counters(self) -> None:
        """Keys changed."""
        self._counters.clear()

    def exchange(self, aid: bytes, tlv: bytes, answer: bytes) -> Outcome | None:
        """One TLV of SCP03t and its answer; None when it is none."""
        session = self._sessions.get(aid)
        if session is None:
            if len(self._sessions) >= _MAX:
                del self._sessions[next(iter(self._sessions))]
            session = self._sessions[aid] = Scp03t(self._ring, self._counters, aid)
        return session.exchange(tlv, answer)

    def elements(self, time: float, event: ChannelEvent) -> Iterator[Event]:
        """What an exchange of SCP03t brought of a profile package."""
        tag = event.protected[0] if isinstance(event.protected, bytes) and event.protected else 0
        target = event.target
        if tag == _FIRST:
            self._downloads.pop(target, None)
        if not self._elements or tag != _DATA or not isinstance(event.plain, bytes):
            return
        if isinstance(event.response_protected, bytes) and event.response_protected[:1] not in (b"\x86", b""):
            return
        if target not in self._downloads:
            from apdu.trace.unwrap.profile import Download  # all declarations of profile elements: not without need

            if len(self._downloads) >= _MAX:
                del self._downloads[next(iter(self._downloads))]
            self._downloads[target] = Download(target)
        answer = event.response_plain
        said = answer if isinstance(answer, bytes) and answer[:1] == b"\x30" else b""
        yield from self._downloads[target].take(time, event.plain, said)
