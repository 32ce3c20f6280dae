# SPDX-License-Identifier: Apache-2.0
"""Which file a SELECT means (TS 102 221 8.4): pure functions over the tree of a profile.

The temporary identifier of an ADF is for paths inside the package only: no SELECT finds an ADF by it. The current ADF
is 7FFF.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from emulator.profile.base import Directory, DirectoryKind, FileNode

__all__ = ["CURRENT_ADF", "MF", "Node", "by_identifier", "by_path", "child_directory"]

MF: Final = 0x3F00
CURRENT_ADF: Final = 0x7FFF
_ADF: Final = DirectoryKind.ADF

Node: TypeAlias = Directory | FileNode


def by_identifier(fid: int, mf: Directory, directory: Directory, adf: Directory | None) -> Node | None:
    """The MF, the current ADF, the current DF, a child of it, its parent, a DF beside it: in this order."""
    if fid == MF:
        return mf
    if fid == CURRENT_ADF:
        return adf
    is_adf = directory.kind is _ADF
    if fid == directory.fid and not is_adf:
        return directory
    node = directory.children.get(fid)
    if node is not None:
        return None if node.kind is _ADF else node
    above = directory.parent
    if above is None or is_adf:  # an ADF lies beside the tree of the MF: it has no DFs beside it
        return None
    if fid == above.fid:
        return None if above.kind is _ADF else above
    node = above.children.get(fid)
    return node if isinstance(node, Directory) and node.kind is not _ADF else None


def child_directory(fid: int, directory: Directory) -> Directory | None:
    """A DF right under the current one."""
    node = directory.children.get(fid)
    return node if isinstance(node, Directory) and node.kind is not _ADF else None


def by_path(path: bytes, start: Directory, adf: Directory | None) -> Node | None:
    """Follow file identifiers downwards; 7FFF as the first of them is the current ADF."""
    node: Node | None = start
    for at in range(0, len(path), 2):
        fid = path[at] << 8 | path[at + 1]
        if not isinstance(node, Directory):
            return None
        node = adf if fid == CURRENT_ADF and at == 0 else node.children.get(fid)
        if node is not None and node.kind is _ADF and (fid != CURRENT_ADF or at):
            return None
    return node
