# SPDX-License-Identifier: Apache-2.0
"""RETRIEVE DATA and SET DATA on BER-TLV structured files (TS 102 221 11.3).

An object longer than one command or response goes block by block: 62F1 says that more waits, 63F1 that more is
expected. The blocks of one object stand in one row: making another file current ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.tlv.scan import ber, ber_length, read_header
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.access import authorise
from emulator.fs.filesystem import FileSystem
from emulator.fs.growth import take_memory
from emulator.fs.rules import READ, UPDATE
from emulator.iso.current import file_system, named_file
from emulator.profile.base import FileKind, FileNode

__all__ = ["retrieve_data", "set_data"]

_FIRST_BLOCK: Final = 0x80
_NEXT_BLOCK: Final = 0x00
_TAG_LIST: Final = 0x5C
_SHORT: Final = 256
_WRONG_LE: Final = 0x6C00
_MAX_TAG: Final = 3


@dataclass(frozen=True, slots=True)
class _Reading:
    """An object that is being retrieved: its bytes and how many have been sent."""

    file: FileNode
    whole: bytes
    sent: int


@dataclass(frozen=True, slots=True)
class _Writing:
    """An object that is being set: what has come and how long it will be."""

    file: FileNode
    received: bytes
    length: int


def _addressed(channel: Channel, files: FileSystem, command: CommandApdu, mode: int) -> FileNode:
    """The BER-TLV file that P1 means, if the access rule lets it."""
    if command.p1 & 0xE0 or command.p2 not in (_FIRST_BLOCK, _NEXT_BLOCK):
        raise CardError(SW.WRONG_P1P2)
    file = named_file(channel, command.p1)
    if file.target.kind is not FileKind.BER_TLV:
        raise CardError(SW.WRONG_FILE_STRUCTURE)
    authorise(channel, files, file, mode)
    return file


def _objects(body: bytes) -> dict[bytes, bytes]:
    """The objects of a file, each whole, by the bytes of their tags."""
    found: dict[bytes, bytes] = {}
    at = 0
    while at < len(body):
        tag, _, stop = read_header(body, at, len(body))
        found[tag.to_bytes((tag.bit_length() + 7) // 8, "big")] = body[at:stop]
        at = stop
    return found


def retrieve_data(channel: Channel, command: CommandApdu) -> bytes | ResponseApdu:
    """The whole object with a tag, or with 5C the list of all tags; by blocks of Le bytes."""
    files = file_system(channel)
    file = _addressed(channel, files, command, READ)
    le = _SHORT if command.le is None else command.le
    if command.p2 == _FIRST_BLOCK:
        reading = _Reading(file, _retrieved(files.body(file), command.data), 0)
    else:
        under_way = channel.transfer
        if command.data:
            raise CardError(SW.WRONG_LENGTH)
        if not isinstance(under_way, _Reading) or under_way.file is not file:
            raise CardError(SW.CONDITIONS_OF_USE)
        reading = under_way
        left = len(reading.whole) - reading.sent
        if left < le < _SHORT:
            raise CardError(_WRONG_LE | left)
    block = reading.whole[reading.sent : reading.sent + le]
    _make_current(channel, file)
    if reading.sent + len(block) < len(reading.whole):
        channel.transfer = replace(reading, sent=reading.sent + len(block))
        return ResponseApdu(block, SW.MORE_DATA_AVAILABLE)
    channel.transfer = None
    return block


def _retrieved(body: bytes, tag: bytes) -> bytes:
    if not 1 <= len(tag) <= _MAX_TAG:
        raise CardError(SW.WRONG_LENGTH)
    objects = _objects(body)
    if tag == bytes((_TAG_LIST,)):
        return ber(_TAG_LIST, b"".join(objects))
    found = objects.get(tag)
    if found is None:
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    return found


def set_data(channel: Channel, command: CommandApdu) -> bytes | ResponseApdu:
    """Create or replace the object with a tag; a tag alone, or with length 0, deletes it (U)."""
    files = file_system(channel)
    file = _addressed(channel, files, command, UPDATE)
    if not command.data:
        raise CardError(SW.WRONG_LENGTH)
    if command.p2 == _FIRST_BLOCK:
        tag, length = _header(command.data)
        if not length:
            _delete(files, file, tag)
            _make_current(channel, file)
            return b""
        writing = _Writing(file, command.data, length)
        _require_room(files, file, tag, length)
    else:
        under_way = channel.transfer
        if not isinstance(under_way, _Writing) or under_way.file is not file:
            raise CardError(SW.CONDITIONS_OF_USE)
        writing = replace(under_way, received=under_way.received + command.data)
    if len(writing.received) > writing.length:
        channel.transfer = None
        raise CardError(SW.WRONG_DATA)
    _make_current(channel, file)
    if len(writing.received) < writing.length:
        channel.transfer = writing
        return ResponseApdu(b"", SW.MORE_DATA_EXPECTED)
    tag, length = _header(writing.received)
    _require_room(files, file, tag, length)
    objects = _objects(files.body(file))
    objects[tag] = writing.received
    _write(files, file, objects)
    return b""


def _header(data: bytes) -> tuple[bytes, int]:
    """The tag of an object whose end may still be missing, and its length with tag and length; 0 = delete it."""
    size = 1
    if data[0] & 0x1F == 0x1F:
        while size < len(data) and data[size] & 0x80:
            size += 1
        size += 1
    tag, rest = data[:size], data[size:]
    if data[0] in (0x00, 0xFF) or data[0] == _TAG_LIST or len(tag) != size or size > _MAX_TAG:
        raise CardError(SW.WRONG_DATA)
    if rest in (b"", b"\x00"):
        return tag, 0
    count = rest[0] & 0x7F if rest[0] & 0x80 else 0
    if count > 3 or len(rest) < 1 + count or rest[0] == 0x80:
        raise CardError(SW.WRONG_DATA)
    length = int.from_bytes(rest[1 : 1 + count], "big") if count else rest[0]
    if not length or rest[: 1 + count] != ber_length(length):  # a file holds what its FCP promises: DER
        raise CardError(SW.WRONG_DATA)
    head = bytes(data[: size + 1 + count])
    try:
        read_header(head, 0, len(head) + length)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    return tag, len(head) + length


def _require_room(files: FileSystem, file: FileNode, tag: bytes, length: int) -> None:
    """6A84 when an object is too long for the file, its former value being replaced."""
    body = files.body(file)
    kept = len(body) - len(_objects(body).get(tag, b""))
    target = file.target
    if kept + length > max(target.size, target.maximum_size or 0):
        raise CardError(SW.NOT_ENOUGH_MEMORY)


def _delete(files: FileSystem, file: FileNode, tag: bytes) -> None:
    objects = _objects(files.body(file))
    if objects.pop(tag, None) is None:
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    _write(files, file, objects)


def _write(files: FileSystem, file: FileNode, objects: Mapping[bytes, bytes]) -> None:
    """What goes beyond the reserved size takes memory of its own, and gives it back."""
    body, reserved = b"".join(objects.values()), file.target.size
    more = max(len(body), reserved) - max(len(files.body(file)), reserved)
    if more:
        take_memory(files.memory, files.prefix, more)
    files.write(file, body)


def _make_current(channel: Channel, file: FileNode) -> None:
    channel.transfer = None
    if file is not channel.file:
        channel.file, channel.record = file, 0
