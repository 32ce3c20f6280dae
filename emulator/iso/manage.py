# SPDX-License-Identifier: Apache-2.0
"""MANAGE CHANNEL and GET RESPONSE (TS 102 221 11.1.17 and 11.1.19, GPCS 11.7)."""

from __future__ import annotations

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.cla import CLASSES, MAX_CHANNEL
from apdu.command.status import SW
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.current import leave_adf

__all__ = ["get_response", "manage_channel"]

_OPEN, _CLOSE = 0x00, 0x80


def manage_channel(channel: Channel, command: CommandApdu) -> bytes | ResponseApdu:
    """Open a channel (the card's choice with P2 00) or close one."""
    if command.p1 not in (_OPEN, _CLOSE) or command.p2 > MAX_CHANNEL:
        raise CardError(SW.WRONG_P1P2)
    if command.data:
        raise CardError(SW.WRONG_LENGTH)
    if command.p1 == _CLOSE:
        return _close(channel, command.p2)
    channels = channel.card.channels
    if not command.p2 and command.le not in (None, 1, 256, 65536):
        raise CardError(0x6C01)
    number = command.p2 or next((n for n in range(1, MAX_CHANNEL + 1) if n not in channels), 0)
    if not number:
        raise CardError(SW.FUNCTION_NOT_SUPPORTED)
    if number in channels:
        raise CardError(SW.CONDITIONS_OF_USE)
    channels[number] = opened = Channel(channel.card, number)
    if channel.number == 0:
        files = channel.card.files
        opened.directory = files.base.mf if files is not None else None
    else:  # the file context of the channel that asks; an application session is never inherited
        opened.directory, opened.adf, opened.file = channel.directory, channel.adf, channel.file
    return b"" if command.p2 else bytes((number,))


def _close(channel: Channel, number: int) -> bytes | ResponseApdu:
    if number == 0:
        raise CardError(SW.WRONG_P1P2)
    closed = channel.card.channels.pop(number, None)
    if closed is None:
        return ResponseApdu(b"", SW.CHANNEL_ALREADY_CLOSED)
    closed.leave_application()
    leave_adf(closed)
    return b""


def get_response(channel: Channel, command: CommandApdu) -> bytes:
    """Hand over what waits on this channel: exactly what is asked for, or 6Cxx with how much there is.

    A header alone asks for all: T=0 has no command without P3, and hosts that cut it off mean 00.
    """
    waiting = channel.pending
    available = min(len(waiting), 256)
    info = CLASSES[command.cla]
    if command.p1 or command.p2 or command.data or info is None:
        channel.pending = b""
        return (SW.WRONG_P1P2 if command.p1 or command.p2 else SW.WRONG_LENGTH).to_bytes(2, "big")
    le = min(command.le or 256, 256)
    if le > available and le != 256:
        return (0x6C00 | (available & 0xFF)).to_bytes(2, "big")
    data, channel.pending = waiting[:le], waiting[le:]
    if channel.pending:
        return data + bytes((0x61, min(len(channel.pending), 256) & 0xFF))
    return data + channel.pending_sw.to_bytes(2, "big")
