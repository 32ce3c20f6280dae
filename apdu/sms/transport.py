# SPDX-License-Identifier: Apache-2.0
"""How short messages get from a server to devices and back, and a network for tests and demonstrations in one process.

server ── send(to, SMS-DELIVER) ──► network ──► device
server ◄── reported(to, SMS-DELIVER-REPORT) ── network ◄── its answer
server ◄── submitted(sender, SMS-SUBMIT) ── network ◄── submit(sender, SMS-SUBMIT)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from apdu.errors import DecodeError
from apdu.keys.entropy import Entropy
from apdu.sms.address import Address
from apdu.sms.tpdu import Deliver, DeliverReport, Submit

__all__ = ["NO_TROUBLE", "LocalSms", "SmsDevice", "SmsReceiver", "SmsTransport", "Trouble"]


class SmsTransport(Protocol):
    """What a server sends by."""

    def send(self, to: Address, deliver: bytes) -> None:
        """Take an SMS-DELIVER for a device; whether it arrives shows later, or never."""
        ...


class SmsReceiver(Protocol):
    """A server that short messages are for."""

    def submitted(self, sender: Address, tpdu: bytes) -> None:
        """A device sent an SMS-SUBMIT."""
        ...

    def reported(self, to: Address, report: bytes, error: bool) -> None:
        """A device answered a delivery with this SMS-DELIVER-REPORT, in an RP-ERROR or not."""
        ...


SmsDevice = Callable[[bytes], DeliverReport | None]
"""Takes an SMS-DELIVER; None: the device cannot be reached now, and the message waits for it."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What becomes of messages on their way, each with a probability of its own."""

    lost: float = 0.0
    duplicated: float = 0.0
    reordered: float = 0.0


NO_TROUBLE: Final = Trouble()
_SCALE: Final = 1 << 32


class LocalSms:
    """A network in one process, without clock or thread: messages move when `step` is called."""

    def __init__(self, entropy: Entropy, trouble: Trouble = NO_TROUBLE) -> None:
        self.trouble = trouble
        self.delivered = 0
        """Messages that reached a device."""
        self._entropy = entropy
        self._devices: dict[Address, SmsDevice] = {}
        self._servers: dict[Address, SmsReceiver] = {}
        self._queue: deque[Callable[[], None]] = deque()
        self._waiting: dict[Address, list[bytes]] = {}

    def connect(self, number: Address, device: SmsDevice) -> None:
        """A device with a number; one that had it before is gone."""
        self._devices[number] = device

    def serve(self, number: Address, server: SmsReceiver) -> None:
        """A server with a number."""
        self._servers[number] = server

    def send(self, to: Address, deliver: bytes) -> None:
        """A message for a device (SmsTransport)."""
        self._carry(lambda: self._deliver(to, deliver))

    def submit(self, sender: Address, tpdu: bytes) -> None:
        """A message from a device; it goes where its TP-DA says. DecodeError where that is not to be read."""
        server = self._servers.get(Submit.decode(tpdu).destination)
        if server is not None:
            self._carry(lambda: server.submitted(sender, tpdu))

    def alert(self, number: Address) -> None:
        """A device can be reached again: what waited for it is sent."""
        for tpdu in self._waiting.pop(number, ()):
            self._carry(lambda tpdu=tpdu: self._deliver(number, tpdu))  # type: ignore[misc]

    def step(self) -> bool:
        """Let one message arrive; False when none is on its way."""
        if not self._queue:
            return False
        self._queue.popleft()()
        return True

    # ---

    def _carry(self, arrive: Callable[[], None]) -> None:
        if self._happens(self.trouble.lost):
            return
        for _ in range(2 if self._happens(self.trouble.duplicated) else 1):
            if self._queue and self._happens(self.trouble.reordered):
                self._queue.insert(self._draw() % len(self._queue), arrive)
            else:
                self._queue.append(arrive)

    def _deliver(self, to: Address, tpdu: bytes) -> None:
        device = self._devices.get(to)
        report = device(tpdu) if device is not None else None
        if report is None:
            self._waiting.setdefault(to, []).append(tpdu)
            return
        self.delivered += 1
        try:
            server = self._servers.get(Deliver.decode(tpdu).originator)
        except DecodeError:  # a device may take what this network cannot read
            return
        if server is not None:
            encoded, error = report.encode(), report.failure is not None
            self._carry(lambda: server.reported(to, encoded, error))

    def _happens(self, probability: float) -> bool:
        return probability > 0 and self._draw() < probability * _SCALE

    def _draw(self) -> int:
        return int.from_bytes(self._entropy.draw(4), "big")
