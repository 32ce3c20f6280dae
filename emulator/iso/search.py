# SPDX-License-Identifier: Apache-2.0
"""SEARCH RECORD (TS 102 221 11.1.7): the numbers of the records that hold a string."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.access import authorise
from emulator.fs.rules import READ
from emulator.iso.current import file_system, named_file

__all__ = ["search_record"]

_FORWARD, _BACKWARD, _ENHANCED = 0x04, 0x05, 0x06
_FORWARD_FROM_NEXT, _BACKWARD_FROM_PREVIOUS = 0x06, 0x07
_AFTER_BYTE: Final = 0x08
_INDICATION_LENGTH: Final = 2


def search_record(channel: Channel, command: CommandApdu) -> bytes:
    """Search forwards or backwards; the first record found becomes current. 6282 when there is none."""
    files = file_system(channel)
    mode, sfi, string = command.p2 & 0x07, command.p2 >> 3, command.data
    if mode not in (_FORWARD, _BACKWARD, _ENHANCED):
        raise CardError(SW.WRONG_P1P2)
    file = named_file(channel, sfi)
    length = file.target.record_length
    if not length:
        raise CardError(SW.WRONG_FILE_STRUCTURE)
    indication: int | None = None
    argument = 0
    if mode == _ENHANCED:
        if len(string) <= _INDICATION_LENGTH:
            raise CardError(SW.WRONG_LENGTH)
        indication, argument, string = string[0], string[1], string[_INDICATION_LENGTH:]
        mode = indication & 0x07
        if indication & 0xF0 or mode < _FORWARD:
            raise CardError(SW.WRONG_DATA)
    if not 1 <= len(string) <= length:
        raise CardError(SW.WRONG_LENGTH)
    authorise(channel, files, file, READ)
    numbers = _order(file.target.records, mode, command.p1, 0 if sfi else channel.record)
    body = files.body(file)
    found = bytes(
        number
        for number in numbers
        if _holds(body[(number - 1) * length : number * length], string, indication, argument)
    )
    channel.file = file
    if not found:
        if sfi:
            channel.record = 0
        raise CardError(SW.END_OF_FILE)
    channel.record = found[0]
    return found


def _order(records: int, mode: int, number: int, pointer: int) -> Iterable[int]:
    """The record numbers in the order of the search."""
    if mode in (_FORWARD_FROM_NEXT, _BACKWARD_FROM_PREVIOUS):
        if number:
            raise CardError(SW.WRONG_P1P2)
        if mode == _FORWARD_FROM_NEXT:
            return range(pointer + 1, records + 1)
        return range((pointer or records + 1) - 1, 0, -1)
    start = number or pointer
    if not 1 <= start <= records:
        raise CardError(SW.RECORD_NOT_FOUND)
    return range(start, records + 1) if mode == _FORWARD else range(start, 0, -1)


def _holds(record: bytes, string: bytes, indication: int | None, argument: int) -> bool:
    """Whether a record holds the string, from an offset or behind the first occurrence of a byte."""
    start = 0
    if indication is not None:
        if indication & _AFTER_BYTE:
            start = record.find(bytes((argument,))) + 1
            if not start:
                return False
        else:
            start = argument
    return record.find(string, start) >= 0
