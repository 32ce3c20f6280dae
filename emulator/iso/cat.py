# SPDX-License-Identifier: Apache-2.0
"""Commands of the toolkit: TERMINAL PROFILE, TERMINAL CAPABILITY, FETCH, TERMINAL RESPONSE, ENVELOPE.

TS 102 221 11.2 and 11.1.19, TS 102 223 6 and 7.
"""

from __future__ import annotations

from apdu.cat.terminal import TerminalCapability, TerminalProfile
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from apdu.errors import DecodeError
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.iso.toolkit import Toolkit

__all__ = ["Toolkit", "envelope", "fetch", "terminal_capability", "terminal_profile", "terminal_response"]


def _data(command: CommandApdu) -> bytes:
    """The data field of a command whose P1 and P2 are zero and that must have one."""
    if command.p1 or command.p2:
        raise CardError(SW.WRONG_P1P2)
    if not command.data:
        raise CardError(SW.WRONG_LENGTH)
    return command.data


def terminal_profile(channel: Channel, command: CommandApdu) -> bytes:
    """What the terminal can do; the proactive session starts."""
    channel.card.toolkit.terminal_profile(TerminalProfile(_data(command)))
    channel.card.introduced()
    return b""


def terminal_capability(channel: Channel, command: CommandApdu) -> bytes:
    """Power supply, channels, eUICC features of the terminal."""
    try:
        channel.card.toolkit.capability = TerminalCapability.from_tlv(_data(command))
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    return b""


def fetch(channel: Channel, command: CommandApdu) -> bytes:
    """The proactive command that 91xx announced."""
    if command.p1 or command.p2:
        raise CardError(SW.WRONG_P1P2)
    if command.data or command.le is None:
        raise CardError(SW.WRONG_LENGTH)
    return channel.card.toolkit.fetch(command.le)


def terminal_response(channel: Channel, command: CommandApdu) -> bytes:
    """How the terminal carried out the command that it fetched."""
    channel.card.toolkit.respond(_data(command))
    return b""


def envelope(channel: Channel, command: CommandApdu) -> bytes | ResponseApdu:
    """What the network or the terminal tells the card."""
    from emulator.iso.envelopes import receive  # with SMS and BIP, which a card in a plain reader never needs

    return receive(channel, _data(command))
