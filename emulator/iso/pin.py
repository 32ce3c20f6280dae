# SPDX-License-Identifier: Apache-2.0
"""VERIFY, CHANGE, DISABLE, ENABLE and UNBLOCK PIN (TS 102 221 11.1.9 to 11.1.13)."""

from __future__ import annotations

from typing import Final

from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.fs.pins import PIN_LENGTH, PinKey, PinState, PinStore, is_application_pin
from emulator.iso.current import file_system

__all__ = ["change_pin", "disable_pin", "enable_pin", "unblock_pin", "verify"]

_TRIES_LEFT: Final = 0x63C0
_MAY_CHANGE: Final = 0x02
_MAY_DISABLE: Final = 0x04
_REPLACE_BY_UNIVERSAL: Final = 0x91
"""P1 of DISABLE PIN: b8 and the key reference of the PIN used instead, which only the universal PIN can be."""


def _addressed(channel: Channel, command: CommandApdu, *lengths: int) -> tuple[PinStore, PinKey]:
    """The PIN that P2 names in the current directory, after the checks that all five commands share."""
    pins = file_system(channel).pins
    if len(command.data) not in lengths:
        raise CardError(SW.WRONG_LENGTH)
    key = pins.key(command.p2, channel.directory, channel.adf)
    if key is None:
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    return pins, key


def _only_p1_zero(command: CommandApdu) -> None:
    if command.p1:
        raise CardError(SW.WRONG_P1P2)


def _present(channel: Channel, pins: PinStore, key: PinKey, value: bytes) -> PinState:
    """Try a value. A wrong one also ends the verified state that the PIN had."""
    try:
        return pins.present(key, value)
    except CardError:
        _unverify(channel, key)
        raise


def _unverify(channel: Channel, key: PinKey) -> None:
    card = channel.card
    card.verified.discard(key)
    card.access_epoch += 1


def _verified(channel: Channel, key: PinKey) -> None:
    card = channel.card
    card.verified.add(key)
    card.access_epoch += 1


def _usable(state: PinState, enabled: bool = True) -> None:
    """Blocked comes before disabled or enabled."""
    if not state.tries:
        raise CardError(SW.AUTHENTICATION_BLOCKED)
    if state.enabled is not enabled:
        raise CardError(SW.DATA_INVALIDATED)


def verify(channel: Channel, command: CommandApdu) -> bytes:
    """Show a PIN; without data only ask how many tries are left."""
    _only_p1_zero(command)
    pins, key = _addressed(channel, command, 0, PIN_LENGTH)
    state = pins.state(key)
    if not command.data:
        raise CardError(_TRIES_LEFT | state.tries)
    _usable(state)
    pins.store(key, _present(channel, pins, key, command.data))
    _verified(channel, key)
    return b""


def change_pin(channel: Channel, command: CommandApdu) -> bytes:
    """Replace a PIN by a new one; showing the old one verifies it."""
    _only_p1_zero(command)
    pins, key = _addressed(channel, command, 2 * PIN_LENGTH)
    _usable(pins.state(key))
    if not pins.spec(key).attributes & _MAY_CHANGE:
        raise CardError(SW.CONDITIONS_OF_USE)
    state = _present(channel, pins, key, command.data[:PIN_LENGTH])
    pins.store(key, state._replace(value=command.data[PIN_LENGTH:]))
    _verified(channel, key)
    return b""


def disable_pin(channel: Channel, command: CommandApdu) -> bytes:
    """Do without a PIN, or with the universal PIN instead of an application PIN."""
    if command.p1 not in (0x00, _REPLACE_BY_UNIVERSAL):
        raise CardError(SW.WRONG_P1P2)
    pins, key = _addressed(channel, command, PIN_LENGTH)
    replaced = command.p1 == _REPLACE_BY_UNIVERSAL
    if replaced and (pins.universal() is None or not is_application_pin(key.reference)):
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    _usable(pins.state(key))
    if not pins.spec(key).attributes & _MAY_DISABLE:
        raise CardError(SW.CONDITIONS_OF_USE)
    state = _present(channel, pins, key, command.data)
    pins.store(key, state._replace(enabled=False, replaced=replaced))
    _unverify(channel, key)  # a disabled PIN has no verified state; where it is not replaced it is met without
    return b""


def enable_pin(channel: Channel, command: CommandApdu) -> bytes:
    """Require a disabled PIN again; it is verified by this."""
    _only_p1_zero(command)
    pins, key = _addressed(channel, command, PIN_LENGTH)
    _usable(pins.state(key), enabled=False)
    if not pins.spec(key).attributes & _MAY_DISABLE:
        raise CardError(SW.CONDITIONS_OF_USE)
    state = _present(channel, pins, key, command.data)
    pins.store(key, state._replace(enabled=True, replaced=False))
    _verified(channel, key)
    return b""


def unblock_pin(channel: Channel, command: CommandApdu) -> bytes:
    """Set a new PIN with the unblocking key; without data only ask how many tries that one has left."""
    _only_p1_zero(command)
    pins, key = _addressed(channel, command, 0, 2 * PIN_LENGTH)
    puk = pins.puk_of(key)
    if puk is None:
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    if not command.data:
        raise CardError(_TRIES_LEFT | pins.puk_tries(puk))
    pins.unblock(puk, command.data[:PIN_LENGTH])
    spec = pins.spec(key)
    pins.store(key, PinState(spec.max_tries, True, False, command.data[PIN_LENGTH:]))
    _verified(channel, key)
    return b""
