# SPDX-License-Identifier: Apache-2.0
"""A second implementation of SCP03, on pycryptodome, written from GPCS Amendment D alone and kept as plain as possible.

It works on raw bytes, keeps no contexts and knows no states: an oracle, checked by the published vectors itself.
"""

from __future__ import annotations

from Crypto.Cipher import AES
from Crypto.Hash import CMAC


def cmac(key: bytes, data: bytes) -> bytes:
    """All 16 bytes."""
    return CMAC.new(key, data, ciphermod=AES).digest()


def kdf(key: bytes, constant: int, context: bytes, bits: int) -> bytes:
    result = b""
    block = 1
    while len(result) * 8 < bits:
        result += cmac(key, bytes(11) + bytes([constant, 0]) + bits.to_bytes(2, "big") + bytes([block]) + context)
        block += 1
    return result[: bits // 8]


def pad(data: bytes) -> bytes:
    padded = data + b"\x80"
    while len(padded) % 16:
        padded += b"\x00"
    return padded


def unpad(data: bytes) -> bytes:
    end = len(data) - 1
    while data[end] == 0:
        end -= 1
    assert data[end] == 0x80
    return data[:end]


class ModelSession:
    """Both ends: what one end computes, the other end computes."""

    def __init__(self, enc: bytes, mac: bytes, host_challenge: bytes, card_challenge: bytes) -> None:
        context = host_challenge + card_challenge
        self.size = len(host_challenge)
        self.s_enc = kdf(enc, 4, context, len(enc) * 8)
        self.s_mac = kdf(mac, 6, context, len(mac) * 8)
        self.s_rmac = kdf(mac, 7, context, len(mac) * 8)
        self.card_cryptogram = kdf(self.s_mac, 0, context, self.size * 8)
        self.host_cryptogram = kdf(self.s_mac, 1, context, self.size * 8)
        self.chain = bytes(16)
        self.counter = 0
        self.level = 0

    def _iv(self, response: bool) -> bytes:
        block = bytearray(self.counter.to_bytes(16, "big"))
        if response:
            block[0] = 0x80
        return AES.new(self.s_enc, AES.MODE_ECB).encrypt(bytes(block))

    def encrypt(self, padded: bytes, *, response: bool = False) -> bytes:
        """CBC under the present counter, without padding."""
        return bytes(AES.new(self.s_enc, AES.MODE_CBC, iv=self._iv(response)).encrypt(padded))

    def decrypt(self, cipher: bytes, *, response: bool = False) -> bytes:
        """Undo it."""
        return bytes(AES.new(self.s_enc, AES.MODE_CBC, iv=self._iv(response)).decrypt(cipher))

    def command_mac(self, header: bytes, body: bytes) -> bytes:
        length = len(body) + self.size
        lc = bytes([length]) if length <= 255 else b"\x00" + length.to_bytes(2, "big")
        self.chain = cmac(self.s_mac, self.chain + header + lc + body)
        return lc + body + self.chain[: self.size]

    def external_authenticate(self, level: int) -> bytes:
        self.level = level
        header = bytes([0x84, 0x82, level, 0x00])
        return header + self.command_mac(header, self.host_cryptogram)

    def wrap(self, header: bytes, data: bytes, le: bytes) -> bytes:
        """Protect a command on the basic channel."""
        self.counter += 1
        if not self.level:
            return header + (bytes([len(data)]) + data if data else b"") + le
        secure = bytes([header[0] | 0x04]) + header[1:]
        if data and self.level & 0x02:
            data = self.encrypt(pad(data))
        return secure + self.command_mac(secure, data) + le

    def unwrap_body(self, body: bytes) -> bytes:
        """Remove MAC and encryption from a command's data that `wrap` of the other end made; the MAC is not checked."""
        self.counter += 1
        data = body[: -self.size]
        if data and self.level & 0x02:
            data = unpad(self.decrypt(data))
        return data

    def wrap_response(self, data: bytes, sw: bytes) -> bytes:
        if not self.level & 0x10 or not (sw == b"\x90\x00" or sw[0] in (0x62, 0x63)):
            return data + sw
        if data and self.level & 0x20:
            data = self.encrypt(pad(data), response=True)
        return data + cmac(self.s_rmac, self.chain + data + sw)[: self.size] + sw

    def unwrap_response(self, raw: bytes) -> bytes:
        body, sw = raw[:-2], raw[-2:]
        if not self.level & 0x10 or not (sw == b"\x90\x00" or sw[0] in (0x62, 0x63)):
            return raw
        data, mac = body[: -self.size], body[-self.size :]
        assert mac == cmac(self.s_rmac, self.chain + data + sw)[: self.size]
        if data and self.level & 0x20:
            data = unpad(self.decrypt(data, response=True))
        return data + sw
