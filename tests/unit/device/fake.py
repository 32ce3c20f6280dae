# SPDX-License-Identifier: Apache-2.0
"""A card that asks for what a test writes down, and keeps every answer; and a clock that a test turns."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from apdu.cat.response import TerminalAnswer
from apdu.tlv.scan import ber
from emulator.device.device import Device, Surroundings
from emulator.device.policy import Policy
from emulator.device.settings import Settings

USIM = bytes.fromhex("A0000000871002FF49FF0589")
_DIR = bytes.fromhex("61154F0CA0000000871002FF49FF0589500555534D41") + b"\xff\xff"
_FILES = {
    "2FE2": bytes.fromhex("98001032547698103214"),
    "6F38": bytes.fromhex("0002000800"),  # services 10 and 28
}
_BY_SFI = {0x87: bytes.fromhex("080910101032547698"), 0x83: bytes.fromhex("00000002")}


def proactive(text: str) -> bytes:
    """A proactive command; the length behind its tag is counted."""
    raw = bytes.fromhex(text)
    return ber(raw[0], raw[3:] if raw[1] == 0x81 else raw[2:])


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class ToolkitCard:
    """Answers files of a USIM, hands out the commands in its queue, takes answers and envelopes."""

    queue: deque[bytes] = field(default_factory=deque)
    answers: list[bytes] = field(default_factory=list)
    envelopes: list[bytes] = field(default_factory=list)
    log: list[bytes] = field(default_factory=list)
    profile: bytes = b""
    busy: int = 0
    """How many envelopes are turned away with 9300."""
    envelope_answer: bytes = b"\x90\x00"
    waiting: bytes = b""
    """What GET RESPONSE gives."""
    usim: bool = True
    patient: bool = False
    """Asks for nothing before it is polled: by then a device is attached."""
    resets: int = 0
    fetched: bool = False
    selected: str = ""
    sms: list[bytes] = field(default_factory=lambda: [b"\x00" + b"\xff" * 175] * 2)
    smsp: bytes = b"\xff" * 4 + b"\xe1" + b"\xff" * 12 + bytes.fromhex("07919471010000F0") + b"\xff" * 7
    services: bytes = _FILES["6F38"]

    def ask(self, *commands: str) -> None:
        """Queue proactive commands."""
        self.queue.extend(proactive(command) for command in commands)

    def reset(self) -> bytes:
        self.resets += 1
        self.fetched = False
        return bytes.fromhex("3B9F96801FC78031A073BE21136743200718000001A5")

    def transmit(self, command: bytes) -> bytes:
        self.log.append(command)
        answer = self._run(command)
        if command[:3] == b"\x80\xf2\x00":
            self.patient = False
        if self.patient:
            return answer
        if answer != b"\x90\x00" or self.fetched or not self.queue or not self.profile:
            return answer
        return bytes((0x91, len(self.queue[0]) & 0xFF))

    def _run(self, command: bytes) -> bytes:
        cla, ins, p1 = command[:3]
        data = command[5 : 5 + command[4]] if len(command) > 5 else b""
        if (cla, ins) == (0x80, 0x10):
            self.profile = data
        elif (cla, ins) == (0x80, 0x12):
            assert not self.fetched
            self.fetched = True
            return self.queue.popleft() + b"\x90\x00"
        elif (cla, ins) == (0x80, 0x14):
            assert self.fetched
            self.fetched = False
            self.answers.append(data)
        elif (cla, ins) == (0x80, 0xC2):
            if self.busy:
                self.busy -= 1
                return b"\x93\x00"
            self.envelopes.append(data)
            return self.envelope_answer
        elif (cla, ins) == (0x00, 0xC0):
            return self.waiting + b"\x90\x00"
        elif ins == 0xA4:
            return self._select(p1, data)
        elif ins == 0xB0:
            content = _BY_SFI.get(p1) if p1 & 0x80 else {**_FILES, "6F38": self.services}.get(self.selected)
            return content + b"\x90\x00" if content is not None else b"\x6a\x82"
        elif ins in (0xB2, 0xDC):
            return self._record(ins, p1, data)
        elif (cla, ins) not in ((0x80, 0xF2), (0x80, 0xAA)):
            return b"\x6d\x00"
        return b"\x90\x00"

    def _select(self, p1: int, data: bytes) -> bytes:
        if p1 == 0x04:
            return b"\x90\x00" if data == USIM and self.usim else b"\x6a\x82"
        self.selected = data.hex().upper()
        known = {"3F00", "2F00", "6F3C", "6F42", *_FILES}
        return b"\x90\x00" if self.selected in known and self.usim else b"\x6a\x82"

    def _record(self, ins: int, number: int, data: bytes) -> bytes:
        records = {"2F00": [_DIR], "6F42": [self.smsp], "6F3C": self.sms}.get(self.selected, [])
        if not 1 <= number <= len(records):
            return b"\x6a\x83"
        if ins == 0xB2:
            return records[number - 1] + b"\x90\x00"
        records[number - 1] = data
        return b"\x90\x00"


class Bench:
    """A device around that card, switched on."""

    def __init__(
        self,
        *,
        policy: Policy | None = None,
        settings: Settings | None = None,
        around: Surroundings | None = None,
        card: ToolkitCard | None = None,
    ) -> None:
        self.card = card or ToolkitCard()
        self.clock = Clock()
        self.device = Device(self.card, clock=self.clock, settings=settings, policy=policy, surroundings=around)
        self.device.power_up()
        self.device.settle()

    def ask(self, command: str) -> TerminalAnswer:
        """Let the card ask, and return what it was answered."""
        before = len(self.card.answers)
        self.card.ask(command)
        self.poll()
        assert len(self.card.answers) == before + 1
        return TerminalAnswer.decode(self.card.answers[-1])

    def poll(self) -> None:
        """A STATUS by which the card can say that something waits, and everything that follows."""
        self.device.transmit(bytes.fromhex("80F2000C"))
        self.device.settle()

    def result(self, command: str) -> tuple[int, bytes]:
        """Just the result."""
        said = self.ask(command).result
        return said.general, said.additional

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.now += seconds
        self.device.settle()
