# SPDX-License-Identifier: Apache-2.0
"""The concealed subscriber identity SUCI: computed by the card, opened by the home network.

Protection schemes: TS 33.501 annex C. EF.SUCI_Calc_Info: TS 31.102 4.4.11.8. Coding of the identity: TS 24.501
9.11.3.4. The identity here is an IMSI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from apdu.aka.ecies import PROFILES, Scheme, conceal, open_output
from apdu.errors import DecodeError, EncodeError, M2mError
from apdu.ids import Imsi
from apdu.keys.entropy import Entropy
from apdu.tlv.declare import BYTE, RAW
from apdu.tlv.scan import Tlv, ber, read_header, split

__all__ = [
    "HomeNetworkKey",
    "NoUsableScheme",
    "SchemeEntry",
    "Suci",
    "SuciCalcInfo",
    "make_suci",
    "msin_bytes",
    "open_suci",
]

TYPE_SUCI_IMSI: Final = 0x01
"""Type of identity SUCI, SUPI format IMSI."""
_TAG_SCHEMES: Final = 0xA0
_TAG_KEYS: Final = 0xA1
_TAG_KEY_IDENTIFIER: Final = 0x80
_TAG_PUBLIC_KEY: Final = 0x81
_PADDING: Final = 0xFF


class NoUsableScheme(M2mError):
    """No protection scheme of the list can be carried out: not known, or its key is missing or broken."""


@dataclass(frozen=True, slots=True)
class SchemeEntry:
    """One protection scheme; `key_index` counts from 1 in the list of keys, 0 for the null scheme."""

    scheme: int
    key_index: int


@dataclass(frozen=True, slots=True)
class HomeNetworkKey:
    """A public key of the home network; its length decides nothing, the scheme that points to it does."""

    identifier: int
    public: bytes


@dataclass(frozen=True, slots=True)
class SuciCalcInfo:
    """EF.SUCI_Calc_Info: schemes in falling priority, and keys."""

    schemes: tuple[SchemeEntry, ...]
    keys: tuple[HomeNetworkKey, ...] = ()

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Read the contents of the file, padding of FF allowed after the objects.

        The scheme list is no TLV although its tag says constructed, so the file is split one level at a time.
        """
        objects: dict[int, bytes] = {}
        at = 0
        while at < len(content) and content[at] != _PADDING:
            tag, start, stop = read_header(content, at, len(content))
            if tag in objects:
                raise DecodeError(f"object {tag:X} stands twice", offset=at, path=("SuciCalcInfo",))
            objects[tag] = content[start:stop]
            at = stop
        if any(byte != _PADDING for byte in content[at:]):
            raise DecodeError("something follows the padding", offset=at, path=("SuciCalcInfo",))
        pairs = objects.get(_TAG_SCHEMES)
        if pairs is None or len(pairs) % 2:
            raise DecodeError("the list of schemes is missing or not made of pairs", path=("SuciCalcInfo",))
        schemes = tuple(SchemeEntry(pairs[i], pairs[i + 1]) for i in range(0, len(pairs), 2))
        return cls(schemes, _read_keys(split(objects.get(_TAG_KEYS, b""))))

    def encode(self) -> bytes:
        """The contents of the file, without padding."""
        pairs = b"".join(BYTE.encode(entry.scheme) + BYTE.encode(entry.key_index) for entry in self.schemes)
        if not self.keys:
            return ber(_TAG_SCHEMES, pairs)
        keys = b"".join(
            ber(_TAG_KEY_IDENTIFIER, BYTE.encode(key.identifier)) + ber(_TAG_PUBLIC_KEY, RAW.encode(key.public))
            for key in self.keys
        )
        return ber(_TAG_SCHEMES, pairs) + ber(_TAG_KEYS, keys)


def _read_keys(objects: list[Tlv]) -> tuple[HomeNetworkKey, ...]:
    tags = [item.tag for item in objects]
    if tags != [_TAG_KEY_IDENTIFIER, _TAG_PUBLIC_KEY] * (len(tags) // 2):
        raise DecodeError("the list of keys is not made of pairs 80, 81", path=("SuciCalcInfo", "keys"))
    pairs = zip(objects[::2], objects[1::2], strict=True)
    return tuple(HomeNetworkKey(BYTE.decode(number.value), key.value) for number, key in pairs)


def _swapped_digits(digits: str) -> bytes:
    if len(digits) % 2:
        digits += "f"
    return bytes(int(digits[i + 1] + digits[i], 16) for i in range(0, len(digits), 2))


def _read_swapped(data: bytes, what: str) -> str:
    text = "".join(f"{byte & 0x0F:x}{byte >> 4:x}" for byte in data)
    digits = text[:-1] if text.endswith("f") else text
    if not digits.isdecimal():
        raise DecodeError(f"{what} holds something else than digits")
    return digits


def msin_bytes(imsi: Imsi, mnc_length: int) -> bytes:
    """The subscriber's part of an IMSI as it is concealed: BCD, first digit in the low nibble, F fill."""
    if mnc_length not in (2, 3) or len(imsi) <= 3 + mnc_length:
        raise EncodeError(f"an IMSI of {len(imsi)} digits has no MSIN behind an MNC of {mnc_length} digits")
    return _swapped_digits(imsi[3 + mnc_length :])


@dataclass(frozen=True, slots=True)
class Suci:
    """The identity from its type byte on, as GET IDENTITY answers it and the network gets it."""

    mcc: str
    mnc: str
    routing_indicator: bytes
    scheme: int
    key_identifier: int
    output: bytes

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Read the identity; only SUCI of IMSI format."""
        if len(raw) < 9:
            raise DecodeError("a SUCI has at least 9 bytes", offset=len(raw), path=("Suci",))
        if raw[0] != TYPE_SUCI_IMSI:
            raise DecodeError(f"identity type {raw[0]:02X} is not a SUCI of IMSI format", path=("Suci",))
        mcc1, mcc2, mcc3, mnc3 = raw[1] & 0x0F, raw[1] >> 4, raw[2] & 0x0F, raw[2] >> 4
        mnc = [raw[3] & 0x0F, raw[3] >> 4] + ([] if mnc3 == 0x0F else [mnc3])
        if max(mcc1, mcc2, mcc3, *mnc) > 9:
            raise DecodeError("MCC or MNC holds something else than digits", offset=1, path=("Suci",))
        return cls(
            mcc=f"{mcc1}{mcc2}{mcc3}",
            mnc="".join(map(str, mnc)),
            routing_indicator=raw[4:6],
            scheme=raw[6],
            key_identifier=raw[7],
            output=raw[8:],
        )

    def encode(self) -> bytes:
        """The bytes from the type byte on."""
        mcc, mnc = self.mcc, self.mnc
        plmn = _swapped_digits(mcc[:2] + mcc[2] + (mnc[2:] or "f") + mnc[:2])
        head = bytes((TYPE_SUCI_IMSI,)) + plmn + self.routing_indicator
        return head + bytes((self.scheme, self.key_identifier)) + self.output


def make_suci(imsi: Imsi, mnc_length: int, routing_indicator: bytes, info: SuciCalcInfo, entropy: Entropy) -> Suci:
    """Conceal an IMSI with the first scheme of the list that can be carried out.

    `routing_indicator` is the first two bytes of EF.Routing_Indicator, `mnc_length` the fourth of EF.AD. The null
    scheme, which conceals nothing, is used only where the list names it (TS 31.102 7.5 (U) for a broken key).
    """
    msin = msin_bytes(imsi, mnc_length)
    if len(routing_indicator) != 2:
        raise EncodeError(f"a routing indicator has 2 bytes, not {len(routing_indicator)}")

    def suci(scheme: int, key_identifier: int, output: bytes) -> Suci:
        return Suci(imsi[:3], imsi[3 : 3 + mnc_length], routing_indicator, scheme, key_identifier, output)

    for entry in info.schemes:
        if entry.scheme == Scheme.NULL:
            return suci(Scheme.NULL, 0, msin)
        if entry.scheme not in PROFILES or not 1 <= entry.key_index <= len(info.keys):
            continue
        key = info.keys[entry.key_index - 1]
        try:
            return suci(entry.scheme, key.identifier, conceal(Scheme(entry.scheme), key.public, msin, entropy))
        except DecodeError:  # the key is broken: the next scheme of the list
            continue
    raise NoUsableScheme("no scheme of EF.SUCI_Calc_Info can be carried out: check its list and its keys")


def open_suci(suci: Suci, private_keys: Mapping[int, bytes]) -> Imsi:
    """The IMSI behind a SUCI, with the home network's private keys by key identifier.

    SecurityError when the tag does not verify or there is no such key.
    """
    output = suci.output
    if suci.scheme != Scheme.NULL:
        output = open_output(suci.scheme, private_keys.get(suci.key_identifier), output)
    return Imsi(suci.mcc + suci.mnc + _read_swapped(output, "the MSIN"))
