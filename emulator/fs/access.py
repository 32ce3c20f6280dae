# SPDX-License-Identifier: Apache-2.0
"""Whether a command may touch a file: its access rule against what the card holder has shown (TS 102 221 9).

Decisions are kept per channel until something they rest on changes: `Card.access_epoch` counts those changes (a PIN
verified, failed, enabled or disabled, an EF_ARR written, a life cycle state changed). Only permissions are kept.
"""

from __future__ import annotations

from typing import Final

from apdu.command.status import SW
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.filesystem import READABLE_WHEN_DEACTIVATED, FileSystem, is_active
from emulator.fs.pins import is_application_pin
from emulator.fs.resolve import Node
from emulator.fs.rules import NO_RULE, READ, UPDATE, Rule, compile_rule
from emulator.profile.base import Directory, FileNode

__all__ = ["authorise", "permit", "reference_met", "rule_of"]

_MAX_GRANTS: Final = 32
"""How many decisions a channel keeps: a terminal that reads every file once must not cost memory for ever."""


def rule_of(files: FileSystem, node: Node) -> Rule:
    """The access rule of a file or directory: nothing is allowed where EF_ARR or its record is missing.

    EF_ARR is searched from the directory that holds the file upwards; that of the MF is its own (TS 102 221 9.2.7).
    """
    fid, number = node.arr
    directory: Directory | None = node.parent if node.parent is not None else files.base.mf
    while directory is not None:
        rules = directory.children.get(fid)
        if isinstance(rules, FileNode):
            if rules.target.id not in files.rule_files:
                files.rule_files |= {rules.target.id}
            record = files.record(rules, number)
            return NO_RULE if record is None else compile_rule(record)
        directory = directory.parent
    return NO_RULE


def reference_met(channel: Channel, directory: Directory, reference: int) -> bool:
    """Whether a key reference counts as verified for a file in a directory.

    It must stand in the directory's PIN status template; a disabled PIN is met, one that the universal PIN replaces is
    met by that one (TS 102 221 9.5.2).
    """
    card = channel.card
    files = card.files
    if files is None or reference not in directory.pin_references:
        return False
    key = files.pins.key(reference, directory, channel.adf)
    if key is None:
        return False
    state = files.pins.state(key)
    if state.enabled:
        return key in card.verified
    if not (state.replaced and is_application_pin(reference)):
        return True
    universal = files.pins.universal()
    return universal is not None and (universal in card.verified or not files.pins.state(universal).enabled)


def permit(channel: Channel, files: FileSystem, node: Node, mode: int) -> None:
    """Refuse with 6982 what the rule of a file or directory does not allow, whatever its life cycle state."""
    directory = node if isinstance(node, Directory) else node.parent
    if not rule_of(files, node).allows(mode, lambda reference: reference_met(channel, directory, reference)):
        raise CardError(SW.SECURITY_STATUS)


def authorise(channel: Channel, files: FileSystem, node: FileNode, mode: int) -> None:
    """Remember that a mode of access is allowed, or refuse: 6982 by the rule, 6984 when the file is deactivated."""
    card = channel.card
    if channel.granted_epoch != card.access_epoch:
        channel.granted = set()
        channel.granted_epoch = card.access_epoch
    elif (node.id, mode) in channel.granted:
        return
    elif len(channel.granted) >= _MAX_GRANTS:
        channel.granted = set()
    permit(channel, files, node, mode)
    if not is_active(files.state(node)):
        works = mode in (READ, UPDATE) and node.target.special & READABLE_WHEN_DEACTIVATED
        if not works:
            raise CardError(SW.DATA_INVALIDATED)
    channel.granted.add((node.id, mode))
