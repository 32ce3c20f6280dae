# SPDX-License-Identifier: Apache-2.0
"""Secured packets on the card: the checks, in their order, and what is answered (TS 102 225 5, SGP.02 v4.2 2.4.3).

    1 lengths   2 TAR   3 keys   4 level of security   5 deciphering and check   6 counter   7 store it, carry out

Up to the fifth step nothing is answered, whatever was asked for and whatever was wrong: an answer would tell somebody
without the keys what there is on the card. From the sixth on the sender is known, and gets the proof of receipt that
the SPI asks for. The counter is durable before anything is carried out, so that a packet never runs twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from apdu.errors import DecodeError
from apdu.keys.secret import KeySet
from apdu.ota.packet import (
    MAX_COUNTER,
    Command,
    Header,
    PacketRefused,
    SecuredCommand,
    Status,
    build_response,
    parse_command,
)
from apdu.ota.security import CounterMode, Por
from emulator.ota.targets import RemoteTarget, find_target

if TYPE_CHECKING:
    from emulator.ota.session import OverTheAir

__all__ = ["Answer", "PacketReceiver"]

_TRIGGER: Final = 0x81


class Answer(NamedTuple):
    """A proof of receipt: the packet, whether everything went well, and how it travels."""

    packet: bytes
    good: bool
    by_submit: bool


class _Accepted(NamedTuple):
    """A packet whose sender is known."""

    target: RemoteTarget
    header: Header
    keys: KeySet
    command: Command


class PacketReceiver:
    """Takes packets for every security domain of the card."""

    __slots__ = ("_ota",)

    def __init__(self, ota: OverTheAir) -> None:
        self._ota = ota

    def receive(self, packet: bytes) -> Answer | None:
        """Check a packet and carry it out; None where nothing may be answered, or nothing was asked for."""
        accepted = self._accept(packet)
        if accepted is None:
            return None
        refused = _check_counter(accepted)
        if refused is not None:
            return self._answer(accepted, refused, b"")
        if accepted.header.spi.counter >= CounterMode.HIGHER:
            accepted.target.keys.store_counter(accepted.keys.kvn, accepted.command.counter)
        status, data = self._carry_out(accepted)
        return self._answer(accepted, status, data)

    def _accept(self, packet: bytes) -> _Accepted | None:
        """Steps 1 to 5."""
        try:
            secured = parse_command(packet)
        except DecodeError:
            return None
        header = secured.header
        target = find_target(self._ota.card, header.tar)
        keys = None if target is None else target.key_set(header.kic, header.kid)
        if target is None or keys is None or not header.spi.reaches(target.minimum):
            return None
        command = _open(secured, keys)
        return None if command is None else _Accepted(target, header, keys, command)

    def _carry_out(self, accepted: _Accepted) -> tuple[Status, bytes]:
        data = accepted.command.data
        addressed = accepted.target.addressed(accepted.keys)
        if data[:1] == bytes((_TRIGGER,)) and self._ota.takes_triggers(addressed.application):
            return self._ota.trigger(data), b""
        return Status.OK, self._ota.scripts.run(addressed, data)

    @staticmethod
    def _answer(accepted: _Accepted, status: Status, data: bytes) -> Answer | None:
        spi = accepted.header.spi
        wanted = spi.por is Por.ALWAYS or (spi.por is Por.ON_ERROR and status is not Status.OK)
        if not wanted:
            return None
        try:
            packet = build_response(accepted.header, accepted.command.counter, status, data, accepted.keys)
        except DecodeError:  # a protection of the answer that nobody here can make
            return None
        return Answer(packet, status is Status.OK, spi.por_by_submit)


def _open(secured: SecuredCommand, keys: KeySet) -> Command | None:
    try:
        return secured.open(keys)
    except PacketRefused:
        return None


def _check_counter(accepted: _Accepted) -> Status | None:
    """Why a counter is not accepted (TS 102 225 5.1.4)."""
    mode, received = accepted.header.spi.counter, accepted.command.counter
    if mode < CounterMode.HIGHER:
        return None
    stored = accepted.target.keys.counter(accepted.keys.kvn)
    if stored >= MAX_COUNTER:
        return Status.COUNTER_BLOCKED
    if received <= stored:
        return Status.COUNTER_LOW
    if mode is CounterMode.NEXT and received != stored + 1:
        return Status.COUNTER_HIGH
    return None
