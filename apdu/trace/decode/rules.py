# SPDX-License-Identifier: Apache-2.0
"""Holds the exchanges of a link against the rules of `apdu.trace.rules.table` (those without a secure channel).

One pass, a few numbers of state for each link. A rule that needs to know what came before stays silent where the trace
does not show it.
"""

from __future__ import annotations

from typing import Final

from apdu.command.status import StatusWord
from apdu.trace.decode.finding import finding
from apdu.trace.decode.model import Exchange, Finding, visible
from apdu.trace.decode.rulestatus import is_foreign
from apdu.trace.decode.ruletoolkit import Toolkit
from apdu.trace.decode.ruletree import template_fault
from apdu.trace.events import Octets
from apdu.trace.rules.table import Rules

__all__ = ["LinkRules"]

_NONE: Final[tuple[Finding, ...]] = ()
_GSM_CLASS: Final = 0xA0
_PENDING: Final = frozenset((0x61, 0x62, 0x63, 0x6C, 0x9F))
"""First bytes of status words after which GET RESPONSE may come."""
_ACCEPTED: Final = frozenset((0x61, 0x62, 0x63, 0x90, 0x91))
_REMEMBERED: Final = 1024
"""Values of AUTN, and PINs, that are kept."""
_BLOCKED: Final = 0x6983
_UNBLOCK: Final = 0x2C


class LinkRules:
    """What the rules keep about one link."""

    __slots__ = ("_atr", "_blocks", "_challenges", "_closed", "_last", "_open", "_pins", "_sure", "_toolkit")

    def __init__(self) -> None:
        self._atr: Octets = b""
        self._challenges: dict[bytes, None] = {}
        self._pins: dict[tuple[bytes, int], int] = {}
        """Tries left by application and reference; PUKs with bit 9 set."""
        self._toolkit = Toolkit()
        self._blocks: dict[int, int] = {}
        """Number of the STORE DATA block that comes next, by channel."""
        self._last: dict[int, int] = {}
        """First byte of the last status word, by channel."""
        self._open: set[int] = {0}
        self._closed: set[int] = set()
        self._sure = False
        """The trace has shown a reset, so what is not known to be open is closed."""

    def reset(self, atr: Octets) -> None:
        """The card was reset."""
        if len(atr) and atr != self._atr:  # another card
            self._pins.clear()
            self._challenges.clear()
            self._atr = atr
        self._toolkit = Toolkit()
        self._blocks.clear()
        self._last.clear()
        self._open = {0}
        self._closed.clear()
        self._sure = True

    def check(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        """The findings of a complete exchange, given as it crossed the link."""
        if entry.protected is not None:
            command, response = visible(entry.plain) or b"", visible(entry.answer) or b""
        if len(command) < 4 or len(response) < 2 or command[0] == _GSM_CLASS:
            return _NONE
        found = _NONE
        channel, sw1 = entry.channel, response[-2]
        if channel not in self._open:
            found = self._on_closed(channel, sw1)
        check = _CHECKS[(command[0] & 0x80) << 1 | command[1]]
        if check is not None:
            found += check(self, entry, command, response)
        self._last[channel] = sw1
        if sw1 != 0x90 or response[-1]:
            found += self._status(entry, command, response)
        if self._toolkit.waits:
            found += self._toolkit.waited(command)
        return found

    # --- status words and channels

    def _on_closed(self, channel: int, sw1: int) -> tuple[Finding, ...]:
        if sw1 not in _ACCEPTED:
            return _NONE
        self._open.add(channel)  # said once
        if not (self._sure or channel in self._closed):
            return _NONE
        return (finding(Rules.CHANNEL, f"channel {channel}"),)

    def _status(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        sw = response[-2] << 8 | response[-1]
        sw1 = response[-2]
        if sw1 == 0x91:
            self._toolkit.announced(response[-1] or 256)
        elif sw1 == 0x61:
            return (finding(Rules.NOT_CONTINUED, str(StatusWord(sw))),)
        elif sw1 == 0x6C:
            return (finding(Rules.NOT_REPEATED, str(StatusWord(sw))),)
        elif is_foreign(sw, command):
            return (finding(Rules.STATUS, str(StatusWord(sw))),)
        return _NONE

    # --- commands

    def _get_response(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        last = self._last.get(entry.channel)
        if last is None or last in _PENDING or response[-2] not in _ACCEPTED:
            return _NONE
        return (finding(Rules.NOTHING_WAITS),)

    def _manage_channel(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        if response[-2] in (0x90, 0x91):
            if command[2] & 0x80:
                number = command[3] or entry.channel
                self._open.discard(number)
                self._closed.add(number)
            else:
                number = response[0] if len(response) == 3 else command[3]
                self._open.add(number)
                self._closed.discard(number)
        return _NONE

    def _read(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        if len(command) == 5 and command[4] and response[-2] == 0x90 and len(response) - 2 < command[4]:
            return (finding(Rules.SHORT, f"{len(response) - 2} of {command[4]}"),)
        return _NONE

    def _select(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        self._blocks.pop(entry.channel, None)
        if len(response) == 2 or type(entry.answer) is not bytes or response[-2] not in (0x90, 0x91):
            return _NONE
        fault = template_fault(response[:-2])
        return (finding(Rules.TEMPLATE, fault),) if fault else _NONE

    def _store_data(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        number, channel = command[3], entry.channel
        expected = self._blocks.get(channel)
        accepted = response[-2] in _ACCEPTED
        if not accepted or command[2] & 0x80:
            self._blocks.pop(channel, None)
        else:
            self._blocks[channel] = number + 1
        if accepted and number and expected is not None and number != expected:
            return (finding(Rules.STORE_BLOCK, f"{number:02X} instead of {expected:02X}"),)
        return _NONE

    def _pin(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        unblock = command[1] == _UNBLOCK
        key = (entry.place.application if command[3] & 0x80 else b"", command[3] | unblock << 8)
        sw = response[-2] << 8 | response[-1]
        before = self._pins.get(key)
        tried = len(command) > 5
        if sw & 0xFFF0 == 0x63C0:
            left = self._pins[key] = sw & 0x0F
            if len(self._pins) > _REMEMBERED:
                del self._pins[next(iter(self._pins))]
        elif sw == _BLOCKED:
            left = self._pins[key] = 0
        elif response[-2] in (0x90, 0x91) and tried:
            self._pins.pop(key, None)
            if unblock:
                self._pins.pop((key[0], (command[3] or 1) & 0xFF), None)
            wrong = before == 0
            return (finding(Rules.PIN_TRIES, "a blocked one was accepted"),) if wrong else _NONE
        else:
            return _NONE
        if before is not None and (left > before or (tried and left == before and left)):
            return (finding(Rules.PIN_TRIES, f"{left} tries left, {before} before"),)
        return _NONE

    def _authenticate(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        if response[-2:] == b"\x98\x62":
            return (finding(Rules.AUTN_MAC),)
        if len(command) < 39 or command[5] != 16 or command[22] != 16 or response[:1] != b"\xdb":
            return _NONE
        challenge = command[6:22] + command[23:39]
        known = challenge in self._challenges
        self._challenges[challenge] = None
        if len(self._challenges) > _REMEMBERED:
            del self._challenges[next(iter(self._challenges))]
        return (finding(Rules.AUTN_TWICE),) if known else _NONE

    def _fetch(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        return self._toolkit.fetched(command, response)

    def _terminal_response(self, entry: Exchange, command: bytes, response: bytes) -> tuple[Finding, ...]:
        return self._toolkit.answered(command)


_INTERINDUSTRY: Final = {
    0x20: LinkRules._pin, 0x24: LinkRules._pin, 0x26: LinkRules._pin, 0x28: LinkRules._pin, 0x2C: LinkRules._pin,
    0x70: LinkRules._manage_channel,
    0x88: LinkRules._authenticate,
    0xA4: LinkRules._select,
    0xB0: LinkRules._read, 0xB2: LinkRules._read,
    0xC0: LinkRules._get_response,
}  # fmt: skip
_PROPRIETARY: Final = {
    0x12: LinkRules._fetch,
    0x14: LinkRules._terminal_response,
    0xE2: LinkRules._store_data,
}
_CHECKS: Final = tuple((_PROPRIETARY if number >> 8 else _INTERINDUSTRY).get(number & 0xFF) for number in range(512))
"""By first bit of the class, and instruction."""
