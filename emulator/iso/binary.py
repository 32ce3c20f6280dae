# SPDX-License-Identifier: Apache-2.0
"""READ BINARY and UPDATE BINARY (TS 102 221 11.1.3 and 11.1.4)."""

from __future__ import annotations

from typing import Final

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.access import authorise
from emulator.fs.rules import READ, UPDATE
from emulator.iso.current import file_system, named_file, rules_changed
from emulator.profile.base import FileKind, FileNode

__all__ = ["read_binary", "update_binary"]

_TRANSPARENT: Final = FileKind.TRANSPARENT
_BY_SFI: Final = 0x80
_SHORT: Final = 256
_EXTENDED: Final = 65536
_WRONG_LE: Final = 0x6C00


def _addressed(channel: Channel, p1: int, p2: int) -> tuple[FileNode, int]:
    """File and offset: a short identifier with an offset of 8 bits, or the current file with one of 15 bits."""
    if p1 & _BY_SFI:
        if p1 & 0x60:
            raise CardError(SW.WRONG_P1P2)
        return named_file(channel, p1 & 0x1F), p2
    return named_file(channel, 0), p1 << 8 | p2


def read_binary(channel: Channel, command: CommandApdu) -> bytes | ResponseApdu:
    """Read from a transparent file; Le 00 asks for what is there, up to 256 bytes."""
    _, _, p1, p2, data, le, _ = command
    card = channel.card
    files = card.files
    file = channel.file
    offset = p1 << 8 | p2
    if offset & 0x8000 or file is None or files is None:
        files = file_system(channel)
        file, offset = _addressed(channel, p1, p2)
    if le is None or data:
        raise CardError(SW.WRONG_LENGTH)
    if (file if file.link is None else file.target).kind is not _TRANSPARENT:
        raise CardError(SW.WRONG_FILE_STRUCTURE)
    if channel.granted_epoch != card.access_epoch or (file.id, READ) not in channel.granted:
        authorise(channel, files, file, READ)
    body = files.body(file)
    end = offset + le
    if end > len(body):
        return _read_to_the_end(channel, file, body[offset:], le)
    if file is not channel.file:
        channel.file, channel.record = file, 0
    return body[offset:end]


def _read_to_the_end(channel: Channel, file: FileNode, left: bytes, le: int) -> bytes | ResponseApdu:
    """More was asked for than there is: 6Cxx says how much, where two digits can say it."""
    if not left:
        raise CardError(SW.WRONG_OFFSET)
    if le not in (_SHORT, _EXTENDED) and len(left) <= _SHORT:
        raise CardError(_WRONG_LE | len(left) & 0xFF)
    if file is not channel.file:
        channel.file, channel.record = file, 0
    return left if le in (_SHORT, _EXTENDED) else ResponseApdu(left, SW.END_OF_FILE)


def update_binary(channel: Channel, command: CommandApdu) -> bytes | ResponseApdu:
    """Overwrite a part of a transparent file."""
    files = file_system(channel)
    file, offset = _addressed(channel, command.p1, command.p2)
    data = command.data
    if not data:
        raise CardError(SW.WRONG_LENGTH)
    if file.target.kind is not _TRANSPARENT:
        raise CardError(SW.WRONG_FILE_STRUCTURE)
    authorise(channel, files, file, UPDATE)
    body = files.body(file)
    if offset >= len(body):
        raise CardError(SW.WRONG_OFFSET)
    if offset + len(data) > len(body):
        raise CardError(SW.NOT_ENOUGH_MEMORY)
    files.write(file, body[:offset] + data + body[offset + len(data) :])
    rules_changed(channel, files, file)
    if file is not channel.file:
        channel.file, channel.record = file, 0
    return b""
