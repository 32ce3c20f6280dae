# SPDX-License-Identifier: Apache-2.0
"""Command and response APDUs: cases 1 to 4, short and extended lengths (ISO 7816-3 12.1, TS 102 221 10.1)."""

from __future__ import annotations

from typing import Final, NamedTuple, Self

from apdu.command.status import StatusWord
from apdu.errors import DecodeError, EncodeError

__all__ = ["CommandApdu", "ResponseApdu"]

_new: Final = tuple.__new__
"""Makes one of a tuple of all its fields, without a call of Python's own: every command does this four times."""


class CommandApdu(NamedTuple):
    """One command. `le` counts bytes: 256 for a short Le of 00, 65536 for an extended one of 0000, None without Le."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    le: int | None = None
    extended: bool = False

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the bytes of a command; lengths that disagree with the body are a DecodeError."""
        size = len(raw)
        if size == 5:  # case 2 short, the commonest
            return _new(cls, (raw[0], raw[1], raw[2], raw[3], b"", raw[4] or 256, False))
        if size < 5:
            if size == 4:
                return cls(raw[0], raw[1], raw[2], raw[3], b"", None, False)
            raise DecodeError(f"a command has at least 4 bytes, not {size}", offset=size)
        lc = raw[4]
        if lc:
            if size == 5 + lc:
                return _new(cls, (raw[0], raw[1], raw[2], raw[3], bytes(raw[5:]), None, False))
            if size == 6 + lc:
                return _new(cls, (raw[0], raw[1], raw[2], raw[3], bytes(raw[5:-1]), raw[-1] or 256, False))
            raise DecodeError(f"Lc is {lc}, the body has {size - 5} bytes", offset=4)
        return cls._parse_extended(raw)

    @classmethod
    def _parse_extended(cls, raw: bytes) -> Self:
        size = len(raw)
        if size < 7:
            raise DecodeError("an extended length needs three bytes", offset=4)
        head = raw[0], raw[1], raw[2], raw[3]
        length = raw[5] << 8 | raw[6]
        if size == 7:
            return cls(*head, b"", length or 65536, True)
        if not length:
            raise DecodeError("an extended Lc of 0 with a body", offset=5)
        if size == 7 + length:
            return cls(*head, bytes(raw[7:]), None, True)
        if size == 9 + length:
            return cls(*head, bytes(raw[7:-2]), (raw[-2] << 8 | raw[-1]) or 65536, True)
        raise DecodeError(f"extended Lc is {length}, the body has {size - 7} bytes", offset=5)

    def encode(self) -> bytes:
        """The bytes that go to the card; extended lengths where the sizes need them or `extended` says so."""
        cla, ins, p1, p2, data, le, extended = self
        if data and le is None and len(data) < 256 and not extended:  # case 3 short
            return bytes((cla, ins, p1, p2, len(data))) + data
        if not data and le is not None and 0 < le <= 256 and not extended:  # case 2 short
            return bytes((cla, ins, p1, p2, le & 0xFF))
        head = bytes((cla, ins, p1, p2))
        if len(data) > 0xFFFF or (le is not None and not 1 <= le <= 0x10000):
            raise EncodeError(f"lengths outside what an APDU carries: Lc {len(data)}, Le {le}")
        if not data and le is None:
            return head
        if extended or len(data) > 255 or (le is not None and le > 256):
            body = b"\x00" + len(data).to_bytes(2, "big") + data if data else b""
            if le is None:
                return head + body
            tail = (le & 0xFFFF).to_bytes(2, "big")
            return head + body + (tail if data else b"\x00" + tail)
        body = bytes((len(data),)) + data if data else b""
        return head + body if le is None else head + body + bytes((le & 0xFF,))

    def __repr__(self) -> str:
        le = "" if self.le is None else f" Le={self.le}"
        return f"CommandApdu({self.cla:02X} {self.ins:02X} {self.p1:02X} {self.p2:02X} Lc={len(self.data)}{le})"


class ResponseApdu(NamedTuple):
    """One response: data and status word."""

    data: bytes
    sw: int

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the bytes of a response; fewer than two are a DecodeError."""
        if len(raw) < 2:
            raise DecodeError(f"a response has at least 2 bytes, not {len(raw)}")
        return _new(cls, (bytes(raw[:-2]), raw[-2] << 8 | raw[-1]))

    def encode(self) -> bytes:
        """The bytes that come from the card."""
        return self.data + self.sw.to_bytes(2, "big")

    @property
    def status(self) -> StatusWord:
        """The status word as a typed value."""
        return StatusWord(self.sw)

    def __repr__(self) -> str:
        return f"ResponseApdu({len(self.data)} bytes, {self.sw:04X})"
