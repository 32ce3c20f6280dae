# SPDX-License-Identifier: Apache-2.0
"""READ RECORD, UPDATE RECORD and INCREASE (TS 102 221 11.1.5, 11.1.6 and 11.1.8).

The body of a cyclic file holds record 1, the newest, first.
"""

from __future__ import annotations

from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.access import authorise
from emulator.fs.rules import INCREASE, READ, UPDATE
from emulator.iso.current import file_system, named_file, rules_changed
from emulator.profile.base import FileKind, FileNode

__all__ = ["increase", "read_record", "update_record"]

_NEXT, _PREVIOUS, _ABSOLUTE = 0x02, 0x03, 0x04
_CYCLIC: Final = FileKind.CYCLIC
_BY_SFI: Final = 0x80
_ALL: Final = (256, 65536)
_WRONG_LE: Final = 0x6C00


def _chosen(file: FileNode, pointer: int, mode: int, number: int) -> int:
    """The record that mode and P1 mean, from a record pointer that is 0 while undefined."""
    records = file.target.records
    if mode == _ABSOLUTE:
        chosen = number or pointer
        if not 1 <= chosen <= records:
            raise CardError(SW.RECORD_NOT_FOUND)
        return chosen
    if number:
        raise CardError(SW.WRONG_P1P2)
    if not records:
        raise CardError(SW.RECORD_NOT_FOUND)
    cyclic = file.target.kind is _CYCLIC
    if mode == _NEXT:
        if pointer < records:
            return pointer + 1
        if cyclic:
            return 1
    elif pointer > 1:
        return pointer - 1
    elif pointer == 0 or cyclic:
        return records
    raise CardError(SW.RECORD_NOT_FOUND)


def _keep(channel: Channel, file: FileNode, by_sfi: bool, pointer: int) -> None:
    """Make the file current; naming it by its short identifier makes the record pointer undefined first."""
    channel.file = file
    if pointer or by_sfi:
        channel.record = pointer


def read_record(channel: Channel, command: CommandApdu) -> bytes:
    """Read one whole record: next, previous, by its number, or the current one."""
    _, _, p1, p2, data, le, _ = command
    files = file_system(channel)
    mode = p2 & 0x07
    if mode not in (_NEXT, _PREVIOUS, _ABSOLUTE):
        raise CardError(SW.WRONG_P1P2)
    if le is None or data:
        raise CardError(SW.WRONG_LENGTH)
    sfi = p2 >> 3
    file = named_file(channel, sfi)
    length = file.target.record_length
    if not length:
        raise CardError(SW.WRONG_FILE_STRUCTURE)
    if channel.granted_epoch != channel.card.access_epoch or (file.id, READ) not in channel.granted:
        authorise(channel, files, file, READ)
    number = _chosen(file, 0 if sfi else channel.record, mode, p1)
    if le != length and le not in _ALL:
        raise CardError(_WRONG_LE | length & 0xFF)
    record = files.body(file)[(number - 1) * length : number * length]
    _keep(channel, file, bool(sfi), 0 if mode == _ABSOLUTE else number)
    return record


def update_record(channel: Channel, command: CommandApdu) -> bytes:
    """Replace one whole record; in a cyclic file the oldest, which becomes record 1."""
    p1, p2, data = command.p1, command.p2, command.data
    files = file_system(channel)
    mode = p2 & 0x07
    if mode not in (_NEXT, _PREVIOUS, _ABSOLUTE):
        raise CardError(SW.WRONG_P1P2)
    sfi = p2 >> 3
    file = named_file(channel, sfi)
    length = file.target.record_length
    cyclic = file.target.kind is _CYCLIC
    if not length or (cyclic and mode != _PREVIOUS):
        raise CardError(SW.WRONG_FILE_STRUCTURE)
    if cyclic and p1:
        raise CardError(SW.WRONG_P1P2)
    if len(data) != length:
        raise CardError(SW.WRONG_LENGTH)
    authorise(channel, files, file, UPDATE)
    body = files.body(file)
    if cyclic:
        files.write(file, (data + body)[: len(body)])
        _keep(channel, file, bool(sfi), 1)
    else:
        number = _chosen(file, 0 if sfi else channel.record, mode, p1)
        start = (number - 1) * length
        files.write(file, body[:start] + data + body[start + length :])
        _keep(channel, file, bool(sfi), 0 if mode == _ABSOLUTE else number)
    rules_changed(channel, files, file)
    return b""


def increase(channel: Channel, command: CommandApdu) -> bytes:
    """Add to record 1 of a cyclic file and put the sum into a new record 1; answers the sum and what was added."""
    p1, data = command.p1, command.data
    files = file_system(channel)
    if command.p2 or (p1 & 0xE0 != _BY_SFI and p1):
        raise CardError(SW.WRONG_P1P2)
    sfi = p1 & 0x1F
    file = named_file(channel, sfi)
    if file.target.kind is not _CYCLIC:
        raise CardError(SW.WRONG_FILE_STRUCTURE)
    length = file.target.record_length
    if not 1 <= len(data) <= length:
        raise CardError(SW.WRONG_LENGTH)
    authorise(channel, files, file, INCREASE)
    body = files.body(file)
    total = int.from_bytes(body[:length], "big") + int.from_bytes(data, "big")
    if total >> (8 * length):
        raise CardError(SW.MAXIMUM_REACHED)
    value = total.to_bytes(length, "big")
    files.write(file, (value + body)[: len(body)])
    _keep(channel, file, bool(sfi), 1)
    return value + data
