# SPDX-License-Identifier: Apache-2.0
"""What is current on a logical channel: directory, file, record and the application session of an ADF (TS 102 221 8.4).

Whatever a SELECT makes current ends the session of a security domain on that channel; an ADF's session ends only when
another application is selected or it is terminated, and its local PINs count as verified no longer then.
"""

from __future__ import annotations

from emulator.channels import Channel
from emulator.fs.pins import is_local
from emulator.profile.base import Directory, FileNode

__all__ = ["activate", "enter", "leave_adf", "open_file", "to_mf"]


def enter(channel: Channel, directory: Directory) -> None:
    """Make a directory current; no file is."""
    if channel.application is not None:
        channel.leave_application()
    channel.directory = directory
    channel.file = None
    channel.record = 0
    channel.transfer = None


def open_file(channel: Channel, file: FileNode) -> None:
    """Make a file current, and the directory that holds it."""
    if channel.application is not None:
        channel.leave_application()
    channel.directory = file.parent
    channel.file = file
    channel.record = 0
    channel.transfer = None


def activate(channel: Channel, adf: Directory) -> None:
    """Begin or continue the session of an ADF and make it current."""
    if channel.adf is not adf:
        leave_adf(channel)
        channel.adf = adf
    enter(channel, adf)


def to_mf(channel: Channel) -> None:
    """End the session of an ADF, if there is one; the MF becomes current, where a profile is enabled."""
    leave_adf(channel)
    files = channel.card.files
    channel.directory = files.base.mf if files is not None else None
    channel.file = None
    channel.record = 0
    channel.transfer = None


def leave_adf(channel: Channel) -> None:
    """End the session of an ADF: its local PINs must be verified again, unless another channel has it active (U)."""
    left, channel.adf = channel.adf, None
    if left is None:
        return
    card = channel.card
    channel.granted_epoch = -1  # decisions may rest on the local PINs of that ADF
    verified = {key for key in card.verified if is_local(key[1])}
    if not verified:
        return
    active: set[int] = set()
    for other in card.channels.values():
        if other is not channel and other.adf is not None:
            active |= _contexts(other.adf)
    lost = _contexts(left) - active
    card.verified -= {key for key in verified if key[0] in lost}


def _contexts(directory: Directory) -> set[int]:
    """The PIN contexts of an ADF and of the DFs in it."""
    found = {directory.context}
    for child in directory.children.values():
        if isinstance(child, Directory):
            found |= _contexts(child)
    return found
