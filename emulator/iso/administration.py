# SPDX-License-Identifier: Apache-2.0
"""CREATE FILE, DELETE FILE and RESIZE FILE (TS 102 222 6.3, 6.4, 6.10), where the access rules let them.

ADFs come with the profile package only, and stay. TERMINATE is not supported.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.fcp import PIN_STATUS, SECURITY, SFI, PinStatus, SecurityReference
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.tlv.declare import BYTE, RAW, UINT16, Template, tlv
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.access import authorise, permit
from emulator.fs.current import enter, open_file
from emulator.fs.filesystem import FileSystem
from emulator.fs.growth import FIRST_ID, NODE_BYTES, NodeRecord, subtree, take_memory
from emulator.fs.resolve import Node
from emulator.fs.rules import CREATE_DF, CREATE_EF, DELETE_SELF, RESIZE
from emulator.iso.current import file_system
from emulator.profile.base import Directory, DirectoryKind, FileKind, FileNode

__all__ = ["create_file", "delete_file", "resize_file"]

_RESERVED: Final = frozenset({0x3F00, 0x3FFF, 0x7FFF, 0xFFFF})
_STATES: Final = frozenset({0x01, 0x03, 0x04, 0x05})
_DIRECTORY: Final = 0x38
_SHAREABLE: Final = 0x40
_DATA_CODING: Final = 0x21
_MAX_SIZE: Final = 0xFFFF
_MAX_RECORD: Final = 255
_MAX_RECORDS: Final = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class _Proprietary(Template, tag=0xA5, clause="TS 102 222 6.3.2.2.2", open=True):
    """What a file holds at first: a pattern whose last byte goes on, or one that repeats; else FF."""

    maximum_size: bytes | None = tlv(0x86, RAW, optional=True)
    special: int = tlv(0xC0, BYTE, optional=True, default=0)
    fill: bytes = tlv(0xC1, RAW, optional=True, default=b"")
    repeat: bytes = tlv(0xC2, RAW, optional=True, default=b"")

    def body(self, size: int, record_length: int) -> bytes:
        """The first contents; a pattern starts anew in every record."""
        if record_length:
            return self.body(record_length, 0) * (size // record_length)
        if self.repeat:
            return (self.repeat * (size // len(self.repeat) + 1))[:size]
        fill = self.fill or b"\xff"
        return fill[:size].ljust(size, fill[-1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parameters(Template, tag=0x62, clause="TS 102 222 6.3.2"):
    """The data field of CREATE FILE and RESIZE FILE."""

    descriptor: bytes | None = tlv(0x82, RAW, optional=True)
    fid: int = tlv(0x83, UINT16)
    proprietary: _Proprietary = tlv(0xA5, _Proprietary, optional=True, default=_Proprietary())
    lcs: int = tlv(0x8A, BYTE, optional=True, default=0x05)
    security: SecurityReference | None = tlv(0x8B, SECURITY, optional=True)
    pin_status: PinStatus | None = tlv(0xC6, PIN_STATUS, optional=True)
    size: bytes | None = tlv(0x80, RAW, optional=True)
    total_size: bytes | None = tlv(0x81, RAW, optional=True)
    sfi: int | None = tlv(0x88, SFI, optional=True)

    @property
    def file_size(self) -> int:
        """Tag 80; 6A80 without it."""
        return _number(self.size)


def _number(raw: bytes | None) -> int:
    if raw is None or not 1 <= len(raw) <= 4 or not 1 <= (value := int.from_bytes(raw, "big")) <= _MAX_SIZE:
        raise CardError(SW.WRONG_DATA)
    return value


def _parameters(command: CommandApdu) -> _Parameters:
    if command.p1 or command.p2:
        raise CardError(SW.WRONG_P1P2)
    if not command.data or command.le is not None:
        raise CardError(SW.WRONG_LENGTH)
    try:
        return _Parameters.from_tlv(command.data)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None


def _here(channel: Channel, files: FileSystem) -> Directory:
    return channel.directory or files.base.mf


def create_file(channel: Channel, command: CommandApdu) -> bytes:
    """Make an EF or DF in the current directory; it becomes current."""
    files = file_system(channel)
    given = _parameters(command)
    directory = _here(channel, files)
    record = _new_node(given, directory)
    permit(channel, files, directory, CREATE_DF if record.references else CREATE_EF)
    fid = given.fid
    temporary = {adf.fid for adf in files.base.adfs} if directory.kind is DirectoryKind.MF else set()
    if fid in directory.children or fid == directory.fid or fid in temporary:
        raise CardError(SW.FILE_EXISTS)
    if record.sfi is not None and record.sfi in directory.by_sfi:
        if given.sfi is not None:
            raise CardError(SW.WRONG_DATA)
        record = replace(record, sfi=None)
    number = max(FIRST_ID, *(node + 1 for node in files.changes)) if files.changes else FIRST_ID
    take_memory(files.memory, files.prefix, NODE_BYTES + record.size)
    files.change_tree({number: record})
    node = files.node(number)
    _regrown(channel, files)
    if isinstance(node, FileNode):
        if node.kind is not FileKind.BER_TLV:
            files.write(node, given.proprietary.body(record.size, record.record_length))
        open_file(channel, node)
    elif node is not None:
        enter(channel, node)
    return b""


def _new_node(given: _Parameters, directory: Directory) -> NodeRecord:
    """What is to be made, if the parameters fit together; 6A80 otherwise."""
    descriptor, security = given.descriptor or b"", given.security
    known = len(descriptor) in (2, 4, 5) and descriptor[1] == _DATA_CODING
    if not known or security is None or security.by_environment or given.lcs not in _STATES:
        raise CardError(SW.WRONG_DATA)
    if given.fid in _RESERVED:
        raise CardError(SW.WRONG_DATA)
    shared = replace(
        NodeRecord(),
        parent=(directory.link or directory).id,
        fid=given.fid,
        rule_file=security.fid,
        rule=security.record,
        lcs=given.lcs,
    )
    code = descriptor[0] & ~_SHAREABLE
    if code == _DIRECTORY:
        return _new_directory(given, directory, shared)
    try:
        kind = FileKind(code | _SHAREABLE)
    except ValueError:
        raise CardError(SW.WRONG_DATA) from None
    if given.pin_status is not None:
        raise CardError(SW.WRONG_DATA)
    size = given.file_size
    length = int.from_bytes(descriptor[2:4], "big")
    if kind in (FileKind.LINEAR, FileKind.CYCLIC):
        _check_records(size, length)
    elif length:
        raise CardError(SW.WRONG_DATA)
    maximum = given.proprietary.maximum_size
    limit = _number(maximum) if maximum is not None and kind is FileKind.BER_TLV else None
    sfi = given.sfi if given.sfi is not None else given.fid & 0x1F
    return replace(
        shared,
        descriptor=kind.value,
        size=size,
        record_length=length,
        maximum_size=limit,
        sfi=sfi if 1 <= sfi <= 30 else None,
        special=given.proprietary.special,
    )


def _new_directory(given: _Parameters, directory: Directory, shared: NodeRecord) -> NodeRecord:
    """A DF with PINs of the directory that it lies in: a card makes no new ones (D)."""
    references = [entry.reference for entry in given.pin_status.entries] if given.pin_status is not None else []
    if not references or len(set(references)) != len(references) or not set(references) <= {*directory.pin_references}:
        raise CardError(SW.WRONG_DATA)
    return replace(shared, references=bytes(references))


def _check_records(size: int, length: int) -> None:
    if not 1 <= length <= _MAX_RECORD or size % length or size // length > _MAX_RECORDS:
        raise CardError(SW.WRONG_DATA)


def delete_file(channel: Channel, command: CommandApdu) -> bytes:
    """Delete a child of the current directory, or that itself, by the rule of what is deleted (U: not the parent's)."""
    files = file_system(channel)
    if command.p1 or command.p2:
        raise CardError(SW.WRONG_P1P2)
    if len(command.data) != 2 or command.le is not None:
        raise CardError(SW.WRONG_LENGTH)
    fid = int.from_bytes(command.data, "big")
    directory = _here(channel, files)
    node: Node | None = directory.children.get(fid)
    if node is None and fid == directory.fid and directory.kind is not DirectoryKind.ADF:
        node = directory
    if node is None or node.kind is DirectoryKind.ADF:
        raise CardError(SW.FILE_NOT_FOUND)
    parent = node.parent
    if parent is None:  # the MF
        raise CardError(SW.CONDITIONS_OF_USE)
    permit(channel, files, node, DELETE_SELF)
    doomed = list(subtree(node))
    _require_unused(channel, files, doomed)
    take_memory(files.memory, files.prefix, -sum(_taken(files, each) for each in doomed))
    files.delete_tree(node, doomed)
    shown = parent if directory is node or directory.link is None else directory
    channel.directory, channel.file = shown, None
    _regrown(channel, files)
    enter(channel, _here(channel, files))
    return b""


def _taken(files: FileSystem, node: Node) -> int:
    """Bytes of memory that a file or directory takes; objects may go beyond the reserved size of their file."""
    if isinstance(node, Directory) or node.link is not None:
        return NODE_BYTES
    return NODE_BYTES + max(node.size, len(files.body(node)))


def _require_unused(channel: Channel, files: FileSystem, doomed: list[Node]) -> None:
    """6985 when something is current on another channel, or a file or directory that stays links to it (U)."""
    gone = {node.id for node in doomed}
    for other in channel.card.channels.values():
        current = {node.id for node in (other.directory, other.file) if node is not None}
        if other is not channel and current & gone:
            raise CardError(SW.CONDITIONS_OF_USE)
    for root in (files.base.mf, *files.base.adfs):
        for node in subtree(root):
            if node.id not in gone and node.link is not None and node.link.id in gone:
                raise CardError(SW.CONDITIONS_OF_USE)


def resize_file(channel: Channel, command: CommandApdu) -> bytes:
    """Give a file of the current directory another size; it becomes current.

    Records keep their numbers: a smaller cyclic file loses its oldest ones (U).
    """
    files = file_system(channel)
    given = _parameters(command)
    node = _here(channel, files).children.get(given.fid)
    if node is None or node.kind is DirectoryKind.ADF:
        raise CardError(SW.FILE_NOT_FOUND)
    if not isinstance(node, FileNode):
        raise CardError(SW.WRONG_FILE_STRUCTURE)
    authorise(channel, files, node, RESIZE)
    if node.target.kind is FileKind.BER_TLV:
        _resize_objects(files, node, given)
    else:
        _resize_body(files, node, given)
    _regrown(channel, files)
    resized = files.node(node.id)
    if isinstance(resized, FileNode):
        open_file(channel, resized)
    return b""


def _resize_body(files: FileSystem, node: FileNode, given: _Parameters) -> None:
    size, target = given.file_size, node.target
    if target.record_length:
        _check_records(size, target.record_length)
    body = files.body(node)
    take_memory(files.memory, files.prefix, size - target.size)
    files.resize(target, size)
    resized = files.node(target.id)
    assert isinstance(resized, FileNode)
    files.write(resized, (body + given.proprietary.body(size, target.record_length)[len(body) :])[:size])


def _resize_objects(files: FileSystem, node: FileNode, given: _Parameters) -> None:
    """A BER-TLV file: 80 is the reserved size, 86 the maximum; 6A84 when the objects in it would not fit (U)."""
    target, limit = node.target, given.proprietary.maximum_size
    maximum = target.maximum_size if limit is None else _number(limit)
    size = target.size if given.size is None and limit is not None else given.file_size
    if maximum is not None and maximum < size:
        raise CardError(SW.WRONG_DATA)
    taken = len(files.body(node))
    if taken > max(size, maximum or 0):
        raise CardError(SW.NOT_ENOUGH_MEMORY)
    take_memory(files.memory, files.prefix, max(size, taken) - max(target.size, taken))
    files.resize(target, size, maximum)


def _regrown(channel: Channel, files: FileSystem) -> None:
    """What is current on every channel, in the tree as it is now; no decision made before counts."""
    card = channel.card
    card.access_epoch += 1
    for each in card.channels.values():
        each.transfer = None
        for_directory = files.node(each.directory.id) if each.directory is not None else None
        for_adf = files.node(each.adf.id) if each.adf is not None else None
        for_file = files.node(each.file.id) if each.file is not None else None
        each.directory = for_directory if isinstance(for_directory, Directory) else None
        each.adf = for_adf if isinstance(for_adf, Directory) else None
        each.file = for_file if isinstance(for_file, FileNode) else None
