# SPDX-License-Identifier: Apache-2.0
"""Access rules in expanded format: a record of an EF_ARR, compiled (TS 102 221 9.2, ISO 7816-4 5.4.3.3).

A record is a sequence of access mode objects, each followed by its security condition objects; FF ends it. What cannot
be read or is not known never grants anything, not even under a NOT.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, NamedTuple, TypeAlias

from apdu.errors import DecodeError
from apdu.tlv.scan import Tlv, read_header, split

__all__ = [
    "ACTIVATE",
    "CREATE_DF",
    "CREATE_EF",
    "DEACTIVATE",
    "DELETE_CHILD",
    "DELETE_SELF",
    "INCREASE",
    "NO_RULE",
    "READ",
    "RESIZE",
    "TERMINATE",
    "UPDATE",
    "WRITE",
    "Rule",
    "compile_rule",
]

READ: Final = 0x01
UPDATE: Final = 0x02
WRITE: Final = 0x04
DEACTIVATE: Final = 0x08
ACTIVATE: Final = 0x10
TERMINATE: Final = 0x20
DELETE_SELF: Final = 0x40
DELETE_CHILD: Final = 0x01
CREATE_EF: Final = 0x02
CREATE_DF: Final = 0x04
_BY_INSTRUCTION: Final = 0x100
INCREASE: Final = _BY_INSTRUCTION | 0x32
"""Access modes: a bit of the access mode byte, or 100 and an instruction that has a rule of its own."""
RESIZE: Final = _BY_INSTRUCTION | 0xD4

_AM_BYTE: Final = 0x80
_AM_INSTRUCTION: Final = 0x84
_AM_LAST: Final = 0x8F
_USER_AUTHENTICATION: Final = b"\x08"
_END: Final = 0xFF
_MAX_DEPTH: Final = 8

Met: TypeAlias = Callable[[int], bool]
"""Says whether a key reference counts as verified."""
Condition: TypeAlias = Callable[[Met], bool | None]
"""Met, not met, or None: not known, which no combination turns into met."""


def _always(_: Met) -> bool | None:
    return True


def _never(_: Met) -> bool | None:
    return False


def _unknown(_: Met) -> bool | None:
    return None


def _reference(reference: int) -> Condition:
    return lambda met: met(reference)


def _any(parts: tuple[Condition, ...]) -> Condition:
    def condition(met: Met) -> bool | None:
        answers = [part(met) for part in parts]
        if True in answers:
            return True
        return None if None in answers else False

    return condition


def _all(parts: tuple[Condition, ...]) -> Condition:
    def condition(met: Met) -> bool | None:
        answers = [part(met) for part in parts]
        if False in answers:
            return False
        return None if None in answers else True

    return condition


def _not(parts: tuple[Condition, ...]) -> Condition:
    inner = _all(parts)

    def condition(met: Met) -> bool | None:
        answer = inner(met)
        return None if answer is None else not answer

    return condition


_COMBINATIONS: Final = {0xA0: _any, 0xAF: _all, 0xA7: _not}


def _condition(item: Tlv, depth: int) -> Condition:
    """Compile one security condition object; what is not known is `_unknown`."""
    if item.tag == 0x90 and not item.value:
        return _always
    if item.tag == 0x97 and not item.value:
        return _never
    if item.tag == 0xA4:
        return _authentication(split(item.value))
    combine = _COMBINATIONS.get(item.tag)
    if combine is None or depth >= _MAX_DEPTH:
        return _unknown
    parts = tuple(_condition(part, depth + 1) for part in split(item.value))
    return combine(parts) if parts else _unknown


def _authentication(objects: list[Tlv]) -> Condition:
    """A control reference template: one key reference, used to authenticate the user."""
    values = dict(objects)
    reference = values.pop(0x83, b"")
    usage = values.pop(0x95, _USER_AUTHENTICATION)
    if len(reference) != 1 or usage != _USER_AUTHENTICATION or values or len(objects) > 2:
        return _unknown
    return _reference(reference[0])


class _Entry(NamedTuple):
    """One access mode object with the conjunction of what follows it."""

    mask: int
    instructions: bytes
    condition: Condition

    def names(self, mode: int) -> bool:
        if mode & _BY_INSTRUCTION:
            return mode & 0xFF in self.instructions
        return bool(self.mask & mode)


class Rule(NamedTuple):
    """A compiled record."""

    entries: tuple[_Entry, ...]

    def allows(self, mode: int, met: Met) -> bool:
        """Whether a mode is allowed: several entries may name it, one that is met suffices; none is never."""
        return any(entry.names(mode) and entry.condition(met) is True for entry in self.entries)


NO_RULE: Final = Rule(())
"""Allows nothing."""


def _objects(record: bytes) -> Iterator[Tlv]:
    at, end = 0, len(record)
    while at < end and record[at] != _END:
        tag, start, stop = read_header(record, at, end)
        yield Tlv(tag, record[start:stop])
        at = stop


@lru_cache(maxsize=256)
def compile_rule(record: bytes) -> Rule:
    """Compile a record; one that is broken anywhere allows nothing."""
    entries: list[_Entry] = []
    mode: Tlv | None = None
    conditions: list[Condition] = []

    def close() -> None:
        if mode is not None and conditions:
            mask = mode.value[0] if mode.tag == _AM_BYTE and len(mode.value) == 1 else 0
            instructions = mode.value if mode.tag == _AM_INSTRUCTION else b""
            entries.append(_Entry(mask, instructions, _all(tuple(conditions))))

    try:
        for item in _objects(record):
            if _AM_BYTE <= item.tag <= _AM_LAST:  # 81 to 8F but 84 name parts of headers that no file command has
                close()
                mode, conditions = item, []
            else:
                conditions.append(_condition(item, 0))
        close()
    except DecodeError:
        return NO_RULE
    return Rule(tuple(entries))
