# SPDX-License-Identifier: Apache-2.0
"""Batches of a script as command scripts of the remote format, and the answers back (TS 102 226 5.2, SGP.02 annex K).

A parcel is what one message carries. Commands that lean on what an earlier one left on the card (a certificate, a place
in a list) are chained: without that the card would start afresh with each message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from hashlib import sha256
from typing import Final

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.errors import DecodeError, EncodeError, RemoteProtocolError
from apdu.gp.codes import Ins
from apdu.gp.install import InstallForPersonalization
from apdu.ids import Aid
from apdu.ota.remote import (
    BadFormat,
    Chaining,
    ChainingError,
    Item,
    ResponseScript,
    ResponseTag,
    Tag,
    build_script,
    command_item,
    parse_response_script,
)
from apdu.tlv.scan import split

__all__ = ["Chain", "Opener", "Parcel", "command_answers", "cut", "goes_on", "read_answer", "tlv_answers", "tlv_item"]

_GOES_ON: Final = (0x90, 0x91, 0x61, 0x62, 0x63)
"""SW1 of answers after which a card carries out the rest of a script."""
_ERROR_TAGS: Final = (b"\x9f", b"\x90")
_READ_ONLY: Final = frozenset((Ins.GET_DATA, Ins.GET_STATUS))
_MORE: Final = 0x80
"""Bit of P1 of STORE DATA that says that no block follows."""
_NEXT: Final = 0x01
"""Bit of P2 of GET STATUS: go on with the list."""
_OVERHEAD: Final = 8
"""Tag and length around a script, and its place in a chain."""


@unique
class Opener(Enum):
    """What the card remembers from one script of a chain to the next."""

    NOTHING = 0
    PERSONALIZATION = 1
    LIST = 2
    REST = 3
    """The rest of the same batch comes."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Commands for one application that travel together."""

    target: Aid
    items: tuple[Item, ...]
    place: Chaining | None = None
    read_only: bool = False
    """Nothing on the card changes: it may be repeated."""

    def script(self, *, indefinite: bool = False) -> bytes:
        """The command script."""
        chained = () if self.place is None else (Item(Tag.CHAINING, bytes((self.place,))),)
        return build_script((*chained, *self.items), indefinite=indefinite)

    @property
    def digest(self) -> bytes:
        """What was to be done, however it travels."""
        return sha256(self.target + b"".join(item.encode() for item in self.items)).digest()


class Chain:
    """The context that one card keeps for commands that belong together."""

    __slots__ = ("opener",)

    def __init__(self, opener: Opener = Opener.NOTHING) -> None:
        self.opener = opener

    def place(self, commands: Sequence[CommandApdu], rest: bool) -> Chaining | None:
        """Where a script of these commands stands; `rest`: others of the same batch follow in another.

        A later block of STORE DATA goes on with its chain also where another process began that: alone it would come
        to an ISD-R that waits for the first one. A card that has forgotten the chain says so.
        """
        continues = (
            self.opener is Opener.REST
            or _is_later_block(commands[0])
            or (self.opener is not Opener.NOTHING and self.opener is _continued(commands[0]))
        )
        self.opener = Opener.REST if rest else _opened(commands[-1])
        if self.opener is Opener.NOTHING:
            return Chaining.LAST if continues else None
        return Chaining.MORE if continues else Chaining.FIRST

    def break_off(self) -> None:
        """A command failed, or the card was reset."""
        self.opener = Opener.NOTHING


def _opened(command: CommandApdu) -> Opener:
    """What a command leaves for a following one."""
    if command.ins == Ins.GET_STATUS:
        return Opener.LIST
    if command.ins == Ins.INSTALL and command.p1 == InstallForPersonalization.P1:
        return Opener.PERSONALIZATION
    if command.ins == Ins.STORE_DATA and not command.p1 & _MORE:
        return Opener.PERSONALIZATION
    return Opener.NOTHING


def _is_later_block(command: CommandApdu) -> bool:
    """Whether P2 of STORE DATA numbers a block after the first."""
    return command.ins == Ins.STORE_DATA and command.p2 > 0


def _continued(command: CommandApdu) -> Opener:
    """What a command leans on."""
    if command.ins == Ins.GET_STATUS and command.p2 & _NEXT:
        return Opener.LIST
    return Opener.PERSONALIZATION if command.ins == Ins.STORE_DATA else Opener.NOTHING


def cut(target: Aid, commands: Sequence[CommandApdu | bytes], room: int, chain: Chain) -> Parcel:
    """The first of these commands, as many as a script of `room` bytes takes; EncodeError when not even one fits."""
    items: list[Item] = []
    size = _OVERHEAD
    for command in commands:
        item = command_item(command.encode()) if isinstance(command, CommandApdu) else tlv_item(command)
        size += len(item.encode())
        if size > room:
            break
        items.append(item)
    if not items:
        raise EncodeError(f"a command of {size - _OVERHEAD} bytes does not fit a message of {room}")
    sent = [command for command in commands[: len(items)] if isinstance(command, CommandApdu)]
    if not sent:
        return Parcel(target, tuple(items))
    place = chain.place(sent, len(items) < len(commands))
    return Parcel(target, tuple(items), place, all(command.ins in _READ_ONLY for command in sent))


def tlv_item(tlv: bytes) -> Item:
    """An SCP03t TLV as it stands in a script; EncodeError for what is none."""
    try:
        ((tag, value),) = split(tlv)
    except (DecodeError, ValueError):
        raise EncodeError("SCP03t data that are not one TLV") from None
    return Item(tag, value)


# --- answers


def read_answer(data: bytes) -> ResponseScript:
    """A response script; RemoteProtocolError when the card answered something else, or could not read the script."""
    try:
        script = parse_response_script(data)
    except DecodeError as error:
        raise RemoteProtocolError(f"the card's answer is no response script: {error}") from None
    for item in script.items:
        if item.tag == ResponseTag.CHAINING:
            raise RemoteProtocolError(f"the card refused the script's place in its chain: {_name(ChainingError, item)}")
        if item.tag == ResponseTag.BAD_FORMAT:
            raise RemoteProtocolError(f"the card could not read the script: {_name(BadFormat, item)}")
    return script


def _name(codes: type[ChainingError] | type[BadFormat], item: object) -> str:
    value = getattr(item, "value", b"")
    try:
        return codes(value[0]).name.lower().replace("_", " ")
    except (ValueError, IndexError):
        return value.hex() or "no reason"


def command_answers(data: bytes, count: int) -> list[ResponseApdu]:
    """The responses to a parcel of commands."""
    try:
        responses = [ResponseApdu.parse(raw) for raw in read_answer(data).responses]
    except DecodeError as error:
        raise RemoteProtocolError(f"the card's answer holds no response APDU: {error}") from None
    if not 0 < len(responses) <= count:
        raise RemoteProtocolError(f"{len(responses)} responses to {count} commands")
    return responses


def tlv_answers(data: bytes, count: int) -> list[bytes]:
    """The answers to a parcel of SCP03t TLVs."""
    answers = list(read_answer(data).tlvs)
    if not 0 < len(answers) <= count:
        raise RemoteProtocolError(f"{len(answers)} answers to {count} TLVs")
    return answers


def goes_on(answer: ResponseApdu | bytes) -> bool:
    """Whether a card carries out what stands behind a command with this answer."""
    if isinstance(answer, ResponseApdu):
        return answer.sw >> 8 in _GOES_ON
    return not answer.startswith(_ERROR_TAGS)
