# SPDX-License-Identifier: Apache-2.0
"""File control parameters, tag 62: what SELECT and STATUS say about a file (TS 102 221 11.1.1.3 and 11.1.1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from apdu.errors import DecodeError, EncodeError
from apdu.ids import Aid
from apdu.tlv.declare import AID, BYTE, RAW, UINT16, Leaf, Template, fixed, tlv
from apdu.tlv.scan import ber, split

__all__ = [
    "UNIVERSAL_PIN",
    "FcpTemplate",
    "FileDescriptor",
    "PinStatus",
    "PinStatusEntry",
    "ProprietaryInformation",
    "SecurityReference",
]

DATA_CODING: Final = 0x21
DIRECTORY: Final = 0x78
UNIVERSAL_PIN: Final = 0x11
USE_UNIVERSAL_PIN: Final = 0x08
_NO_SFI: Final = 0


class FileDescriptor(NamedTuple):
    """Tag 82: what kind of file it is; record files also have a length and a number of records (11.1.1.4.3)."""

    descriptor: int
    coding: int = DATA_CODING
    record_length: int | None = None
    records: int | None = None

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read two bytes, or five for a record file."""
        if len(raw) == 2:
            return cls(raw[0], raw[1])
        if len(raw) == 5:
            return cls(raw[0], raw[1], raw[2] << 8 | raw[3], raw[4])
        raise DecodeError(f"a file descriptor has 2 or 5 bytes, not {len(raw)}")

    def to_bytes(self) -> bytes:
        """Build it."""
        head = bytes((self.descriptor, self.coding))
        if self.record_length is None or self.records is None:
            return head
        return head + self.record_length.to_bytes(2, "big") + bytes((self.records,))

    @property
    def is_directory(self) -> bool:
        """Whether it is the MF, a DF or an ADF."""
        return self.descriptor & 0xBF == 0x38


class SecurityReference(NamedTuple):
    """Tag 8B: the EF_ARR and the record in it that hold the access rule (11.1.1.4.7.3)."""

    fid: int
    record: int
    by_environment: tuple[tuple[int, int], ...] = ()
    """(security environment, record) pairs; then `record` is 0."""

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read file identifier and record number, or file identifier and pairs."""
        if len(raw) == 3:
            return cls(raw[0] << 8 | raw[1], raw[2])
        if len(raw) < 4 or len(raw) % 2:
            raise DecodeError(f"a reference to an access rule has 3 bytes or 2 and pairs, not {len(raw)}")
        pairs = tuple((raw[at], raw[at + 1]) for at in range(2, len(raw), 2))
        return cls(raw[0] << 8 | raw[1], 0, pairs)

    def to_bytes(self) -> bytes:
        """Build it."""
        head = self.fid.to_bytes(2, "big")
        if self.by_environment:
            return head + b"".join(bytes(pair) for pair in self.by_environment)
        return head + bytes((self.record,))


class PinStatusEntry(NamedTuple):
    """One key reference of a PIN status template."""

    reference: int
    enabled: bool
    usage: int | None = None
    """Usage qualifier; only the universal PIN has one: 08 use it, 00 do not."""


@dataclass(frozen=True, slots=True)
class PinStatus:
    """Tag C6: the key references of a directory and which are enabled (TS 102 221 11.1.1.4.10, 9.5.2)."""

    entries: tuple[PinStatusEntry, ...] = ()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read 90 (one bit per reference), then 83 each, the universal PIN's with 95 in front."""
        objects = split(raw)
        if not objects or objects[0].tag != 0x90:
            raise DecodeError("a PIN status template starts with 90")
        bits = "".join(f"{byte:08b}" for byte in objects[0].value)
        entries: list[PinStatusEntry] = []
        usage: int | None = None
        for tag, value in objects[1:]:
            if tag not in (0x83, 0x95) or len(value) != 1:
                raise DecodeError(f"object {tag:X} of {len(value)} bytes in a PIN status template")
            if tag == 0x95:
                usage = value[0]
                continue
            if len(entries) >= len(bits):
                raise DecodeError("a PIN status template has more references than status bits")
            entries.append(PinStatusEntry(value[0], bits[len(entries)] == "1", usage))
            usage = None
        return cls(tuple(entries))

    def to_bytes(self) -> bytes:
        """Build it; the first reference has the most significant bit."""
        size = max(1, -(-len(self.entries) // 8))
        bits = 0
        body = b""
        for position, entry in enumerate(self.entries):
            if entry.enabled:
                bits |= 1 << (8 * size - 1 - position)
            if entry.usage is not None:
                body += ber(0x95, bytes((entry.usage,)))
            body += ber(0x83, bytes((entry.reference,)))
        return ber(0x90, bits.to_bytes(size, "big")) + body


def _number(data: bytes) -> int:
    if not 1 <= len(data) <= 8:
        raise DecodeError(f"a number has 1 to 8 bytes, not {len(data)}")
    return int.from_bytes(data, "big")


def _at_least(size: int) -> Leaf[int]:
    """A number that is built with `size` bytes, or more where it needs them."""
    return Leaf(None, _number, lambda value: value.to_bytes(max(size, (value.bit_length() + 7) // 8), "big"))


def _read_sfi(data: bytes) -> int:
    if not data:
        return _NO_SFI
    if len(data) != 1 or data[0] & 0x07 or not 0x08 <= data[0] <= 0xF0:
        raise DecodeError("a short file identifier is b8 to b4 of one byte, 1 to 30")
    return data[0] >> 3


def _build_sfi(sfi: int) -> bytes:
    if not 0 <= sfi <= 30:
        raise EncodeError(f"short file identifiers are 1 to 30, not {sfi}")
    return bytes((sfi << 3,)) if sfi else b""


DESCRIPTOR: Final = Leaf(None, FileDescriptor.from_bytes, FileDescriptor.to_bytes)
SECURITY: Final = Leaf(None, SecurityReference.from_bytes, SecurityReference.to_bytes)
PIN_STATUS: Final = Leaf(None, PinStatus.from_bytes, PinStatus.to_bytes)
SFI: Final = Leaf(None, _read_sfi, _build_sfi)
_SIZE: Final = _at_least(2)
_WIDE_SIZE: Final = _at_least(4)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProprietaryInformation(Template, tag=0xA5, clause="TS 102 221 11.1.1.4.6", open=True):
    """What a UICC adds to ISO 7816-4; objects of other makers are passed over."""

    characteristics: int | None = tlv(0x80, BYTE, optional=True)
    power: bytes | None = tlv(0x81, fixed(3), optional=True)
    minimum_clock: int | None = tlv(0x82, BYTE, optional=True)
    available_memory: int | None = tlv(0x83, _WIDE_SIZE, optional=True)
    details: int | None = tlv(0x84, BYTE, optional=True)
    """BER-TLV files: 01 = DER."""
    reserved_size: int | None = tlv(0x85, _SIZE, optional=True)
    maximum_size: int | None = tlv(0x86, _SIZE, optional=True)
    supported_commands: int | None = tlv(0x87, BYTE, optional=True)
    environment: int | None = tlv(0x88, BYTE, optional=True)
    special: int | None = tlv(0xC0, BYTE, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class FcpTemplate(Template, tag=0x62, clause="TS 102 221 11.1.1.3.1", ordered=True):
    """The parameters of one MF, DF, ADF or EF, in the order that the clause demands."""

    descriptor: FileDescriptor = tlv(0x82, DESCRIPTOR)
    fid: int | None = tlv(0x83, UINT16, optional=True)
    name: Aid | None = tlv(0x84, AID, optional=True)
    proprietary: ProprietaryInformation | None = tlv(0xA5, ProprietaryInformation, optional=True)
    lcs: int = tlv(0x8A, BYTE)
    security: SecurityReference | None = tlv(0x8B, SECURITY, optional=True)
    compact: bytes | None = tlv(0x8C, RAW, optional=True)
    expanded: bytes | None = tlv(0xAB, RAW, optional=True)
    pin_status: PinStatus | None = tlv(0xC6, PIN_STATUS, optional=True)
    size: int | None = tlv(0x80, _SIZE, optional=True)
    total_size: int | None = tlv(0x81, _WIDE_SIZE, optional=True)
    sfi: int | None = tlv(0x88, SFI, optional=True)
    """0 says "none" (an empty object); without the object it is the five low bits of the file identifier."""
