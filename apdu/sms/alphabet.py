# SPDX-License-Identifier: Apache-2.0
"""The GSM 7-bit default alphabet and its packing (TS 23.038 6.1.2, 6.2.1), and alpha fields (TS 31.102 annex A)."""

from __future__ import annotations

from typing import Final

from apdu.errors import DecodeError, EncodeError

__all__ = ["alpha_text", "from_septets", "pack", "packed_size", "to_alpha", "to_septets", "unpack"]

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPE: Final = 0x1B
_EXTENSION: Final = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
_SEPTETS: Final = {character: bytes((code,)) for code, character in enumerate(_BASIC) if code != _ESCAPE} | {
    character: bytes((_ESCAPE, code)) for code, character in _EXTENSION.items()
}
_ALPHA_PADDING: Final = 0xFF


def to_septets(text: str) -> bytes:
    """One byte for each septet; EncodeError at a character that the alphabet has not."""
    try:
        return b"".join(_SEPTETS[character] for character in text)
    except KeyError as error:
        raise EncodeError(f"the GSM default alphabet has no {error.args[0]!r}") from None


def from_septets(septets: bytes) -> str:
    """The text; an escape to nowhere is a space, an unknown extension the basic character (6.2.1.1)."""
    characters: list[str] = []
    escaped = False
    for septet in septets:
        code = septet & 0x7F
        if escaped:
            characters.append(_EXTENSION.get(code, " " if code == _ESCAPE else _BASIC[code]))
            escaped = False
        elif code == _ESCAPE:
            escaped = True
        else:
            characters.append(_BASIC[code])
    return "".join(characters) + (" " if escaped else "")


def packed_size(count: int, fill: int = 0) -> int:
    """Bytes that so many septets take."""
    return (count * 7 + fill + 7) // 8


def pack(septets: bytes, fill: int = 0) -> bytes:
    """Pack septets, least significant bits first, after `fill` bits of zero that stand behind a header."""
    number = sum((septet & 0x7F) << (7 * index) for index, septet in enumerate(septets))
    return (number << fill).to_bytes(packed_size(len(septets), fill), "little")


def unpack(data: bytes, count: int, fill: int = 0) -> bytes:
    """The first `count` septets of packed data; DecodeError when there are fewer."""
    if packed_size(count, fill) > len(data):
        raise DecodeError(f"{len(data)} bytes hold no {count} septets")
    number = int.from_bytes(data, "little") >> fill
    return bytes(number >> (7 * index) & 0x7F for index in range(count))


def _utf16(data: bytes) -> str:
    try:
        return data.decode("utf-16-be")
    except UnicodeDecodeError:
        raise DecodeError("text that is not UCS2") from None


def _half_page(data: bytes, base: int) -> str:
    """Bytes below 80 are GSM characters, the others an offset from a base (TS 31.102 annex A, codings 81 and 82)."""
    parts: list[str] = []
    for byte in data:
        parts.append(chr(base + (byte & 0x7F)) if byte & 0x80 else from_septets(bytes((byte,))))
    return "".join(parts)


def alpha_text(data: bytes) -> str:
    """Read an alpha field: one GSM character a byte, or UCS2 in one of three codings; FF at the end is padding."""
    coding = data[0] if data else 0
    if coding == 0x80:
        body = data[1:]
        while body[-2:] == b"\xff\xff" or len(body) % 2:
            body = body[:-2] if len(body) % 2 == 0 else body[:-1]
        return _utf16(body)
    if coding in (0x81, 0x82):
        head = 3 if coding == 0x81 else 4
        if len(data) < head or len(data) < head + data[1]:
            raise DecodeError("an alpha field that ends too early")
        base = data[2] << 7 if coding == 0x81 else int.from_bytes(data[2:4], "big")
        return _half_page(data[head : head + data[1]], base)
    return from_septets(data.rstrip(bytes((_ALPHA_PADDING,))))


def to_alpha(text: str) -> bytes:
    """Build an alpha field: GSM characters where they are enough, UCS2 otherwise."""
    try:
        return to_septets(text)
    except EncodeError:
        return b"\x80" + text.encode("utf-16-be")
