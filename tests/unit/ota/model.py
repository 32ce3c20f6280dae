# SPDX-License-Identifier: Apache-2.0
"""SCP80 once more, on pycryptodome and plain bytes: what the project's packets are compared with.

It shares nothing with the project; the published packets check it before it checks anything.
"""

from __future__ import annotations

import binascii

from Crypto.Cipher import AES, DES3
from Crypto.Hash import CMAC


def block(key: bytes, kind: str) -> int:
    return 16 if kind == "aes" else 8


def cipher(key: bytes, kind: str, data: bytes, *, back: bool = False) -> bytes:
    if kind == "aes":
        engine = AES.new(key, AES.MODE_CBC, bytes(16))
        return engine.decrypt(data) if back else engine.encrypt(data)
    triple = DES3.new(key, DES3.MODE_CBC, bytes(8))
    return triple.decrypt(data) if back else triple.encrypt(data)


def crc16(data: bytes) -> int:
    """Bit by bit from the polynomial, most significant bit of the reflected register last."""
    register = 0xFFFF
    for byte in data:
        for bit in range(8):
            mix = (register ^ byte >> bit) & 1
            register >>= 1
            if mix:
                register ^= 0b1000010000001000
    return register ^ 0xFFFF


def mac(key: bytes, kind: str, how: int, kid: int, message: bytes) -> bytes:
    if how == 0:
        return b""
    if how == 1:
        return crc16(message).to_bytes(2, "big") if kid & 0x0F == 1 else binascii.crc32(message).to_bytes(4, "big")
    if kind == "aes":
        return CMAC.new(key, message, ciphermod=AES).digest()[:8]
    while len(message) % 8:
        message += b"\0"
    return cipher(key, kind, message)[-8:]


def command(
    spi: bytes, kic: int, kid: int, tar: bytes, counter: int, data: bytes, keys: tuple[bytes, bytes], kind: str = "aes"
) -> bytes:
    how, ciphered = spi[0] & 3, bool(spi[0] & 4)
    size = (0, 2 if kid & 0x0F == 1 else 4, 8)[how]
    pad = 0
    if ciphered:
        while (6 + size + len(data) + pad) % block(keys[0], kind):
            pad += 1
    tail = data + b"\0" * pad
    chl = 2 + 1 + 1 + 3 + 5 + 1 + size
    front = (1 + chl + len(tail)).to_bytes(2, "big") + bytes([chl]) + spi + bytes([kic, kid]) + tar
    middle = counter.to_bytes(5, "big") + bytes([pad])
    inner = middle + mac(keys[1], kind, how, kid, front + middle + tail) + tail
    return front + (cipher(keys[0], kind, inner) if ciphered else inner)


def response(
    spi: bytes, kid: int, tar: bytes, counter: int, status: int, data: bytes, keys: tuple[bytes, bytes], kind: str
) -> bytes:
    how, ciphered = spi[1] >> 2 & 3, bool(spi[1] & 0x10)
    size = (0, 2 if kid & 0x0F == 1 else 4, 8)[how]
    pad = 0
    if ciphered:
        while (7 + size + len(data) + pad) % block(keys[0], kind):
            pad += 1
    tail = data + b"\0" * pad
    rhl = 3 + 5 + 1 + 1 + size
    front = (1 + rhl + len(tail)).to_bytes(2, "big") + bytes([rhl]) + tar
    middle = counter.to_bytes(5, "big") + bytes([pad, status])
    inner = middle + mac(keys[1], kind, how, kid, b"\x02\x71\x00" + front + middle + tail) + tail
    return front + (cipher(keys[0], kind, inner) if ciphered else inner)
