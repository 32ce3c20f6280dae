# SPDX-License-Identifier: Apache-2.0
"""A lab card's ISD-R as the reader bearer meets it: real SCP03, and the answers that a test wants."""

from __future__ import annotations

from collections.abc import Callable

from apdu.channel.errors import ChannelError
from apdu.channel.scp03 import SecurityLevel
from apdu.channel.scp03_card import CardConfiguration, Scp03Card
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.ids import ISD_R
from apdu.keys.secret import KeySet, SecretKey

LAB_KEYS = KeySet(0x30, SecretKey(bytes(16)), SecretKey(bytes(range(16))), SecretKey(bytes(range(16, 32))))

Answer = Callable[[CommandApdu], ResponseApdu]


class LabCard:
    """Opens sessions itself and hands each plain command to `answer`; `t0` segments responses with 61xx."""

    def __init__(self, answer: Answer, *, keys: KeySet | None = LAB_KEYS, t0: bool = False) -> None:
        self._answer = answer
        self._keys = keys
        self._t0 = t0
        self._pending = b""
        self.counter = 0
        self.resets = 0
        self.sent: list[bytes] = []
        self.plain: list[CommandApdu] = []
        self.reset()
        self.resets = 0

    def reset(self) -> None:
        """Lose selection and session."""
        self.selected = False
        self.session = Scp03Card(CardConfiguration(ISD_R, levels=frozenset((SecurityLevel.ALL,))))
        self.resets += 1

    def transmit(self, command: bytes) -> bytes:
        """One exchange."""
        self.sent.append(command)
        parsed = CommandApdu.parse(command)
        if parsed.ins == 0xC0:
            return self._next()
        try:
            response = self._dispatch(parsed)
        except ChannelError as error:
            response = ResponseApdu(b"", error.sw)
        raw = response.encode()
        if self._t0 and response.data:
            self._pending = raw
            return b"\x61" + bytes((min(len(response.data), 256) & 0xFF,))
        return raw

    def _next(self) -> bytes:
        data, sw = self._pending[:-2], self._pending[-2:]
        piece, self._pending = data[:100], data[100:] + sw
        return piece + (b"\x61" + bytes((min(len(self._pending) - 2, 256) & 0xFF,)) if len(self._pending) > 2 else sw)

    def _dispatch(self, command: CommandApdu) -> ResponseApdu:
        if command.ins == 0xA4:
            self.selected = command.data == ISD_R
            return ResponseApdu(bytes.fromhex("6F00"), 0x9000 if self.selected else 0x6A82)
        if not self.selected:
            return ResponseApdu(b"", 0x6E00)
        if command.ins == 0x50:
            if self._keys is None or command.p1 != self._keys.kvn:
                return ResponseApdu(b"", 0x6A88)
            self.counter += 1
            return ResponseApdu(self.session.initialize_update(self._keys, command.data, counter=self.counter), 0x9000)
        if command.ins == 0x82:
            self.session.external_authenticate(command)
            return ResponseApdu(b"", 0x9000)
        plain = self.session.unwrap(command)
        self.plain.append(plain)
        return self.session.wrap(self._answer(plain))
