# SPDX-License-Identifier: Apache-2.0
"""The file that a command works on: the current one, or one named by a short file identifier (TS 102 221 8.2.2)."""

from __future__ import annotations

from apdu.command.status import SW
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.filesystem import FileSystem
from emulator.profile.base import FileNode

__all__ = ["file_system", "named_file", "rules_changed"]


def file_system(channel: Channel) -> FileSystem:
    """The visible file system; 6985 when no profile is enabled."""
    files = channel.card.files
    if files is None:
        raise CardError(SW.CONDITIONS_OF_USE)
    return files


def named_file(channel: Channel, sfi: int) -> FileNode:
    """The file with a short identifier in the current directory, the current file for 0.

    It becomes current (with an undefined record pointer) only when the command that names it ends well: that is the
    command's business.
    """
    if sfi == 0:
        if channel.file is None:
            raise CardError(SW.NO_CURRENT_EF)
        return channel.file
    directory = channel.directory
    file = directory.by_sfi.get(sfi) if directory is not None else None
    if file is None:
        raise CardError(SW.FILE_NOT_FOUND)
    return file


def rules_changed(channel: Channel, files: FileSystem, file: FileNode) -> None:
    """After a write: decisions that rest on this file, an EF_ARR, are void."""
    if file.target.id in files.rule_files:
        channel.card.access_epoch += 1
