# SPDX-License-Identifier: Apache-2.0
"""STORE DATA on a security domain: blocks joined into data groupings, handed to whom they are for (GPCS 11.11).

After INSTALL [for personalization] the chain is for that application, until its last block, another selection, or
another INSTALL (GPCS 11.5.2.3.6). A `Receiver` gets each block with the data groupings that it completed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from apdu.gp.store_data import Block, Encryption, StoreDataChain, StoreDataError
from apdu.keys.agreement import AgreementCard
from apdu.tlv.scan import Tlv
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.sd.domain import authorised, domain_of

__all__ = ["Receiver", "StoreState", "forward_to", "require_clear", "store_data"]

_LIMIT: Final = 16
"""Data groupings that one chain may leave waiting."""

Receiver = Callable[[Channel, "StoreState", Block], bytes]
"""Takes one block of a chain; returns response data."""


class StoreState:
    """A chain under way on one channel."""

    __slots__ = ("agreement", "chain", "groups", "raw", "receiver")

    def __init__(self, receiver: Receiver | None = None) -> None:
        self.chain = StoreDataChain()
        self.receiver = receiver
        """Who the chain is forwarded to; None while it is for the selected domain itself."""
        self.groups: list[Tlv] = []
        """Complete data groupings that wait for the ones that belong to them."""
        self.raw = b""
        """Those groupings as received: a signature covers these bytes."""
        self.agreement: AgreementCard | None = None
        """A key agreement that waits for its second command."""

    def add(self, block: Block) -> list[Tlv]:
        """Keep the groupings that a block completed; returns all that wait."""
        self.groups.extend(block.groups)
        self.raw += block.raw
        if len(self.groups) > _LIMIT:
            raise CardError(SW.WRONG_DATA)
        return self.groups

    def clear(self) -> None:
        """What waited has been dealt with."""
        self.groups = []
        self.raw = b""


def forward_to(channel: Channel, receiver: Receiver) -> None:
    """INSTALL [for personalization] was accepted: the next chain is for another application."""
    channel.store = StoreState(receiver)


def require_clear(block: Block) -> None:
    """Refuse (6A86) data whose P1 says that they are encrypted once more, where no such data exist."""
    if block.mode.encryption is not Encryption.NONE:
        raise CardError(SW.WRONG_P1P2)


def store_data(channel: Channel, command: CommandApdu) -> bytes:
    """Take one block. A block that fails drops its chain."""
    authorised(channel)
    state = channel.store
    if not isinstance(state, StoreState):
        state = channel.store = StoreState()
    try:
        return _receive(channel, state, command)
    except CardError:
        channel.store = None
        raise


def _receive(channel: Channel, state: StoreState, command: CommandApdu) -> bytes:
    try:
        block = state.chain.receive(command.p1, command.p2, command.data)
    except StoreDataError as error:
        raise CardError(error.sw) from None
    receiver = state.receiver or domain_of(channel).receive
    answer = receiver(channel, state, block)
    if answer and not block.mode.response:
        raise CardError(SW.WRONG_P1P2)
    if block.last:
        channel.store = None
    return answer
