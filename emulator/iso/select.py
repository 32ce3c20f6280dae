# SPDX-License-Identifier: Apache-2.0
"""SELECT and STATUS (TS 102 221 11.1.1, 11.1.2, GPCS 11.9). A SELECT that fails changes nothing."""

from __future__ import annotations

from typing import Final

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from apdu.ids import Aid
from apdu.tlv.scan import ber
from emulator.channels import Application, Channel
from emulator.errors import CardError
from emulator.fs.current import activate, enter, open_file, to_mf
from emulator.fs.filesystem import FileSystem, is_active
from emulator.fs.resolve import Node, by_identifier, by_path, child_directory
from emulator.profile.base import Directory, FileNode

__all__ = ["select", "status"]

_BY_IDENTIFIER: Final = 0x00
_CHILD: Final = 0x01
_PARENT: Final = 0x03
_BY_NAME: Final = 0x04
_PATH_FROM_MF: Final = 0x08
_PATH_FROM_CURRENT: Final = 0x09

_ANSWERS: Final = {0x00: True, 0x04: True, 0x0C: False}
"""P2 for files: whether the FCP template is returned. 00 is ISO's "FCI"; what a UICC has for that is the FCP."""
_TERMINATE: Final = 0x40
_NO_DATA: Final = 0x0C
_FIRST, _LAST, _NEXT, _PREVIOUS = range(4)
_MIN_NAME, _MAX_NAME = 5, 16
_MAX_PATH: Final = 16
_FILE: Final = FileNode


def select(channel: Channel, command: CommandApdu) -> bytes | ResponseApdu:
    """Make a file, directory or application current."""
    _, _, p1, p2, data, _, _ = command
    if p1 == _BY_NAME:
        return _select_by_name(channel, p2, data)
    wants_fcp = _ANSWERS.get(p2)
    if wants_fcp is None:
        raise CardError(SW.WRONG_P1P2)
    files = channel.card.files
    if p1 == _BY_IDENTIFIER:
        if len(data) != 2:
            raise CardError(SW.WRONG_LENGTH)
        if files is None:
            raise CardError(SW.FILE_NOT_FOUND)
        mf = files.base.mf
        node = by_identifier(data[0] << 8 | data[1], mf, channel.directory or mf, channel.adf)
    else:
        node = _resolve(channel, files, p1, data)
    if node is None or files is None:
        raise CardError(SW.FILE_NOT_FOUND)
    if type(node) is _FILE:
        open_file(channel, node)
    elif isinstance(node, Directory):
        enter(channel, node)
    return _answer(files, node, wants_fcp)


def _answer(files: FileSystem, node: Node, wants_fcp: bool) -> bytes | ResponseApdu:
    data = files.fcp(node) if wants_fcp else b""
    return data if is_active(files.state(node)) else ResponseApdu(data, SW.FILE_DEACTIVATED)


def _resolve(channel: Channel, files: FileSystem | None, p1: int, data: bytes) -> Node | None:
    """The rarer ways to name a file."""
    size = len(data)
    if p1 not in (_CHILD, _PARENT, _PATH_FROM_MF, _PATH_FROM_CURRENT):
        raise CardError(SW.WRONG_P1P2)
    expected = size == 0 if p1 == _PARENT else size == 2 if p1 == _CHILD else size % 2 == 0 and 0 < size <= _MAX_PATH
    if not expected:
        raise CardError(SW.WRONG_LENGTH)
    if files is None:
        return None
    directory = channel.directory or files.base.mf
    if p1 == _CHILD:
        return child_directory(data[0] << 8 | data[1], directory)
    if p1 == _PARENT:
        return directory.parent
    if p1 == _PATH_FROM_MF:
        return by_path(data, files.base.mf, channel.adf)
    return by_path(data, directory, None)


def _select_by_name(channel: Channel, p2: int, name: bytes) -> bytes | ResponseApdu:
    """By AID, whole or its first bytes; b2 b1 of P2 say which of several, b7 ends a session (TS 102 221 8.5)."""
    if p2 & 0xB0 or p2 & _NO_DATA == 0x08:
        raise CardError(SW.WRONG_P1P2)
    if not name:  # GP's "select the issuer security domain": an eUICC has none (GPCS 11.9.2.3)
        raise CardError(SW.FILE_NOT_FOUND)
    if not _MIN_NAME <= len(name) <= _MAX_NAME:
        raise CardError(SW.WRONG_LENGTH)
    found = _occurrence(channel, name, p2 & 0x03)
    if found is None:
        raise CardError(SW.FILE_NOT_FOUND)
    wants_data = p2 & _NO_DATA != _NO_DATA
    if p2 & _TERMINATE:
        return _terminate(channel, found, wants_data)
    if isinstance(found, Directory):
        files = channel.card.files
        assert files is not None  # it is one of its ADFs
        activate(channel, found)
        return _answer(files, found, wants_data)
    fci = channel.select_application(found)
    to_mf(channel)
    return fci if wants_data else b""


def _occurrence(channel: Channel, name: bytes, which: int) -> Directory | Application | None:
    """The first, last, next or previous application whose AID starts so; the latter two count from the current one."""
    candidates: list[tuple[Aid, Directory | Application]] = list(channel.card.selectable())
    if which in (_LAST, _PREVIOUS):
        candidates.reverse()
    if which in (_NEXT, _PREVIOUS):
        current = _current_aid(channel)
        position = next((at for at, (aid, _) in enumerate(candidates) if aid == current), -1)
        candidates = candidates[position + 1 :]
    return next((target for aid, target in candidates if aid.startswith(name)), None)


def _current_aid(channel: Channel) -> Aid | None:
    current = channel.application or channel.adf
    return current.aid if current is not None else None


def _terminate(channel: Channel, found: Directory | Application, wants_data: bool) -> bytes | ResponseApdu:
    """End the application session on this channel; the MF becomes current."""
    if found.aid != _current_aid(channel):
        raise CardError(SW.CONDITIONS_OF_USE)
    channel.leave_application()
    to_mf(channel)
    files = channel.card.files
    return _answer(files, files.base.mf, wants_data) if files is not None else b""


_STATUS_FCP, _STATUS_NAME, _STATUS_NO_DATA = 0x00, 0x01, 0x0C
_MAX_INDICATION: Final = 0x02


def status(channel: Channel, command: CommandApdu) -> bytes | ResponseApdu:
    """What is current; and the terminal's sign of life, at which a REFRESH that failed is offered again."""
    p1, p2 = command.p1, command.p2
    if p1 > _MAX_INDICATION or p2 not in (_STATUS_FCP, _STATUS_NAME, _STATUS_NO_DATA):
        raise CardError(SW.WRONG_P1P2)
    if command.data:
        raise CardError(SW.WRONG_LENGTH)
    card = channel.card
    files = card.files
    if p2 == _STATUS_NO_DATA:
        answer = b""
    elif p2 == _STATUS_NAME:
        answer = _current_name(channel)
    elif files is None:
        raise CardError(SW.CONDITIONS_OF_USE)
    else:
        answer = files.fcp(channel.directory or files.base.mf)
    card.toolkit.poll()
    return answer


def _current_name(channel: Channel) -> bytes:
    aid = _current_aid(channel)
    if aid is None:
        raise CardError(SW.CONDITIONS_OF_USE)
    return ber(0x84, aid)
