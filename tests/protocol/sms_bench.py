# SPDX-License-Identifier: Apache-2.0
"""An SM-SR and a device's SMS side around a card, made of the tests' own SCP80 (tests.unit.ota.model)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from apdu.cat.commands import SendShortMessage
from apdu.cat.comprehension import GeneralResult, Result
from apdu.cat.envelope import SmsPpDownload
from apdu.cat.proactive import ProactiveCommand, TerminalResponse
from apdu.command import CommandApdu, exchange
from apdu.sms.address import Address
from apdu.sms.parts import Reassembly, split_message
from apdu.sms.tpdu import Deliver, Submit
from apdu.sms.userdata import Element, ElementId, UserData
from emulator.card import Card
from tests.support.lab import Lab
from tests.unit.ota import model

SM_SR = Address.of("+491710000001")
PROFILE = bytes.fromhex("FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF")
TIME = datetime(2025, 1, 1, tzinfo=UTC)
ISD_R = bytes.fromhex("000001")


@dataclass(frozen=True)
class Reply:
    """What came of one delivery: SW and data of the ENVELOPE, and the messages that the card then sent."""

    sw: int
    data: bytes
    sent: tuple[Submit, ...]

    @property
    def packets(self) -> list[bytes]:
        """Response packets, from wherever."""
        found = [self.data[3:]] if self.data[:3] == b"\x02\x71\x00" else []
        parts = Reassembly()
        for message in self.sent:
            whole = parts.add("card", message.data)
            if whole is not None and whole.element(ElementId.RESPONSE_PACKET) is not None:
                found.append(whole.payload)
        return found


@dataclass(frozen=True)
class Opened:
    """A proof of receipt as the tests read it."""

    counter: int
    status: int
    data: bytes


class SmsBench:
    """Sends packets to a card and collects what comes back."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        keys = lab.made.scp80
        self.keys = (keys.enc.reveal(), keys.mac.reveal())
        self.counter = 0
        self.power_up()

    def power_up(self) -> None:
        """The terminal introduces itself."""
        assert self.card.transmit(bytes.fromhex("80100000") + bytes((len(PROFILE),)) + PROFILE)[-2] in (0x90, 0x91)

    @property
    def card(self) -> Card:
        """The card that has power now."""
        return self.lab.card

    # --- packets

    def packet(
        self, data: bytes, *, spi: str = "1639", kic: int = 0x12, kid: int = 0x12, tar: bytes = ISD_R,
        counter: int | None = None, keys: tuple[bytes, bytes] | None = None, kind: str = "aes",
    ) -> bytes:  # fmt: skip
        """A command packet of the tests' own making, with the next counter unless one is given."""
        if counter is None:
            self.counter += 1
            counter = self.counter
        return model.command(bytes.fromhex(spi), kic, kid, tar, counter, data, keys or self.keys, kind)

    def open(self, packet: bytes, spi: str = "1639", kid: int = 0x12, kind: str = "aes") -> Opened:
        """Read a response packet: it must be what the second implementation makes of its content."""
        second = bytes.fromhex(spi)[1]
        clear = packet[6:]
        if second & 0x10:
            clear = model.cipher(self.keys[0], kind, clear, back=True)
        size = (0, 4, 8)[second >> 2 & 3]
        counter, padding, status = int.from_bytes(clear[:5], "big"), clear[5], clear[6]
        data = clear[7 + size : len(clear) - padding]
        again = model.response(bytes.fromhex(spi), kid, packet[3:6], counter, status, data, self.keys, kind)
        assert again == packet
        return Opened(counter, status, data)

    # --- delivery

    def deliver(self, packet: bytes, *, order: list[int] | None = None, reference: int = 1) -> Reply:
        """Send a packet as one or several short messages; the reply to the last."""
        message = UserData(packet, (Element(ElementId.COMMAND_PACKET),))
        parts = split_message(message, 0xF6, reference)
        reply = Reply(0, b"", ())
        for at in order or range(len(parts)):
            reply = self.send(parts[at])
        return reply

    def send(self, part: UserData, *, pid: int = 0x7F, dcs: int = 0xF6, sender: Address = SM_SR) -> Reply:
        """One short message."""
        tpdu = Deliver(originator=sender, pid=pid, dcs=dcs, time=TIME, data=part).encode()
        return self.envelope(SmsPpDownload.of(tpdu).encode())

    def envelope(self, body: bytes) -> Reply:
        """ENVELOPE, then whatever the card asks for."""
        raw = self.card.transmit(CommandApdu(0x80, 0xC2, 0, 0, body, 256 if len(body) < 256 else None).encode())
        sw, data = raw[-2] << 8 | raw[-1], raw[:-2]
        if sw >> 8 == 0x61:
            answer = exchange(self.card, CommandApdu(0x00, 0xC0, 0, 0, le=sw & 0xFF or 256))
            sw, data = answer.sw, answer.data
        return Reply(sw, data, tuple(self.settle(sw)))

    def settle(self, sw: int) -> list[Submit]:
        """Fetch and answer; the short messages among what was fetched."""
        sent: list[Submit] = []
        while sw >> 8 == 0x91:
            fetched = exchange(self.card, CommandApdu(0x80, 0x12, 0, 0, le=sw & 0xFF or 256))
            command = ProactiveCommand.from_tlv(fetched.data)
            if command.details.type == 0x13:
                message = SendShortMessage.from_tlv(fetched.data)
                assert message.tpdu is not None
                sent.append(Submit.decode(message.tpdu))
            elif command.details.type == 0x01:
                return sent  # a reset is due
            answer = TerminalResponse.to(command, Result(GeneralResult.DONE)).value()
            sw = exchange(self.card, CommandApdu(0x80, 0x14, 0, 0, answer)).sw
        return sent

    def ask(self, data: bytes, **changes: str) -> Opened:
        """A packet that is answered: the answer."""
        reply = self.deliver(self.packet(data, **changes))  # type: ignore[arg-type]
        (packet,) = reply.packets
        return self.open(packet, changes.get("spi", "1639"))
