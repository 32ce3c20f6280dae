# SPDX-License-Identifier: Apache-2.0
"""A TLS-PSK connection as somebody reads it who has the key: records of both directions in, what was said out.

For traces. TLS 1.2 with the two suites of SGP.02 (RFC 5246, RFC 5487), with or without extended master secret (RFC
7627) and encrypt-then-MAC (RFC 7366). Other suites, and connections whose key is not known, are followed as far as they
are in clear. Nothing here is used to talk: `apdu.tls.engine` does that.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum, StrEnum, unique
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from apdu.keys.secret import SecretKey

__all__ = ["ContentType", "Direction", "PassiveTls", "Record"]

_HEADER: Final = 5
_MAX_RECORD: Final = (1 << 14) + 2048
_GCM, _CBC = 0x00A8, 0x00AE
_SUITES: Final = {_GCM: "TLS_PSK_WITH_AES_128_GCM_SHA256", _CBC: "TLS_PSK_WITH_AES_128_CBC_SHA256"}
_EXTENDED_MASTER_SECRET: Final = 0x0017
_ENCRYPT_THEN_MAC: Final = 0x0016
_SUPPORTED_VERSIONS: Final = 0x002B
_TLS_1_2: Final = 0x0303
_MAX_TRANSCRIPT: Final = 1 << 16
_RANDOM: Final = slice(2, 34)
_MAC: Final = 32
_BLOCK: Final = 16
_TAG: Final = 16
_VERSIONS: Final = {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", 0x0303: "TLS 1.2", 0x0304: "TLS 1.3"}
_ALERTS: Final = {
    0: "close notify", 10: "unexpected message", 20: "bad record MAC", 40: "handshake failure", 47: "illegal parameter",
    50: "decode error", 51: "decrypt error", 70: "protocol version", 71: "insufficient security", 80: "internal error",
    100: "no renegotiation", 115: "unknown PSK identity",
}  # fmt: skip


@unique
class Direction(StrEnum):
    """Who sent a record."""

    CLIENT = "client"
    SERVER = "server"


@unique
class ContentType(IntEnum):
    """What is in a record (RFC 5246 6.2.1)."""

    CHANGE_CIPHER_SPEC = 20
    ALERT = 21
    HANDSHAKE = 22
    APPLICATION_DATA = 23


_TYPES: Final = frozenset(ContentType)


@dataclass(frozen=True, slots=True)
class Record:
    """One record: what it is in words, and its content in clear where that is known."""

    direction: Direction
    type: int
    text: str
    raw: bytes
    """As it was sent, header and all."""
    clear: bytes | None
    verified: bool | None
    """Whether its MAC or tag is right; None where nobody can tell."""
    protected: bool
    """It was sent after a change cipher spec."""


class _Side:
    """One direction: bytes that are no whole record yet, and its keys once they are in use."""

    __slots__ = ("buffer", "iv", "key", "mac_key", "protected", "random", "sequence")

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.protected = False
        self.random = b""
        self.sequence = 0
        self.key: SecretKey | None = None
        self.mac_key = b""
        self.iv = b""


class PassiveTls:
    """Follows one connection. `find` gives the key of an identity, None when there is none."""

    def __init__(self, find: Callable[[str], SecretKey | None]) -> None:
        self._find = find
        self._sides = {direction: _Side() for direction in Direction}
        self._transcript = bytearray()
        self._suite = 0
        self._extended = False
        self._encrypt_then_mac = False
        self.identity = ""
        """Who the client says it is."""
        self.version = ""
        """The version that the server chose."""
        self.broken = False
        """The bytes are no TLS any more."""

    @property
    def suite(self) -> str:
        """The suite that the server chose."""
        return _SUITES.get(self._suite, f"{self._suite:04X}" if self._suite else "")

    @property
    def known(self) -> bool:
        """Whether version and suite are those of SGP.02, or not chosen yet."""
        return self._suite in (0, *_SUITES) and self.version in ("", _VERSIONS[_TLS_1_2])

    def feed(self, direction: Direction, data: bytes) -> Iterator[Record]:
        """Take bytes of one direction; the records that are whole now."""
        side = self._sides[direction]
        if self.broken:
            return
        side.buffer += data
        while len(side.buffer) >= _HEADER:
            size = int.from_bytes(side.buffer[3:5], "big")
            if side.buffer[0] not in _TYPES or side.buffer[1] != 3 or size > _MAX_RECORD:
                self.broken = True
                side.buffer.clear()
                return
            if len(side.buffer) < _HEADER + size:
                return
            head, body = bytes(side.buffer[:_HEADER]), bytes(side.buffer[_HEADER : _HEADER + size])
            del side.buffer[: _HEADER + size]
            yield self._record(direction, side, head, body)

    def _record(self, direction: Direction, side: _Side, head: bytes, body: bytes) -> Record:
        kind = head[0]
        if not side.protected:
            text = self._in_clear(direction, side, kind, body)
            return Record(direction, kind, text, head + body, body, None, False)
        if side.key is None:
            return Record(direction, kind, f"{len(body)} protected bytes", head + body, None, None, True)
        clear = self._gcm(side, head, body) if self._suite == _GCM else self._cbc(side, head, body)
        side.sequence += 1
        if clear is None:
            return Record(direction, kind, "does not verify", head + body, None, False, True)
        return Record(direction, kind, _protected_text(kind, clear), head + body, clear, True, True)

    # --- handshake

    def _in_clear(self, direction: Direction, side: _Side, kind: int, body: bytes) -> str:
        if kind == ContentType.CHANGE_CIPHER_SPEC:
            side.protected = True
            return "change cipher spec"
        if kind == ContentType.ALERT:
            return _alert(body)
        if kind != ContentType.HANDSHAKE:
            return f"{len(body)} bytes in clear"
        return ", ".join(self._message(direction, side, message) for message in _messages(body)) or "empty"

    def _message(self, direction: Direction, side: _Side, message: bytes) -> str:
        kind, body = message[0], message[4:]
        if kind == 1:
            side.random = body[_RANDOM]
            self._transcript[:] = message
            return f"client hello, {_version(body[:2])}"
        self._transcript += message
        if len(self._transcript) > _MAX_TRANSCRIPT:
            self.broken = True
        if kind == 2:
            return self._server_hello(side, body)
        if kind == 16 and direction is Direction.CLIENT:
            self.identity = body[2:].decode("utf-8", "replace")
            self._derive()
            return f"client key exchange, identity {self.identity}"
        return {12: "server key exchange", 14: "server hello done"}.get(kind, f"handshake message {kind}")

    def _server_hello(self, side: _Side, body: bytes) -> str:
        side.random = body[_RANDOM]
        at = 35 + (body[34] if len(body) > 34 else 0)
        self._suite = int.from_bytes(body[at : at + 2], "big")
        extensions = _extensions(body[at + 3 :])
        self.version = _version(extensions.get(_SUPPORTED_VERSIONS, body[:2]))
        self._extended = _EXTENDED_MASTER_SECRET in extensions
        self._encrypt_then_mac = _ENCRYPT_THEN_MAC in extensions
        return f"server hello, {self.version}, {self.suite}"

    def _derive(self) -> None:
        """Keys of both directions (RFC 5246 6.3, 8.1; RFC 4279 2)."""
        found = self._find(self.identity) if self._suite in _SUITES else None
        if found is None:
            return
        psk = found.reveal()
        length = len(psk).to_bytes(2, "big")
        premaster = length + bytes(len(psk)) + length + psk
        client, server = (self._sides[direction] for direction in Direction)
        if self._extended:
            master = _prf(premaster, b"extended master secret", sha256(self._transcript).digest(), 48)
        else:
            master = _prf(premaster, b"master secret", client.random + server.random, 48)
        mac = 0 if self._suite == _GCM else _MAC
        iv = 4 if self._suite == _GCM else 0
        block = _prf(master, b"key expansion", server.random + client.random, 2 * (mac + 16 + iv))
        for number, side in enumerate((client, server)):
            keys, ivs = 2 * mac, 2 * mac + 32
            side.mac_key = block[number * mac : (number + 1) * mac]
            side.key = SecretKey(block[keys + number * 16 : keys + (number + 1) * 16])
            side.iv = block[ivs + number * iv : ivs + (number + 1) * iv]

    # --- records

    def _gcm(self, side: _Side, head: bytes, body: bytes) -> bytes | None:
        """RFC 5288 3: eight bytes of nonce stand before the data."""
        if len(body) < 8 + _TAG or side.key is None:
            return None
        size = len(body) - 8 - _TAG
        aad = side.sequence.to_bytes(8, "big") + head[:3] + size.to_bytes(2, "big")
        try:
            return AESGCM(side.key.reveal()).decrypt(side.iv + body[:8], body[8:], aad)
        except InvalidTag:
            return None

    def _cbc(self, side: _Side, head: bytes, body: bytes) -> bytes | None:
        """RFC 5246 6.2.3.2, and RFC 7366 where the MAC stands behind the cipher text."""
        prefix = side.sequence.to_bytes(8, "big") + head[:3]
        if self._encrypt_then_mac:
            cipher, mac = body[:-_MAC], body[-_MAC:]
            if not hmac.compare_digest(_hmac(side.mac_key, prefix + len(cipher).to_bytes(2, "big") + cipher), mac):
                return None
            return _unpad(self._decipher(side, cipher))
        clear = _unpad(self._decipher(side, body))
        if clear is None or len(clear) < _MAC:
            return None
        data, mac = clear[:-_MAC], clear[-_MAC:]
        good = hmac.compare_digest(_hmac(side.mac_key, prefix + len(data).to_bytes(2, "big") + data), mac)
        return data if good else None

    @staticmethod
    def _decipher(side: _Side, cipher: bytes) -> bytes:
        if len(cipher) < 2 * _BLOCK or len(cipher) % _BLOCK or side.key is None:
            return b""
        return side.key.decrypt_cbc(cipher[_BLOCK:], cipher[:_BLOCK])


def _unpad(clear: bytes) -> bytes | None:
    if not clear or clear[-1] + 1 > len(clear):
        return None
    return clear[: -clear[-1] - 1]


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, sha256).digest()


def _prf(secret: bytes, label: bytes, seed: bytes, size: int) -> bytes:
    """P_SHA256 (RFC 5246 5)."""
    output, a = b"", label + seed
    while len(output) < size:
        a = _hmac(secret, a)
        output += _hmac(secret, a + label + seed)
    return output[:size]


def _messages(body: bytes) -> Iterator[bytes]:
    """Whole handshake messages of a record; messages that straddle records are rare with these suites."""
    at = 0
    while at + 4 <= len(body):
        end = at + 4 + int.from_bytes(body[at + 1 : at + 4], "big")
        if end > len(body):
            return
        yield body[at:end]
        at = end


def _version(raw: bytes) -> str:
    number = int.from_bytes(raw, "big")
    return _VERSIONS.get(number, f"version {number:04X}")


def _extensions(raw: bytes) -> dict[int, bytes]:
    """By type."""
    found: dict[int, bytes] = {}
    at, end = 2, min(len(raw), 2 + int.from_bytes(raw[:2], "big"))
    while at + 4 <= end:
        size = int.from_bytes(raw[at + 2 : at + 4], "big")
        found[int.from_bytes(raw[at : at + 2], "big")] = raw[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def _alert(body: bytes) -> str:
    if len(body) != 2:
        return "alert"
    return f"alert: {_ALERTS.get(body[1], str(body[1]))}{' (fatal)' if body[0] == 2 else ''}"


def _protected_text(kind: int, clear: bytes) -> str:
    if kind == ContentType.ALERT:
        return _alert(clear)
    if kind == ContentType.HANDSHAKE:
        return "finished" if clear[:1] == b"\x14" else "handshake message"
    return f"{len(clear)} bytes"
