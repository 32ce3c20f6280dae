# SPDX-License-Identifier: Apache-2.0
"""What a refused command had written is dropped, inside and outside of a secure channel."""

from __future__ import annotations

from typing import ClassVar

from apdu.command import SW, CommandApdu
from apdu.command.cla import PROPRIETARY, key
from apdu.ids import Aid
from emulator.channels import Channel, Handler
from emulator.errors import CardError
from tests.support.lab import Lab

INS = 0x02


def write_and_refuse(channel: Channel, command: CommandApdu) -> bytes:
    """A handler that finds out too late."""
    channel.card.memory.put("written", b"\x01")
    raise CardError(SW.CONDITIONS_OF_USE)


class Application:
    """Knows that one command, in a selection of its own."""

    aid = Aid(bytes.fromhex("A00000055910EE"))
    commands: ClassVar[dict[int, Handler]] = {key(PROPRIETARY, INS): write_and_refuse}

    def select(self, channel: Channel) -> bytes:
        """Nothing to say."""
        return b""

    def deselect(self, channel: Channel) -> None:
        """Nothing to drop."""


def test_a_plain_command() -> None:
    lab = Lab()
    lab.card.channels[0].select_application(Application())
    assert lab.card.transmit(bytes((0x80, INS, 0, 0))) == bytes.fromhex("6985")
    assert not lab.card.memory.dirty
    assert lab.card.memory.get("written") is None
    assert not lab.recorder.errors


def test_a_protected_command() -> None:
    lab = Lab()
    host = lab.open_isd_r()
    channel = lab.card.channels[0]
    session = channel.session
    channel.application = Application()
    channel.session = session
    assert host.command(CommandApdu(0x80, INS, 0, 0, b"", 256)).sw == 0x6985
    assert not lab.card.memory.dirty
    lab.restart()
    assert lab.card.memory.get("written") is None
