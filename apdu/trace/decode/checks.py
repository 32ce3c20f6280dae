# SPDX-License-Identifier: Apache-2.0
"""What can be wrong on the outside of an exchange: lengths, and the status word (ISO/IEC 7816-4 5)."""

from __future__ import annotations

from functools import cache
from typing import Final

from apdu.command.status import StatusWord
from apdu.trace.decode.finding import finding
from apdu.trace.decode.model import Finding
from apdu.trace.rules.table import Rules

__all__ = ["outside"]

_NONE: Final[tuple[Finding, ...]] = ()
_DONE: Final = 0x90
_WITH_DATA: Final = frozenset((0x61, 0x62, 0x63, 0x90, 0x91, 0x92, 0x9E, 0x9F))
"""First bytes of status words beside which data may stand."""


def outside(command: bytes, response: bytes | None, *, once: bool) -> tuple[Finding, ...]:
    """The findings of a command and its response, if there was one; `once`: it did not come in several parts."""
    size = len(command)
    found = _NONE
    if size < 4:
        found = (finding(Rules.COMMAND_FORM, f"{size} bytes"),)
    elif size > 5 and not _fits(command, size):
        found = (finding(Rules.COMMAND_LENGTH),)
    if response is None:
        return found
    data = len(response) - 2
    if data < 0:
        return (*found, finding(Rules.RESPONSE_FORM, f"{data + 2} bytes"))
    sw1 = response[-2]
    if sw1 != _DONE or response[-1]:
        found += _of_status(sw1 << 8 | response[-1])
        if data and sw1 not in _WITH_DATA:
            found += (finding(Rules.DATA_WITH_ERROR, f"{data} bytes with {sw1:02X}{response[-1]:02X}"),)
    if data and once and size == 5 and data > (command[4] or 256):
        found += (finding(Rules.LONG, f"{data} of {command[4] or 256}"),)
    return found


def _fits(command: bytes, size: int) -> bool:
    length = command[4]
    if length:
        return size in (5 + length, 6 + length)
    if size < 7:
        return False
    length = command[5] << 8 | command[6]
    return size == 7 or (length > 0 and size in (7 + length, 9 + length))


@cache
def _of_status(sw: int) -> tuple[Finding, ...]:
    word = StatusWord(sw)
    if sw >> 12 not in (0x6, 0x9) or sw >> 8 == 0x60:
        return (finding(Rules.NO_STATUS, f"{sw:04X}"),)
    if sw >> 8 == 0x6F:
        return (finding(Rules.CARD_FAILED, str(word)),)
    if word.name == "UNKNOWN":
        return (finding(Rules.UNKNOWN_STATUS, f"{sw:04X}"),)
    return _NONE
