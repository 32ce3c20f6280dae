# SPDX-License-Identifier: Apache-2.0
"""User data of short messages: the header with its elements, and what follows (TS 23.040 9.2.3.16, 9.2.3.24)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, NamedTuple, Self

from apdu.errors import DecodeError, EncodeError
from apdu.sms.alphabet import from_septets, pack, packed_size, to_septets, unpack
from apdu.sms.coding import Alphabet, alphabet_of

__all__ = ["MAX_BYTES", "Concatenation", "Element", "ElementId", "UserData", "read_header"]

MAX_BYTES: Final = 140
"""TP-UD of SMS-DELIVER and SMS-SUBMIT."""


@unique
class ElementId(IntEnum):
    """Information elements that this project reads (TS 23.040 9.2.3.24, TS 31.115 4)."""

    CONCATENATION_8 = 0x00
    PORTS_8 = 0x04
    PORTS_16 = 0x05
    CONCATENATION_16 = 0x08
    COMMAND_PACKET = 0x70
    RESPONSE_PACKET = 0x71


class Element(NamedTuple):
    """One information element of a user data header."""

    identifier: int
    data: bytes = b""


class Concatenation(NamedTuple):
    """Which part of a longer message this is: reference, number of parts, number of this one from 1."""

    reference: int
    total: int
    number: int
    wide: bool = False
    """Whether the reference has 16 bits."""

    def element(self) -> Element:
        """The information element that says so."""
        if self.wide:
            return Element(ElementId.CONCATENATION_16, self.reference.to_bytes(2, "big") + bytes(self[1:3]))
        return Element(ElementId.CONCATENATION_8, bytes(self[:3]))


@dataclass(frozen=True, slots=True)
class UserData:
    """Header elements, and bytes; of text in the default alphabet one byte for each septet."""

    payload: bytes = b""
    elements: tuple[Element, ...] = ()

    @classmethod
    def of(cls, text: str, dcs: int) -> Self:
        """A text in the alphabet of a scheme."""
        alphabet = alphabet_of(dcs)
        if alphabet is Alphabet.UCS2:
            return cls(text.encode("utf-16-be"))
        return cls(to_septets(text))

    def text(self, dcs: int) -> str:
        """The payload as text; eight-bit data are read as one GSM character a byte."""
        if alphabet_of(dcs) is Alphabet.UCS2:
            try:
                return self.payload.decode("utf-16-be")
            except UnicodeDecodeError:
                raise DecodeError("text that is not UCS2") from None
        return from_septets(self.payload)

    @property
    def concatenation(self) -> Concatenation | None:
        """What the header says about parts. A reserved value counts as if the element were not there (9.2.3.24.1)."""
        for identifier, data in self.elements:
            wide = identifier == ElementId.CONCATENATION_16
            if (identifier, len(data)) in ((ElementId.CONCATENATION_8, 3), (ElementId.CONCATENATION_16, 4)):
                total, number = data[-2:]
                if 1 <= number <= total:
                    return Concatenation(int.from_bytes(data[:-2], "big"), total, number, wide)
        return None

    def element(self, identifier: int) -> bytes | None:
        """The data of an information element."""
        return next((data for found, data in self.elements if found == identifier), None)

    def header(self) -> bytes:
        """The header with its length, or nothing."""
        if not self.elements:
            return b""
        body = b"".join(bytes((identifier, len(data))) + data for identifier, data in self.elements)
        return bytes((len(body),)) + body

    def encode(self, dcs: int) -> bytes:
        """TP-UDL and TP-UD."""
        header = self.header()
        if alphabet_of(dcs) is Alphabet.GSM:
            fill = -len(header) * 8 % 7
            length = (len(header) * 8 + fill) // 7 + len(self.payload)
            body = header + pack(self.payload, fill)
        else:
            body = header + self.payload
            length = len(body)
        if len(body) > MAX_BYTES:
            raise EncodeError(f"user data of {len(body)} bytes: {MAX_BYTES} are the most that a short message holds")
        return bytes((length,)) + body

    @classmethod
    def decode(cls, raw: bytes, dcs: int, *, with_header: bool) -> Self:
        """Read TP-UDL and TP-UD, which are the end of a TPDU."""
        if not raw:
            raise DecodeError("the user data have no length")
        length, body = raw[0], raw[1:]
        septets = alphabet_of(dcs) is Alphabet.GSM
        size = packed_size(length) if septets else length
        if size != len(body) or size > MAX_BYTES:
            raise DecodeError(f"user data of length {length} in {len(body)} bytes")
        elements, start = read_header(body) if with_header else ((), 0)
        if not septets:
            return cls(body[start:], elements)
        fill = -start * 8 % 7
        count = length - (start * 8 + fill) // 7
        if count < 0:
            raise DecodeError("the user data end inside their header")
        return cls(unpack(body[start:], count, fill), elements)


def read_header(body: bytes) -> tuple[tuple[Element, ...], int]:
    """The elements of a user data header, and where it ends."""
    if not body or 1 + body[0] > len(body):
        raise DecodeError("the user data end inside their header")
    end = 1 + body[0]
    elements: list[Element] = []
    at = 1
    while at < end:
        if at + 2 > end or at + 2 + body[at + 1] > end:
            raise DecodeError("the user data header ends inside an element", offset=at)
        stop = at + 2 + body[at + 1]
        elements.append(Element(body[at], body[at + 2 : stop]))
        at = stop
    return tuple(elements), end
