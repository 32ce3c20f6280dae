# SPDX-License-Identifier: Apache-2.0
"""Reading a proactive command as TS 102 223 6.10 asks, and the beginnings of answers to it."""

from __future__ import annotations

from collections.abc import Container
from typing import Final, NamedTuple

from apdu.cat.catalogue import COMMANDS
from apdu.cat.codes import Device, GeneralResult
from apdu.cat.comprehension import CommandDetails, DeviceIdentities, Result
from apdu.cat.proactive import ProactiveCommand
from apdu.cat.response import TerminalAnswer
from apdu.errors import DecodeError, M2mError, MissingError
from apdu.tlv.scan import read_comprehension_header, split

__all__ = ["Heard", "Refusal", "addressed", "answer", "understand"]


_DETAILS: Final = (b"\x81\x03", b"\x01\x03")
_RESULTS: Final = {general: Result(general) for general in GeneralResult}


class Refusal(M2mError):
    """Ends the carrying out of a command with a result."""

    def __init__(self, general: GeneralResult, additional: bytes = b"") -> None:
        self.result = Result(general, additional)
        super().__init__(general.name)


def answer(
    command: ProactiveCommand, general: GeneralResult = GeneralResult.DONE, additional: bytes = b""
) -> TerminalAnswer:
    """The answer with a result, to which a handler adds what it has."""
    return TerminalAnswer.to(command, Result(general, additional) if additional else _RESULTS[general])


class Heard(NamedTuple):
    """A command that came, as its bytes and as far as it was read."""

    raw: bytes
    command: ProactiveCommand
    whole: bool = False
    """It is of the class of its type, which has a place for all that it brings along."""


def addressed(raw: bytes) -> Heard:
    """Read a command; of one that is out of order at least the details, with which it can be answered."""
    start = 2 if raw[1:2] < b"\x80" else 3
    told = raw[start : start + 2] in _DETAILS and len(raw) >= start + 5
    try:
        return (_whole(raw, raw[start + 3]) if told else None) or Heard(raw, ProactiveCommand.from_tlv(raw))
    except DecodeError:
        if raw[:1] != b"\xd0" or not told:
            raise
    details = CommandDetails.from_bytes(raw[start + 2 : start + 5])
    return Heard(raw, ProactiveCommand(details=details, devices=DeviceIdentities(Device.UICC, Device.TERMINAL)))


def _whole(raw: bytes, type: int) -> Heard | None:
    """The command where nothing is wrong with it."""
    declared = COMMANDS.get(type)
    try:
        return None if declared is None else Heard(raw, declared.exactly(raw), True)
    except DecodeError:
        return None


def understand(heard: Heard) -> tuple[ProactiveCommand, bool]:
    """The command in the class of its type, and whether objects were passed over that need not be comprehended.

    Objects that have to be comprehended and are not, or that say something impossible: 32; one that is missing: 36.
    """
    if heard.whole:
        return heard.command, False
    declared = COMMANDS.get(heard.command.details.type)
    if declared is None:
        raise Refusal(GeneralResult.TYPE_NOT_UNDERSTOOD)
    try:
        others = _others(split(heard.raw)[0].value, declared.declared())
        if any(others):
            raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD)
        return declared.from_tlv(heard.raw), bool(others)
    except MissingError:
        raise Refusal(GeneralResult.VALUES_MISSING) from None
    except DecodeError:
        raise Refusal(GeneralResult.DATA_NOT_UNDERSTOOD) from None


def _others(value: bytes, known: Container[int]) -> list[bool]:
    """Of every object that is not declared, whether it has to be comprehended."""
    found: list[bool] = []
    at = 0
    while at < len(value):
        tag, _, end = read_comprehension_header(value, at, len(value))
        if tag not in known:
            bits = value[at + 1] if value[at] == 0x7F else value[at]
            found.append(bool(bits & 0x80))
        at = end
    return found
