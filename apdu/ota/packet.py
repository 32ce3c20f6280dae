# SPDX-License-Identifier: Apache-2.0
"""Secured packets of SCP80: commands and proofs of receipt, built and opened (TS 102 225 5.1, 5.2; TS 31.115 4).

    command   CPL CHL SPI KIc KID TAR | CNTR PCNTR check data padding
    response  RPL RHL TAR             | CNTR PCNTR status check data padding

Ciphering covers what stands behind the bar. The check covers everything but itself, in clear, padding included; that
of a response also the header `02 71 00` of the short message. The check is made whatever the number of padding bytes
turns out to be: who forges a packet learns nothing from the time that its refusal takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import Final, NamedTuple

from apdu.errors import DecodeError, EncodeError, SecurityError
from apdu.ids import Tar
from apdu.keys.secret import KeySet, SecretKey
from apdu.ota.security import Spi, check_length, checksum, verifies

__all__ = [
    "MAX_COUNTER",
    "Command",
    "Header",
    "PacketRefused",
    "Response",
    "SecuredCommand",
    "SecuredResponse",
    "Status",
    "build_command",
    "build_response",
    "parse_command",
    "parse_response",
]

MAX_COUNTER: Final = (1 << 40) - 1
_COUNTER: Final = 5
_COMMAND_HEAD: Final = 10
"""CPL 2, CHL 1, SPI 2, KIc 1, KID 1, TAR 3."""
_COMMAND_FIXED: Final = 13
"""CHL without a check: SPI to PCNTR."""
_RESPONSE_HEAD: Final = 6
"""RPL 2, RHL 1, TAR 3."""
_RESPONSE_FIXED: Final = 10
"""RHL without a check: TAR to status."""
_RESPONSE_UDH: Final = b"\x02\x71\x00"
_MAX: Final = 0xFFFF


@unique
class Status(IntEnum):
    """Response status codes (TS 102 225 table 5)."""

    OK = 0x00
    CHECK_FAILED = 0x01
    COUNTER_LOW = 0x02
    COUNTER_HIGH = 0x03
    COUNTER_BLOCKED = 0x04
    CIPHERING_ERROR = 0x05
    SECURITY_ERROR = 0x06
    """Not identified further."""
    MEMORY = 0x07
    MORE_TIME = 0x08
    TAR_UNKNOWN = 0x09
    SECURITY_TOO_LOW = 0x0A
    RESPONSE_BY_SUBMIT = 0x0B
    RESPONSE_BY_USSD = 0x0C


class PacketRefused(SecurityError):
    """A packet that its receiver does not accept; `status` is for the sender, if it may learn it."""

    def __init__(self, status: Status) -> None:
        self.status = status
        super().__init__(f"secured packet refused: {status.name.lower().replace('_', ' ')}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What stands in clear at the beginning of a command."""

    spi: Spi
    kic: int
    kid: int
    tar: Tar

    def to_bytes(self) -> bytes:
        """SPI, KIc, KID, TAR."""
        return self.spi.to_bytes() + bytes((self.kic, self.kid)) + self.tar


class Command(NamedTuple):
    """An opened command."""

    counter: int
    data: bytes


class Response(NamedTuple):
    """An opened response."""

    tar: Tar
    counter: int
    status: int
    data: bytes


class SecuredCommand(NamedTuple):
    """A command as it came: its header, and the rest that only a key opens."""

    header: Header
    head: bytes
    body: bytes

    def open(self, keys: KeySet) -> Command:
        """Decipher and verify; PacketRefused with one status for all that can be wrong."""
        spi, kid = self.header.spi, self.header.kid
        size = check_length(spi.check, kid)
        clear, whole = _decipher(self.body, keys.enc) if spi.ciphered else (self.body, True)
        fixed = _COUNTER + 1
        padding = clear[_COUNTER] if len(clear) > _COUNTER else 0
        data = clear[fixed + size :]
        message = self.head + clear[:fixed] + data
        genuine = verifies(checksum(spi.check, kid, keys.mac, message), clear[fixed : fixed + size])
        if not (genuine and whole and _fits(padding, data, spi.ciphered, keys.enc)):
            raise PacketRefused(Status.CHECK_FAILED)
        return Command(int.from_bytes(clear[:_COUNTER], "big"), data[: len(data) - padding])


class SecuredResponse(NamedTuple):
    """A proof of receipt as it came."""

    tar: Tar
    head: bytes
    body: bytes

    def open(self, command: Header, keys: KeySet) -> Response:
        """Decipher and verify as the command's SPI asked for; SecurityError when it does not verify."""
        spi, kid = command.spi, command.kid
        size = check_length(spi.por_check, kid)
        clear, whole = _decipher(self.body, keys.enc) if spi.por_ciphered else (self.body, True)
        fixed = _COUNTER + 2
        padding = clear[_COUNTER] if len(clear) > _COUNTER else 0
        data = clear[fixed + size :]
        message = _RESPONSE_UDH + self.head + clear[:fixed] + data
        genuine = verifies(checksum(spi.por_check, kid, keys.mac, message), clear[fixed : fixed + size])
        if len(clear) < fixed or not (genuine and whole and _fits(padding, data, spi.por_ciphered, keys.enc)):
            raise SecurityError("the proof of receipt does not verify")
        counter = int.from_bytes(clear[:_COUNTER], "big")
        return Response(self.tar, counter, clear[_COUNTER + 1], data[: len(data) - padding])


def _decipher(body: bytes, key: SecretKey) -> tuple[bytes, bool]:
    """The clear text, and whether the body was whole blocks."""
    excess = len(body) % key.block_size
    return key.decrypt_cbc(body[: len(body) - excess]), not excess and bool(body)


def _fits(padding: int, data: bytes, ciphered: bool, key: SecretKey) -> bool:
    """Whether a number of padding bytes can be true: less than a block, of zeros, and none without ciphering."""
    if not ciphered:
        return padding == 0
    return padding < key.block_size and padding <= len(data) and not any(data[len(data) - padding :])


def build_command(header: Header, counter: int, data: bytes, keys: KeySet) -> bytes:
    """A command packet from CPL on; EncodeError when it does not fit its length."""
    size = check_length(header.spi.check, header.kid)
    padding = _padding(_COUNTER + 1 + size + len(data), header.spi.ciphered, keys.enc)
    chl = _COMMAND_FIXED + size
    cpl = chl + 1 + len(data) + padding
    head = _length(cpl) + bytes((chl,)) + header.to_bytes()
    fixed = _counter(counter) + bytes((padding,))
    padded = data + bytes(padding)
    body = fixed + checksum(header.spi.check, header.kid, keys.mac, head + fixed + padded) + padded
    return head + (keys.enc.encrypt_cbc(body) if header.spi.ciphered else body)


def build_response(command: Header, counter: int, status: int, data: bytes, keys: KeySet) -> bytes:
    """The proof of receipt from RPL on, protected as the command's SPI asks."""
    spi, kid = command.spi, command.kid
    size = check_length(spi.por_check, kid)
    padding = _padding(_COUNTER + 2 + size + len(data), spi.por_ciphered, keys.enc)
    rhl = _RESPONSE_FIXED + size
    head = _length(rhl + 1 + len(data) + padding) + bytes((rhl,)) + command.tar
    fixed = _counter(counter) + bytes((padding, status))
    padded = data + bytes(padding)
    body = fixed + checksum(spi.por_check, kid, keys.mac, _RESPONSE_UDH + head + fixed + padded) + padded
    return head + (keys.enc.encrypt_cbc(body) if spi.por_ciphered else body)


def _padding(size: int, ciphered: bool, key: SecretKey) -> int:
    return -size % key.block_size if ciphered else 0


def _length(length: int) -> bytes:
    if length > _MAX:
        raise EncodeError(f"a secured packet of {length} bytes is longer than its length can say")
    return length.to_bytes(2, "big")


def _counter(counter: int) -> bytes:
    if not 0 <= counter <= MAX_COUNTER:
        raise EncodeError(f"a counter has 5 bytes, {counter} does not fit")
    return counter.to_bytes(_COUNTER, "big")


def parse_command(raw: bytes) -> SecuredCommand:
    """Read the header and check all lengths against each other (DecodeError); nothing is deciphered."""
    if len(raw) < _COMMAND_HEAD + _COUNTER + 1:
        raise DecodeError("a secured command is longer", offset=len(raw))
    _require_length(raw)
    header = Header(spi=Spi.from_bytes(raw[3:5]), kic=raw[5], kid=raw[6], tar=Tar(raw[7:_COMMAND_HEAD]))
    if raw[2] != _COMMAND_FIXED + check_length(header.spi.check, header.kid):
        raise DecodeError(f"CHL is {raw[2]}, which its SPI contradicts", offset=2)
    if len(raw) < 3 + raw[2]:
        raise DecodeError("the packet ends inside its header", offset=len(raw))
    return SecuredCommand(header, raw[:_COMMAND_HEAD], raw[_COMMAND_HEAD:])


def parse_response(raw: bytes) -> SecuredResponse:
    """Read the header and check the length (DecodeError)."""
    if len(raw) < _RESPONSE_HEAD + _COUNTER + 2:
        raise DecodeError("a proof of receipt is longer", offset=len(raw))
    _require_length(raw)
    if not _RESPONSE_FIXED <= raw[2] <= len(raw) - 3:
        raise DecodeError(f"RHL is {raw[2]}, which the packet contradicts", offset=2)
    return SecuredResponse(Tar(raw[3:_RESPONSE_HEAD]), raw[:_RESPONSE_HEAD], raw[_RESPONSE_HEAD:])


def _require_length(raw: bytes) -> None:
    said = int.from_bytes(raw[:2], "big")
    if said != len(raw) - 2:
        raise DecodeError(f"the packet says {said} bytes, {len(raw) - 2} came", offset=0)
