# SPDX-License-Identifier: Apache-2.0
"""From the bytes of a command to its handler and back: class, channel, secure channel, response lengths.

Strict where open cards are lax: a channel that is not open is 6881; inside a secure channel a plain command is
refused and ends it; a command that failed has written nothing; malformed never answers 9000. ISO 7816-4 5, GPCS 10
and 11.1, TS 102 221 7.3 and 10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from apdu.channel.errors import ChannelError
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.cla import CLASSES, INTERINDUSTRY, PROPRIETARY, ClassByte, key
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.gp.codes import Ins
from apdu.trace.events import ChannelEvent, Layer, Side
from emulator.channels import Channel, Handler
from emulator.errors import CardError
from emulator.iso import CARD_COMMANDS, UICC_COMMANDS
from emulator.iso.manage import get_response, manage_channel

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["dispatch", "execute"]

_INS_GET_RESPONSE: Final = 0xC0
_INS_STATUS: Final = 0xF2
_INITIALIZE_UPDATE: Final = key(PROPRIETARY, 0x50)
_EXTERNAL_AUTHENTICATE: Final = key(PROPRIETARY, 0x82)
_STATUS: Final = key(PROPRIETARY, _INS_STATUS)

_CONTENT_MANAGEMENT: Final = frozenset(key(PROPRIETARY, ins) for ins in (Ins.INSTALL, Ins.DELETE, Ins.PUT_KEY))
"""Known to the card, but only to its security domains: 6985 where none is selected."""

_COMMON: Final[dict[int, Handler]] = {**CARD_COMMANDS, key(INTERINDUSTRY, 0x70): manage_channel}
"""Commands of the card itself: they work whatever is selected, and are never part of a secure channel."""
_FILES: Final[dict[int, Handler]] = {**_COMMON, **UICC_COMMANDS}

_OK: Final = SW.OK.to_bytes(2, "big")
_BAD_CLA: Final = SW.CLA_NOT_SUPPORTED.to_bytes(2, "big")
_BAD_LENGTH: Final = SW.WRONG_LENGTH.to_bytes(2, "big")
_NO_CHANNEL: Final = SW.CHANNEL_NOT_SUPPORTED.to_bytes(2, "big")
_SHORT: Final = 256


def dispatch(card: Card, raw: bytes) -> bytes:
    """Carry out one command on a powered card."""
    if len(raw) < 4:
        return _BAD_LENGTH
    info = CLASSES[raw[0]]
    if info is None:
        return _BAD_CLA
    channel = card.channels.get(info.channel)
    if channel is None:
        return _NO_CHANNEL
    try:
        command = CommandApdu.parse(raw)
    except DecodeError:
        channel.pending = b""
        return _BAD_LENGTH
    if channel.pending:
        if command.ins == _INS_GET_RESPONSE:
            return get_response(channel, command)
        channel.pending = b""
    try:
        if channel.session is None and not info.secure and not info.chained:
            reply = _find(channel, info.kind, command)(channel, command)
        else:
            reply = _guarded(channel, info, command)
    except CardError as refusal:
        card.memory.rollback()
        reply = ResponseApdu(refusal.data, refusal.sw)
    if isinstance(reply, bytes):
        data, sw = reply, 0x9000
    else:
        data, sw = reply.data, reply.sw
    if card.memory.dirty:  # a refusal has dropped its writes already
        card.memory.commit()
    if sw == 0x9000:
        if card.toolkit.waiting:
            sw = 0x9100 | (card.toolkit.waiting & 0xFF)
        if not data:
            return sw.to_bytes(2, "big")
    return _deliver(channel, command, data, sw) if data else sw.to_bytes(2, "big")


def execute(channel: Channel, raw: bytes) -> bytes:
    """Carry out one command that came over the air, for the application of its channel: the whole response.

    What belongs to the link to a terminal is not known here: other logical channels, GET RESPONSE, the card's own
    commands, the announcement of proactive commands (TS 102 226 5).
    """
    card = channel.card
    try:
        reply = _remote(channel, raw)
    except CardError as refusal:
        card.memory.rollback()
        reply = ResponseApdu(refusal.data, refusal.sw)
    if card.memory.dirty:
        card.memory.commit()
    return reply + _OK if isinstance(reply, bytes) else reply.encode()


def _remote(channel: Channel, raw: bytes) -> bytes | ResponseApdu:
    info = CLASSES[raw[0]] if raw else None
    if len(raw) < 4:
        raise CardError(SW.WRONG_LENGTH)
    if info is None:
        raise CardError(SW.CLA_NOT_SUPPORTED)
    if info.channel:
        raise CardError(SW.CHANNEL_NOT_SUPPORTED)
    try:
        command = CommandApdu.parse(raw)
    except DecodeError:
        raise CardError(SW.WRONG_LENGTH) from None
    if channel.application is None or _is_common(key(info.kind, command.ins), command):
        raise CardError(SW.INS_NOT_SUPPORTED)
    if channel.session is None and not info.secure and not info.chained:
        return _find(channel, info.kind, command)(channel, command)
    return _guarded(channel, info, command)


def _find(channel: Channel, kind: int, command: CommandApdu) -> Handler:
    """The handler of a command in what is selected now; 6D00 where there is none."""
    number = kind << 8 | command.ins
    application = channel.application
    if application is None:
        handler = _FILES.get(number)
    elif number == _STATUS and command.p1 <= 0x02:
        # GP's GET STATUS has the same class and instruction; a modem polls with STATUS whatever is selected
        handler = _COMMON[number]
    else:
        handler = application.commands.get(number) or _COMMON.get(number)
    if handler is None:
        outside = application is None and number in _CONTENT_MANAGEMENT
        known = outside or command.ins == _INS_GET_RESPONSE  # a GET RESPONSE that comes here has nothing to fetch
        raise CardError(SW.CONDITIONS_OF_USE if known else SW.INS_NOT_SUPPORTED)
    return handler


def _guarded(channel: Channel, info: ClassByte, command: CommandApdu) -> bytes | ResponseApdu:
    """A command that is protected, or that meets a secure channel."""
    number = key(info.kind, command.ins)
    if info.chained:
        raise CardError(SW.CHAINING_NOT_SUPPORTED)
    if command.ins == _INS_GET_RESPONSE:  # nothing waits, or `dispatch` would have answered
        raise CardError(SW.CONDITIONS_OF_USE)
    if channel.application is None:
        raise CardError(SW.SECURE_MESSAGING_NOT_SUPPORTED)
    if number == _EXTERNAL_AUTHENTICATE:
        return _find(channel, info.kind, command)(channel, command)
    session = channel.session
    if not info.secure and (number == _INITIALIZE_UPDATE or _is_common(number, command)):
        return _find(channel, info.kind, command)(channel, command)
    if session is None:
        raise CardError(SW.SECURITY_STATUS)
    try:
        plain = session.unwrap(command)
    except ChannelError as error:
        raise CardError(error.sw) from None
    return _protected(channel, info.kind, command, plain)


def _protected(channel: Channel, kind: int, command: CommandApdu, plain: CommandApdu) -> ResponseApdu:
    """Carry out a command that came through the secure channel, and send its answer back through it."""
    card, session = channel.card, channel.session
    assert session is not None
    try:
        number = key(kind, plain.ins)
        if _is_common(number, plain) or number == _INITIALIZE_UPDATE:
            raise CardError(SW.SECURE_MESSAGING_NOT_SUPPORTED)
        reply = _find(channel, kind, plain)(channel, plain)
        answer = ResponseApdu(reply, 0x9000) if isinstance(reply, bytes) else reply
    except CardError as refusal:
        card.memory.rollback()
        answer = ResponseApdu(refusal.data, refusal.sw)
    protected = session.wrap(answer)
    if card.tracing:
        card.observer.event(
            ChannelEvent(
                time=card.clock(),
                layer=Layer.SCP03,
                side=Side.CARD,
                protected=command.encode(),
                plain=plain.encode(),
                response_protected=protected.encode(),
                response_plain=answer.encode(),
                target=str(channel.application.aid) if channel.application is not None else "",
            )
        )
    return protected


def _is_common(number: int, command: CommandApdu) -> bool:
    """Whether a command is the card's own, which no application's secure channel protects."""
    return number in _COMMON and (number != _STATUS or command.p1 <= 0x02)


def _deliver(channel: Channel, command: CommandApdu, data: bytes, sw: int) -> bytes:
    """Cut the response to what the command asked for; the rest waits for GET RESPONSE (TS 102 221 7.3.1.1)."""
    le, size = command.le, len(data)
    if le is not None and size <= le:
        if size < le < _SHORT and not command.data and sw == 0x9000:
            return (0x6C00 | size).to_bytes(2, "big")
        return data + sw.to_bytes(2, "big")
    if le is not None and not command.data and not command.extended and le < _SHORT and size <= _SHORT:
        return (0x6C00 | (size & 0xFF)).to_bytes(2, "big")
    now = 0 if le is None else le
    channel.pending, channel.pending_sw = data[now:], sw
    waiting = size - now
    return data[:now] + bytes((0x61, 0 if waiting >= _SHORT else waiting))
