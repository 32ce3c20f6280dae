# SPDX-License-Identifier: Apache-2.0
"""Names to addresses over UDP: one question, one answer (RFC 1035, RFC 3596; SGP.02 v4.2 2.4.5).

    query  = Query(identifier, "sm-sr.example", RecordType.A)
    answer = query.read(datagram)       None: not an answer to this question; wait on

What comes may come from anybody: another identifier or another question is no answer at all, and every walk through
names, pointers and aliases has an end.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from apdu.errors import DecodeError, EncodeError

__all__ = ["MAX_DATAGRAM", "PORT", "Answer", "IpAddress", "Query", "RecordType", "ResponseCode", "is_name"]

IpAddress = IPv4Address | IPv6Address

PORT: Final = 53
MAX_DATAGRAM: Final = 512
"""Bytes of an answer without extensions (RFC 1035 4.2.1); longer ones are nobody's."""
_HEADER: Final = 12
_INTERNET: Final = 1
_RECURSION: Final = 0x0100
_RESPONSE, _OPCODE, _TRUNCATED, _CODE = 0x8000, 0x7800, 0x0200, 0x000F
_MAX_LABEL: Final = 63
_MAX_NAME: Final = 255
_POINTER: Final = 0xC0
_MAX_RECORDS: Final = 32
"""Records of an answer that are looked at (D)."""
_MAX_ALIASES: Final = 8
"""CNAMEs that are followed within an answer (D)."""


@unique
class RecordType(IntEnum):
    """What is asked for, and what stands in the way."""

    A = 1
    CNAME = 5
    AAAA = 28


@unique
class ResponseCode(IntEnum):
    """How a server answers (RFC 1035 4.1.1); others count as failures too."""

    NO_ERROR = 0
    FORMAT_ERROR = 1
    SERVER_FAILURE = 2
    NAME_ERROR = 3
    NOT_IMPLEMENTED = 4
    REFUSED = 5


class Answer(NamedTuple):
    """Addresses, or the name to ask for instead; neither where the server knows none."""

    addresses: tuple[IpAddress, ...] = ()
    alias: str = ""
    """Where the chain of aliases leads that this answer begins."""
    code: int = ResponseCode.NO_ERROR
    truncated: bool = False


class _Record(NamedTuple):
    name: bytes
    type: int
    data: bytes
    alias: bytes
    """The name that a CNAME holds."""


def is_name(text: str) -> bool:
    """Whether a text can be asked for: labels of 1 to 63 printable characters, 253 in all."""
    try:
        _build_name(text)
    except EncodeError:
        return False
    return True


def _build_name(text: str) -> bytes:
    """A name as labels with their lengths."""
    labels = text.rstrip(".").split(".") if text.isascii() and text.isprintable() else [""]
    if not all(1 <= len(label) <= _MAX_LABEL and " " not in label for label in labels):
        raise EncodeError("a name has labels of 1 to 63 characters")
    raw = b"".join(bytes((len(label),)) + label.encode("ascii") for label in labels) + b"\x00"
    if len(raw) > _MAX_NAME:
        raise EncodeError("a name has at most 255 bytes")
    return raw


def _read_name(raw: bytes, at: int) -> tuple[bytes, int]:
    """A name in lower case, its pointers followed, and the offset behind it; pointers lead back only, so they end."""
    name = bytearray()
    end = 0
    floor = at
    while True:
        if at >= len(raw):
            raise DecodeError("a name that does not end", offset=at)
        size = raw[at]
        if size & _POINTER == _POINTER:
            target = int.from_bytes(raw[at : at + 2], "big") & 0x3FFF
            if at + 2 > len(raw) or target >= floor:
                raise DecodeError("a name that points forward", offset=at)
            end = end or at + 2
            at = floor = target
            continue
        if size > _MAX_LABEL or at + 1 + size > len(raw) or len(name) + 1 + size > _MAX_NAME:
            raise DecodeError("a label that does not fit", offset=at)
        name += raw[at : at + 1 + size].lower()
        at += 1 + size
        if not size:
            return bytes(name), end or at


def _text(name: bytes) -> str:
    """A name as people write it; empty for one that could not be asked for."""
    labels: list[str] = []
    at = 0
    while at < len(name) and name[at]:
        labels.append(name[at + 1 : at + 1 + name[at]].decode("latin-1"))
        at += 1 + name[at]
    text = ".".join(labels)
    return text if all("." not in label for label in labels) and is_name(text) else ""


@dataclass(frozen=True, slots=True)
class Query:
    """One question."""

    identifier: int
    """Drawn for each question: who does not see it has to guess it."""
    name: str
    type: RecordType = RecordType.A

    def encode(self) -> bytes:
        """The datagram to send; EncodeError where the name cannot be asked for."""
        head = b"".join(number.to_bytes(2, "big") for number in (self.identifier, _RECURSION, 1, 0, 0, 0))
        return head + self._question()

    def _question(self) -> bytes:
        return _build_name(self.name) + self.type.to_bytes(2, "big") + _INTERNET.to_bytes(2, "big")

    def read(self, datagram: bytes) -> Answer | None:
        """What a datagram answers; None where it is not the answer to this question, or cannot be read."""
        if not _HEADER <= len(datagram) <= MAX_DATAGRAM:
            return None
        identifier, flags, questions, records = (int.from_bytes(datagram[at : at + 2], "big") for at in (0, 2, 4, 6))
        if identifier != self.identifier or not flags & _RESPONSE or flags & _OPCODE or questions != 1:
            return None
        question = self._question()
        end = _HEADER + len(question)
        if datagram[_HEADER:end].lower() != question.lower():
            return None
        if flags & _TRUNCATED or flags & _CODE:
            return Answer(code=flags & _CODE, truncated=bool(flags & _TRUNCATED))
        try:
            found = _read_records(datagram, end, min(records, _MAX_RECORDS))
        except DecodeError:
            return None
        return self._resolve(found)

    def _resolve(self, records: list[_Record]) -> Answer:
        """Follow aliases from the name that was asked for to its addresses."""
        name = _build_name(self.name).lower()
        aliases = {record.name: record.alias for record in records if record.type == RecordType.CNAME}
        for _ in range(_MAX_ALIASES):
            found = [record.data for record in records if record.name == name and record.type == self.type]
            addresses = tuple(_address(data) for data in found)
            if addresses:
                return Answer(addresses)
            if name not in aliases:
                asked = name == _build_name(self.name).lower()
                return Answer(alias="" if asked else _text(name))
            name = aliases[name]
        return Answer(code=ResponseCode.SERVER_FAILURE)


def _address(data: bytes) -> IpAddress:
    return IPv4Address(data) if len(data) == 4 else IPv6Address(data)


def _read_records(raw: bytes, at: int, count: int) -> list[_Record]:
    """The records of the answer section, as far as they are of use."""
    records: list[_Record] = []
    for _ in range(count):
        name, at = _read_name(raw, at)
        if at + 10 > len(raw):
            raise DecodeError("a record that does not fit", offset=at)
        type, kind = (int.from_bytes(raw[start : start + 2], "big") for start in (at, at + 2))
        start = at + 10
        end = start + int.from_bytes(raw[at + 8 : start], "big")
        if end > len(raw):
            raise DecodeError("a record that does not fit", offset=at)
        alias = b""
        if type == RecordType.CNAME:
            alias, behind = _read_name(raw, start)
            if behind != end:
                raise DecodeError("an alias that does not fill its record", offset=start)
        if type in _ADDRESS_SIZES and end - start != _ADDRESS_SIZES[type]:
            raise DecodeError("an address of another length", offset=start)
        if kind == _INTERNET and type in _KNOWN:
            records.append(_Record(name, type, raw[start:end], alias))
        at = end
    return records


_KNOWN: Final = frozenset(RecordType)
_ADDRESS_SIZES: Final[dict[int, int]] = {RecordType.A: 4, RecordType.AAAA: 16}
