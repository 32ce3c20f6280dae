# SPDX-License-Identifier: Apache-2.0
"""Identifiers as value types: AID, EID, ICCID, IMSI, TAR.

Each is an immutable `bytes` in the coding that crosses the card interface, so it compares, hashes and concatenates as
such; `str()` gives the form that people write. Construction validates: an existing object is valid.
"""

from __future__ import annotations

from typing import Self

from apdu.errors import DecodeError

__all__ = [
    "ECASD",
    "ISD_P_LOAD_FILE",
    "ISD_P_MODULE",
    "ISD_P_OWN",
    "ISD_R",
    "MNO_SD",
    "Aid",
    "Eid",
    "Iccid",
    "Imsi",
    "Tar",
]


def _digits(text: str, what: str) -> str:
    digits = text.replace(" ", "")
    if not (digits.isascii() and digits.isdigit()):
        raise DecodeError(f"{what} {text!r} holds something else than digits")
    return digits


def _hex(text: str, what: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise DecodeError(f"{what} {text!r} is not hexadecimal") from None


def swap_nibbles(value: bytes) -> bytes:
    """Exchange the two digits of every byte, as EF.ICCID and addresses are coded (TS 102 221 13.2)."""
    return bytes(value).translate(_SWAPPED)


_SWAPPED = bytes((byte >> 4) | ((byte & 0x0F) << 4) for byte in range(256))


class Tar(bytes):
    """Toolkit Application Reference, 3 bytes (TS 101 220)."""

    __slots__ = ()

    def __new__(cls, value: bytes) -> Self:
        if len(value) != 3:
            raise DecodeError(f"a TAR has 3 bytes, not {len(value)}")
        return super().__new__(cls, value)

    @classmethod
    def from_string(cls, text: str) -> Self:
        """Read six hexadecimal digits."""
        return cls(_hex(text, "TAR"))

    def __str__(self) -> str:
        return self.hex().upper()

    def __repr__(self) -> str:
        return f"Tar({self})"


class Aid(bytes):
    """Application identifier, 5 to 16 bytes: RID and PIX (ISO 7816-4 8.2.1.2)."""

    __slots__ = ()

    def __new__(cls, value: bytes) -> Self:
        if not 5 <= len(value) <= 16:
            raise DecodeError(f"an AID has 5 to 16 bytes, not {len(value)}")
        return super().__new__(cls, value)

    @classmethod
    def from_string(cls, text: str) -> Self:
        """Read hexadecimal digits, blanks allowed."""
        return cls(_hex(text, "AID"))

    @classmethod
    def isd_p(cls, number: int) -> Self:
        """The AID of an ISD-P by its number, 0x0010 to 0xFFFF (SGP.02 annex H)."""
        if not 0x0010 <= number <= 0xFFFF:
            raise DecodeError(f"ISD-P number {number:#06x} is outside 0x0010 to 0xFFFF")
        return cls(_GSMA_PREFIX + bytes((0, number >> 8, number & 0xFF, 0)))

    @property
    def rid(self) -> bytes:
        """Registered application provider identifier, 5 bytes."""
        return self[:5]

    @property
    def pix(self) -> bytes:
        """Proprietary application identifier extension, 0 to 11 bytes."""
        return self[5:]

    @property
    def tar(self) -> Tar:
        """Bytes 13 to 15 of a 16-byte AID (TS 101 220 annex D); shorter AIDs have none."""
        if len(self) != 16:
            raise DecodeError(f"AID {self} has {len(self)} bytes and so holds no TAR")
        return Tar(self[12:15])

    @property
    def is_isd_p(self) -> bool:
        """Whether it lies in the range of ISD-P applications, ..89 00001000 to ..89 00FFFF00 (SGP.02 annex H)."""
        return len(self) == 16 and self[:13] == _ISD_P_PREFIX and self[15] == 0 and self[13:15] >= b"\x00\x10"

    def __str__(self) -> str:
        return self.hex().upper()

    def __repr__(self) -> str:
        return f"Aid({self})"


_GSMA_PREFIX = bytes.fromhex("A0000005591010FFFFFFFF89")
_ISD_P_PREFIX = _GSMA_PREFIX + b"\x00"
ISD_R = Aid(_GSMA_PREFIX + bytes.fromhex("00000100"))
ECASD = Aid(_GSMA_PREFIX + bytes.fromhex("00000200"))
ISD_P_LOAD_FILE = Aid(_GSMA_PREFIX + bytes.fromhex("00000D00"))
ISD_P_MODULE = Aid(_GSMA_PREFIX + bytes.fromhex("00000E00"))
ISD_P_OWN = Aid(_GSMA_PREFIX + bytes.fromhex("00000F00"))
"""The reserved AID by which a profile names the ISD-P that it lies in."""
MNO_SD = Aid(bytes.fromhex("A000000151000000"))


class Eid(bytes):
    """eUICC identifier: 32 digits as 16 bytes of packed BCD, check digits by ISO/IEC 7064 MOD 97-10 (SGP.02 2.2.2)."""

    __slots__ = ()

    def __new__(cls, value: bytes) -> Self:
        if len(value) != 16:
            raise DecodeError(f"an EID has 16 bytes, not {len(value)}")
        if int(_digits(value.hex(), "EID")) % 97 != 1:
            raise DecodeError(f"the check digits of EID {value.hex()} are wrong")
        return super().__new__(cls, value)

    @classmethod
    def from_string(cls, text: str) -> Self:
        """Read 32 digits, check digits included."""
        digits = _digits(text, "EID")
        if len(digits) != 32:
            raise DecodeError(f"an EID has 32 digits, not {len(digits)}")
        return cls(bytes.fromhex(digits))

    @classmethod
    def create(cls, number: str) -> Self:
        """Add the two check digits to the first 30 digits; shorter numbers are filled with zeros on the right."""
        digits = _digits(number, "EID")
        if not 5 <= len(digits) <= 30:
            raise DecodeError(f"an EID is made from 5 to 30 digits, not {len(digits)}")
        digits = digits.ljust(30, "0")
        return cls(bytes.fromhex(f"{digits}{98 - int(digits + '00') % 97:02d}"))

    def __str__(self) -> str:
        return self.hex()

    def __repr__(self) -> str:
        return f"Eid({self})"


class Iccid(bytes):
    """Card number of a profile: 10 bytes of packed BCD in reading order, F pad (ITU-T E.118, TS 102 221 13.2)."""

    __slots__ = ()

    def __new__(cls, value: bytes) -> Self:
        if len(value) != 10:
            raise DecodeError(f"an ICCID has 10 bytes, not {len(value)}")
        text = value.hex().rstrip("f")
        if not text.isdigit() or len(text) < 18:
            raise DecodeError(f"ICCID {value.hex()} is not 18 to 20 digits padded with F")
        return super().__new__(cls, value)

    @classmethod
    def from_string(cls, text: str) -> Self:
        """Read 18 to 20 digits."""
        digits = _digits(text, "ICCID")
        if not 18 <= len(digits) <= 20:
            raise DecodeError(f"an ICCID has 18 to 20 digits, not {len(digits)}")
        return cls(bytes.fromhex(digits.ljust(20, "F")))

    @classmethod
    def from_ef(cls, content: bytes) -> Self:
        """Read the contents of EF.ICCID, in which the digits of each byte are swapped."""
        return cls(swap_nibbles(content))

    @property
    def swapped(self) -> bytes:
        """The contents of EF.ICCID."""
        return swap_nibbles(self)

    def __str__(self) -> str:
        return self.hex().rstrip("f")

    def __repr__(self) -> str:
        return f"Iccid({self})"


class Imsi(str):
    """Subscriber identity: 6 to 15 digits (TS 23.003 2.2)."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        digits = _digits(text, "IMSI")
        if not 6 <= len(digits) <= 15:
            raise DecodeError(f"an IMSI has 6 to 15 digits, not {len(digits)}")
        return super().__new__(cls, digits)

    @classmethod
    def from_ef(cls, content: bytes) -> Self:
        """Read the 9 bytes of EF.IMSI (TS 31.102 4.2.2)."""
        if len(content) != 9 or not 1 <= content[0] <= 8:
            raise DecodeError("EF.IMSI does not hold an identity")
        text = swap_nibbles(content[1 : 1 + content[0]]).hex()
        return cls(text[1:].rstrip("f"))

    @property
    def ef_imsi(self) -> bytes:
        """The 9 bytes of EF.IMSI: length, parity, digits with swapped nibbles, F fill (TS 31.102 4.2.2)."""
        odd = len(self) % 2 == 1
        digits = ("9" if odd else "1") + self + ("" if odd else "f")
        body = swap_nibbles(bytes.fromhex(digits))
        return bytes((len(body),)) + body.ljust(8, b"\xff")

    def __repr__(self) -> str:
        return f"Imsi({self!s})"
