# SPDX-License-Identifier: Apache-2.0
"""From file control parameters to files and directories, with or without a template behind them (SAIP 8.3)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from apdu.profile.elements.files import Fcp
from apdu.profile.response import Status
from apdu.profile.templates.model import FileTemplate, FileType
from emulator.profile.base import Directory, DirectoryKind, FileKind, FileNode
from emulator.profile.interpreter.assembly import Assembly
from emulator.profile.interpreter.contents import (
    Writes,
    ber_tlv_body,
    body,
    default_size,
    number,
    structure,
)
from emulator.profile.interpreter.outcome import Refused

__all__ = ["MF", "create_directory", "create_file"]

MF: Final = 0x3F00
EF_ARR_MF: Final = 0x2F06
EF_ARR_DF: Final = 0x6F06
_RESERVED: Final = frozenset({MF, 0x3FFF, 0x7FFF, 0xFFFF})
_LIFE_CYCLES: Final = frozenset({0x01, 0x03, 0x04, 0x05, 0x06, 0x07})
_KEY_REFERENCES: Final = frozenset(
    (*range(0x01, 0x09), *range(0x0A, 0x0F), 0x11, *range(0x81, 0x89), *range(0x8A, 0x8F))
)
_KINDS: Final = {
    FileType.TRANSPARENT: FileKind.TRANSPARENT,
    FileType.LINEAR: FileKind.LINEAR,
    FileType.CYCLIC: FileKind.CYCLIC,
    FileType.BER_TLV: FileKind.BER_TLV,
}
_LINEAR, _CYCLIC, _BER_TLV = FileKind.LINEAR, FileKind.CYCLIC, FileKind.BER_TLV
_BLANK: Final = Fcp()


def _identifier(row: FileTemplate | None, fcp: Fcp) -> int:
    raw = fcp.file_id
    if raw is not None:
        return raw[0] << 8 | raw[1]
    if row is None or row.fid is None:
        raise Refused(Status.BAD_VALUES, "a file without file identifier")
    return row.fid


@lru_cache(maxsize=512)
def _given_rule(rule: bytes, implied: int) -> tuple[int, int]:
    """EF_ARR and record: three bytes name both, one byte only the record (SAIP 8.3.4); one object for equal rules."""
    if len(rule) == 3:
        return rule[0] << 8 | rule[1], rule[2]
    if len(rule) == 1:
        return implied, rule[0]
    raise Refused(Status.BAD_VALUES, f"securityAttributesReferenced {rule.hex().upper()}")


def _access_rule(row: FileTemplate | None, rule: bytes | None, implied: int) -> tuple[int, int]:
    """The access rule of the package, else that of the template."""
    if rule is not None:
        return _given_rule(rule, implied)
    if row is None:
        raise Refused(Status.BAD_VALUES, "no securityAttributesReferenced")
    return implied, row.arr


def _short_identifier(row: FileTemplate | None, short_id: bytes | None, fid: int) -> int | None:
    """SFI of the package, of the template, or the low bits of the file identifier; None where the file has none."""
    if short_id is None:
        if row is not None:
            return row.sfi
        sfi = fid & 0x1F
        return sfi if 0 < sfi < 0x1F else None
    if not short_id:
        return None
    sfi = short_id[0] >> 3
    if short_id[0] & 0x07 or not 0 < sfi < 0x1F:
        raise Refused(Status.BAD_VALUES, f"shortEFID {short_id.hex().upper()}")
    return sfi


def _life_cycle(fcp: Fcp) -> int:
    if fcp.life_cycle is None:
        return 0x05
    if fcp.life_cycle[0] not in _LIFE_CYCLES:
        raise Refused(Status.BAD_VALUES, f"life cycle {fcp.life_cycle.hex().upper()}")
    return fcp.life_cycle[0]


def _check(fcp: Fcp, *, directory: bool) -> None:
    """Members that the module names and that this kind of file may not have; those that it does not name at all."""
    info = fcp.proprietary
    if fcp.extensions or (info is not None and info.extensions):
        raise Refused(Status.INVALID_PARAMETER, "an unknown file control parameter")
    if directory:
        if fcp.size is not None or fcp.short_id is not None or info is not None:
            raise Refused(Status.INVALID_PARAMETER, "a directory with parameters of an EF")
    elif fcp.pin_status is not None or fcp.df_name is not None:
        raise Refused(Status.INVALID_PARAMETER, "an EF with parameters of a directory")


def _place(parent: Directory, fid: int, node: FileNode | Directory) -> None:
    if fid in parent.children or fid in _RESERVED:
        raise Refused(Status.BAD_VALUES, f"file identifier {fid:04X} is in use or reserved")
    parent.children[fid] = node


def create_file(
    assembly: Assembly, parent: Directory, row: FileTemplate | None, fcp: Fcp | None, writes: Writes
) -> FileNode:
    """Make an EF; without a template (`row`) the package gives everything."""
    given = _BLANK if fcp is None else fcp
    if fcp is not None:
        _check(fcp, directory=False)
    if given.link_path:
        return _create_link(assembly, parent, row, given, writes)
    if given.descriptor is not None:
        kind, record_length = structure(given.descriptor)
        if row is not None and not record_length:
            record_length = row.record_length
    elif row is not None:
        kind, record_length = _KINDS[row.type], row.record_length
    else:
        raise Refused(Status.BAD_VALUES, "no fileDescriptor")
    if kind is None:
        raise Refused(Status.BAD_VALUES, "the file descriptor of a directory for an EF")
    if given.size is not None:
        size = number(given.size, "efFileSize")
    elif (default := default_size(row, record_length, writes)) is not None:
        size = default
    else:
        raise Refused(Status.BAD_VALUES, "no efFileSize")
    node = _node(assembly, parent, row, given, kind)
    node.size = size
    assembly.take(size)
    if kind is _LINEAR or kind is _CYCLIC:
        if not record_length or size % record_length or not 1 <= size // record_length <= 0xFE:
            raise Refused(Status.BAD_VALUES, f"a file of {size} bytes with records of {record_length}")
        node.record_length = record_length
    if (info := given.proprietary) is not None:
        node.special = info.special[0] if info.special is not None else 0
    elif row is not None:
        node.special = row.special
    if kind is _BER_TLV:
        _write_objects(assembly, node, given, writes)
    else:
        node.content = assembly.share(body(row, given, size, node.record_length, writes))
    return node


def _write_objects(assembly: Assembly, node: FileNode, fcp: Fcp, writes: Writes) -> None:
    """Give a BER-TLV file its data objects."""
    assembly.require_service("ber-tlv")
    info = fcp.proprietary
    if info is not None and info.maximum_size is not None:
        node.maximum_size = number(info.maximum_size, "maximumFileSize")
    node.content = ber_tlv_body(writes, max(node.size, node.maximum_size or 0))


def _node(assembly: Assembly, parent: Directory, row: FileTemplate | None, fcp: Fcp, kind: FileKind) -> FileNode:
    """A file in its directory with everything but its body."""
    fid = _identifier(row, fcp)
    node = FileNode(assembly.node_id(), fid, kind, parent)
    _place(parent, fid, node)
    node.arr = _access_rule(row, fcp.access_rule, EF_ARR_MF if parent.parent is None else EF_ARR_DF)
    if (sfi := _short_identifier(row, fcp.short_id, fid)) is not None:
        node.sfi = sfi
        parent.by_sfi.setdefault(sfi, node)
    if fcp.life_cycle is not None:
        node.lcs = _life_cycle(fcp)
    if row is not None:
        node.label = row.name
    return node


def _create_link(assembly: Assembly, parent: Directory, row: FileTemplate | None, fcp: Fcp, writes: Writes) -> FileNode:
    """A file that shares the body of another one: its own descriptor, size and patterns are ignored (SAIP 8.3.4)."""
    target = assembly.resolve(fcp.link_path or b"")
    if not isinstance(target, FileNode):
        raise Refused(Status.BAD_VALUES, "a link of an EF to a directory")
    if writes:
        raise Refused(Status.INVALID_PARAMETER, "content for a link")
    target = target.target
    node = _node(assembly, parent, row, fcp, target.kind)
    node.link = target
    node.size = target.size
    node.record_length = target.record_length
    node.maximum_size = target.maximum_size
    node.special = target.special
    node.content = target.content
    return node


def create_directory(
    assembly: Assembly, parent: Directory | None, row: FileTemplate | None, fcp: Fcp, kind: DirectoryKind
) -> Directory:
    """Make the MF, a DF or an ADF; `parent` is None for the MF only."""
    _check(fcp, directory=True)
    if fcp.descriptor is not None and structure(fcp.descriptor).kind is not None:
        raise Refused(Status.BAD_VALUES, "the file descriptor of an EF for a directory")
    if fcp.pin_status is None:
        raise Refused(Status.BAD_VALUES, "a directory without pinStatusTemplateDO")
    fid = _identifier(row, fcp)
    target = None
    if fcp.link_path:
        assembly.require_service("dfLink")
        target = assembly.resolve_directory(fcp.link_path)
    directory = Directory(assembly.node_id(), fid, kind, parent)
    if kind is DirectoryKind.MF:
        if fid != MF or directory.id:
            raise Refused(Status.INVALID_PARAMETER, "an MF that is not the first file")
        assembly.mf = directory
    elif kind is DirectoryKind.ADF:
        if fcp.df_name is None:
            raise Refused(Status.BAD_VALUES, "an ADF without dfName")
        if fid in assembly.adfs or fid in assembly.require_mf().children or fid in _RESERVED:
            raise Refused(Status.BAD_VALUES, f"temporary file identifier {fid:04X} is in use or reserved")
        assembly.claim_aid(fcp.df_name)
        directory.aid = fcp.df_name
    else:
        assert parent is not None
        if parent.kind is DirectoryKind.MF and fid in assembly.adfs:
            raise Refused(Status.BAD_VALUES, f"file identifier {fid:04X} is that of an ADF")
        _place(parent, fid, directory)
    if fcp.df_name is not None and kind is not DirectoryKind.ADF:
        raise Refused(Status.INVALID_PARAMETER, "a dfName that is not of an ADF")
    own_rule = kind is not DirectoryKind.DF or (parent is not None and parent.kind is DirectoryKind.MF)
    directory.arr = _access_rule(row, fcp.access_rule, EF_ARR_MF if own_rule else EF_ARR_DF)
    directory.lcs = _life_cycle(fcp)
    directory.pin_references = _pin_references(fcp.pin_status)
    if row is not None:
        directory.label = row.name
    if target is not None:
        if parent is not None and _leads_to(target, parent):
            raise Refused(Status.BAD_VALUES, f"directory {fid:04X} links to what it lies in")
        directory.link_to(target)
    assembly.register(directory)
    return directory


def _leads_to(start: Directory, goal: Directory) -> bool:
    """Whether the second directory is the first or lies under it, links included: a link must make no circle."""
    seen: set[int] = set()
    waiting = [start]
    while waiting:
        directory = waiting.pop()
        if directory.children is goal.children:
            return True
        if id(directory.children) not in seen:
            seen.add(id(directory.children))
            waiting += [node for node in directory.children.values() if isinstance(node, Directory)]
    return False


def _pin_references(references: bytes) -> tuple[int, ...]:
    """The key references of a directory; they are all that pinStatusTemplateDO holds (SAIP 8.3.4)."""
    if not references or len(set(references)) != len(references) or not _KEY_REFERENCES.issuperset(references):
        raise Refused(Status.BAD_VALUES, f"pinStatusTemplateDO {references.hex().upper()}")
    return tuple(references)
