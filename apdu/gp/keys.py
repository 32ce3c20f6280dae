# SPDX-License-Identifier: Apache-2.0
"""PUT KEY with its response (GPCS 11.8, format 1), and keys in STORE DATA (DGI 00B9 with 8113, GPCS 11.11.4.2).

A key travels encrypted under the static DEK, AES-CBC with IV zero (GPCS Amendment D 6.2.8), in one of two forms: the
cipher text alone, or the clear length and the cipher text.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import Final, Self

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError, EncodeError, SecurityError
from apdu.gp.codes import Ins
from apdu.gp.lv import lv, read_lv
from apdu.keys.secret import KeyType, SecretKey
from apdu.tlv.declare import BYTE, RAW, UINT, Template, tlv

__all__ = ["KEY_DGI", "KEY_REFERENCE_DGI", "KeyComponent", "KeyReference", "PutKey", "PutKeyEntry", "PutKeyResponse"]

KEY_REFERENCE_DGI: Final = 0x00B9
KEY_DGI: Final = 0x8113
_KCV_LENGTH: Final = 3


@dataclass(frozen=True, slots=True)
class KeyComponent:
    """A key type and its component block as transmitted."""

    type: int
    block: bytes


@dataclass(frozen=True, slots=True)
class PutKeyEntry:
    """One key: a component, or two for public keys (B0 point, F0 curve), and a check value, possibly empty."""

    components: tuple[KeyComponent, ...]
    kcv: bytes

    @classmethod
    def protect(cls, key: SecretKey, dek: SecretKey) -> Self:
        """A key for the wire: clear length, cipher text under the DEK, check value."""
        clear = key.reveal()
        padded = clear.ljust(-(-len(clear) // dek.block_size) * dek.block_size, b"\x00")
        block = bytes((len(clear),)) + dek.encrypt_cbc(padded)
        return cls((KeyComponent(key.type, block),), key.kcv)

    def secret(self, dek: SecretKey) -> SecretKey:
        """The key; SecurityError when its check value is wrong (9485), DecodeError when it is no secret key."""
        if len(self.components) != 1:
            raise DecodeError("a secret key has one component")
        component = self.components[0]
        block = component.block
        size, rest = len(block), len(block) % dek.block_size
        if rest == 1:
            size, block = block[0], block[1:]
        if not block or size > len(block) or len(block) - size >= dek.block_size:
            raise DecodeError(f"a key of {size} bytes in a block of {len(block)}")
        try:
            type = KeyType(component.type)
        except ValueError:
            raise DecodeError(f"key type {component.type:02X} is not assigned") from None
        key = SecretKey(dek.decrypt_cbc(block)[:size], type)
        if self.kcv and not hmac.compare_digest(key.kcv, self.kcv):
            raise SecurityError("the key check value is wrong")
        return key


@dataclass(frozen=True, slots=True)
class PutKey:
    """The whole command: `replaces` is the version that goes, 0 for a new one; `kid` the first key's identifier."""

    kvn: int
    keys: tuple[PutKeyEntry, ...]
    kid: int = 1
    replaces: int = 0

    @classmethod
    def decode(cls, p1: int, p2: int, data: bytes) -> Self:
        """Read P1, P2 and the data field."""
        if not data:
            raise DecodeError("the key version number is missing", path=("PutKey",))
        entries: list[PutKeyEntry] = []
        at = 1
        while at < len(data):
            try:
                entry, at = _read_entry(data, at)
            except DecodeError as error:
                raise error.inside(f"key {len(entries) + 1}").inside("PutKey") from None
            entries.append(entry)
        if not entries or (len(entries) > 1) != bool(p2 & 0x80):
            raise DecodeError(f"{len(entries)} keys do not fit P2 {p2:02X}", path=("PutKey",))
        return cls(data[0], tuple(entries), p2 & 0x7F, p1 & 0x7F)

    def encode(self) -> bytes:
        """The data field."""
        if not self.keys:
            raise EncodeError("PUT KEY without a key")
        parts = [bytes((self.kvn,))]
        for entry in self.keys:
            parts.extend(bytes((item.type,)) + lv(item.block) for item in entry.components)
            parts.append(lv(entry.kcv))
        return b"".join(parts)

    def command(self, *, cla: int = 0x80) -> CommandApdu:
        """The whole command."""
        p2 = self.kid | (0x80 if len(self.keys) > 1 else 0)
        return CommandApdu(cla, Ins.PUT_KEY, self.replaces, p2, self.encode(), 256)


def _read_entry(data: bytes, at: int) -> tuple[PutKeyEntry, int]:
    components: list[KeyComponent] = []
    while True:
        type = data[at]
        if type == KeyType.EXTENDED:
            raise DecodeError("a key in the extended format", offset=at)
        block, at = read_lv(data, at + 1)
        components.append(KeyComponent(type, block))
        if at >= len(data):
            raise DecodeError("the data end before a check value", offset=at)
        if data[at] < 0x80:  # key types are 80 and above, the lengths of check values are not
            break
    kcv, at = read_lv(data, at)
    return PutKeyEntry(tuple(components), kcv), at


@dataclass(frozen=True, slots=True)
class PutKeyResponse:
    """Version number and check values of the keys now in place."""

    kvn: int
    kcvs: tuple[bytes, ...]

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the response data; keys without a check value leave nothing behind."""
        if not data or (len(data) - 1) % _KCV_LENGTH:
            raise DecodeError(f"{len(data)} bytes are no answer to PUT KEY", path=("PutKeyResponse",))
        return cls(data[0], tuple(data[at : at + _KCV_LENGTH] for at in range(1, len(data), _KCV_LENGTH)))

    def encode(self) -> bytes:
        """The response data."""
        return bytes((self.kvn,)) + b"".join(self.kcvs)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyReference(Template, tag=0xB9, clause="GPCS 11.11.4.2 table 11-89"):
    """DGI 00B9: which key the DGI after it holds."""

    usage: bytes = tlv(0x95, RAW)
    access: int | None = tlv(0x96, BYTE, optional=True)
    type: int = tlv(0x80, BYTE)
    length: int = tlv(0x81, UINT)
    kid: int = tlv(0x82, BYTE)
    kvn: int = tlv(0x83, BYTE)
    kcv: bytes | None = tlv(0x84, RAW, optional=True)
