# SPDX-License-Identifier: Apache-2.0
"""A logical channel and everything that belongs to it alone (TS 102 221 8.7, GPCS 6.3).

A channel dies with the session: reset and power-off make new ones. What all channels share (verified global PINs, the
proactive session) lives in the card.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from apdu.channel.scp03_card import Scp03Card
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.ids import Aid
from apdu.keys.secret import SecretKey
from emulator.profile.base import Directory, FileNode

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["Application", "Authority", "Channel", "Handler"]


class Authority(NamedTuple):
    """In whose name commands come: the key set that their sender proved to have."""

    kvn: int
    dek: SecretKey
    """Protects keys inside commands."""


class Application(Protocol):
    """What SELECT by AID can make current besides an ADF: a security domain or another application."""

    @property
    def aid(self) -> Aid:
        """Its whole AID."""
        ...

    @property
    def commands(self) -> Mapping[int, Handler]:
        """Handler by `apdu.command.cla.key(kind, ins)`."""
        ...

    def select(self, channel: Channel) -> bytes:
        """Become current on the channel; returns the FCI template (6F)."""
        ...

    def deselect(self, channel: Channel) -> None:
        """Drop what belongs to the selection: received certificates, running STORE DATA chains."""
        ...


class Channel:
    """One logical channel, 0 to 19."""

    __slots__ = (
        "adf",
        "application",
        "authority",
        "card",
        "directory",
        "file",
        "granted",
        "granted_epoch",
        "number",
        "pending",
        "pending_sw",
        "record",
        "session",
        "store",
        "transfer",
        "transient",
    )

    def __init__(self, card: Card, number: int) -> None:
        self.card = card
        self.number = number
        self.application: Application | None = None
        """The selected security domain or application; None while the file system is current."""
        self.session: Scp03Card | None = None
        """The secure channel of the selected application; every command passes it while it is there."""
        self.authority: Authority | None = None
        """Who sends over the air what is carried out here: the packet or the connection was verified before."""
        self.pending = b""
        """Response bytes that wait for GET RESPONSE."""
        self.pending_sw = 0x9000
        self.directory: Directory | None = None
        self.adf: Directory | None = None
        """The ADF whose application session is active here (7FFF)."""
        self.file: FileNode | None = None
        self.record = 0
        """Current record, 0 while undefined."""
        self.transfer: object | None = None
        """An object of a BER-TLV file that is being retrieved or set by blocks."""
        self.granted: set[tuple[int, int]] = set()
        """(node id, access mode) pairs found to be allowed at `granted_epoch`."""
        self.granted_epoch = -1
        self.store: object | None = None
        """A STORE DATA chain under way, owned by the selected application."""
        self.transient: dict[str, object] = {}
        """What the selected application keeps for this selection only (a verified certificate, a random challenge)."""

    def leave_application(self) -> None:
        """End the selected application's session on this channel: its secure channel and transient data go."""
        if self.application is not None:
            self.application.deselect(self)
            self.application = None
        self.session = None
        self.store = None
        if self.transient:
            self.transient = {}

    def select_application(self, application: Application) -> bytes:
        """Make an application current; returns its FCI. Reselecting ends the old session too (GPCS 10.2.3)."""
        self.leave_application()
        self.application = application
        return application.select(self)


Handler: TypeAlias = Callable[[Channel, CommandApdu], bytes | ResponseApdu]
"""Carries out one command: bytes mean SW 9000, a warning comes as a ResponseApdu.

Every refusal is raised as CardError, which drops what the command wrote.
"""
