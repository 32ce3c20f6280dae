# SPDX-License-Identifier: Apache-2.0
"""ACTIVATE FILE and DEACTIVATE FILE (TS 102 221 11.1.14 and 11.1.15): elementary files only."""

from __future__ import annotations

from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.access import permit
from emulator.fs.current import open_file
from emulator.fs.filesystem import FileSystem
from emulator.fs.resolve import Node, by_identifier, by_path
from emulator.fs.rules import ACTIVATE, DEACTIVATE
from emulator.iso.current import file_system
from emulator.profile.base import FileNode

__all__ = ["activate_file", "deactivate_file"]

_ACTIVATED: Final = 0x05
_DEACTIVATED: Final = 0x04
_TERMINATED: Final = 0x0C
_NO_DATA_T0: Final = 256
"""What P3 00 reads as: on T=0 a command without data has one, and readers' hosts append it."""
_BY_IDENTIFIER: Final = 0x00
_PATH_FROM_MF: Final = 0x08
_PATH_FROM_CURRENT: Final = 0x09


def activate_file(channel: Channel, command: CommandApdu) -> bytes:
    """Let commands work on a file again."""
    return _change(channel, command, ACTIVATE, _ACTIVATED)


def deactivate_file(channel: Channel, command: CommandApdu) -> bytes:
    """Let no command but ACTIVATE FILE work on a file, unless its special information says otherwise."""
    return _change(channel, command, DEACTIVATE, _DEACTIVATED)


def _change(channel: Channel, command: CommandApdu, mode: int, lcs: int) -> bytes:
    """A file that is named becomes current with the command's success (U), as with SELECT."""
    files = file_system(channel)
    file = _named(channel, files, command)
    permit(channel, files, file, mode)
    if files.state(file) >= _TERMINATED:
        raise CardError(SW.CONDITIONS_OF_USE)
    files.set_state(file, lcs)
    channel.card.access_epoch += 1
    if file is not channel.file:
        open_file(channel, file)
    return b""


def _named(channel: Channel, files: FileSystem, command: CommandApdu) -> FileNode:
    """The current file, or one by its identifier or path."""
    p1, data = command.p1, command.data
    if command.p2 or p1 not in (_BY_IDENTIFIER, _PATH_FROM_MF, _PATH_FROM_CURRENT):
        raise CardError(SW.WRONG_P1P2)
    asked = command.le is not None and (bool(data) or command.le != _NO_DATA_T0)
    if asked or len(data) % 2 or (p1 == _BY_IDENTIFIER and len(data) > 2):
        raise CardError(SW.WRONG_LENGTH)
    if not data:
        if p1 != _BY_IDENTIFIER:
            raise CardError(SW.WRONG_LENGTH)
        if channel.file is None:
            raise CardError(SW.NO_CURRENT_EF)
        return channel.file
    mf = files.base.mf
    directory = channel.directory or mf
    node: Node | None
    if p1 == _BY_IDENTIFIER:
        node = by_identifier(int.from_bytes(data, "big"), mf, directory, channel.adf)
    elif p1 == _PATH_FROM_MF:
        node = by_path(data, mf, channel.adf)
    else:
        node = by_path(data, directory, None)
    if node is None:
        raise CardError(SW.FILE_NOT_FOUND)
    if not isinstance(node, FileNode):
        raise CardError(SW.WRONG_FILE_STRUCTURE)
    return node
