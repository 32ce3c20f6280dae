# SPDX-License-Identifier: Apache-2.0
"""Contents of files about networks: PLMN lists, locations, names of networks, 5G parameters (TS 31.102 4.2, 4.4.11)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from apdu.errors import DecodeError
from apdu.files.item import Content, Item, access_technologies, blank, digits, flags, pieces, plmn, take, uint, utf8
from apdu.sms.alphabet import from_septets, unpack
from apdu.tlv.scan import read_header, split

__all__ = ["NETWORK_FILES"]


def _plmns(data: bytes) -> Iterator[Item]:
    for number, piece in enumerate(pieces(data, 3), 1):
        if not blank(piece):
            yield Item(f"PLMN {number}", plmn(piece), piece)


def _selector(data: bytes) -> Iterator[Item]:
    for number, piece in enumerate(pieces(data, 5), 1):
        if not blank(piece[:3]):
            yield Item(f"PLMN {number}", f"{plmn(piece[:3])}, {access_technologies(uint(piece[3:]))}", piece)


# --- where the terminal was

_UPDATED: Final = {0: "updated", 1: "not updated", 2: "PLMN not allowed", 3: "location area not allowed"}
_ROUTING: Final = {0: "updated", 1: "not updated", 2: "PLMN not allowed", 3: "routing area not allowed"}
_TRACKING: Final = {0: "updated", 1: "not updated", 2: "roaming not allowed"}


def _status(value: bytes, names: dict[int, str]) -> str:
    return names.get(value[0] & 0x07, f"reserved {value[0]:02X}")


def _hex(value: bytes) -> str:
    return "none" if blank(value) else value.hex().upper()


def _area(value: bytes) -> str:
    """PLMN and code of a location or tracking area."""
    return f"{plmn(value[:3])}, {value[3:].hex().upper()}"


def _guti(value: bytes) -> str:
    """EPS or 5GS mobile identity: length, type, PLMN, the core's and the temporary identity (TS 24.301 9.9.3.12)."""
    start = 2 if value[0] == 0x0B else 3
    return "none" if blank(value) else f"{plmn(value[start : start + 3])}, {value[start + 3 :].hex().upper()}"


_Layout = tuple[tuple[str, int, Callable[[bytes], str]], ...]


def _fields(layout: _Layout) -> Callable[[bytes], Iterator[Item]]:
    def decode(data: bytes) -> Iterator[Item]:
        at = 0
        for name, size, words in layout:
            value = take(data, at, size, name)
            yield Item(name, words(value), value)
            at += size

    return decode


def _number(value: bytes) -> str:
    return str(uint(value))


_LOCI: Final[_Layout] = (
    ("TMSI", 4, _hex),
    ("location area", 5, _area),
    ("TMSI time", 1, _hex),
    ("update status", 1, lambda value: _status(value, _UPDATED)),
)
_PSLOCI: Final[_Layout] = (
    ("P-TMSI", 4, _hex),
    ("P-TMSI signature", 3, _hex),
    ("routing area", 6, _area),
    ("update status", 1, lambda value: _status(value, _ROUTING)),
)
_EPSLOCI: Final[_Layout] = (
    ("GUTI", 12, _guti),
    ("last visited tracking area", 5, _area),
    ("update status", 1, lambda value: _status(value, _TRACKING)),
)
_5GSLOCI: Final[_Layout] = (
    ("5G-GUTI", 13, _guti),
    ("last visited tracking area", 6, _area),
    ("update status", 1, lambda value: _status(value, _TRACKING)),
)
_OPL: Final[_Layout] = (
    ("PLMN", 3, plmn),
    ("first area", 2, _hex),
    ("last area", 2, _hex),
    ("record of EF.PNN", 1, _number),
)
_OPL5G: Final[_Layout] = (
    ("PLMN", 3, plmn),
    ("first area", 3, _hex),
    ("last area", 3, _hex),
    ("record of EF.PNN", 1, _number),
)
_START_HFN: Final[_Layout] = (("START CS", 3, _hex), ("START PS", 3, _hex))


def _period(data: bytes) -> Iterator[Item]:
    value = take(data, 0, 1, "the period")[0]
    yield Item("search for the HPLMN", f"every {6 * value} minutes" if value else "never", data[:1])


# --- names

_NAMES: Final = {0x43: "full name", 0x45: "short name"}


def _network_name(value: bytes) -> str:
    """Coding, then packed septets or UCS2 (TS 24.008 10.5.3.5a)."""
    if not value:
        raise DecodeError("a network name has at least its coding")
    if value[0] >> 4 & 7 == 1:
        return value[1:].decode("utf-16-be", "replace")
    spare = value[0] & 7
    return from_septets(unpack(value[1:], (len(value[1:]) * 8 - spare) // 7))


def _names(data: bytes) -> Iterator[Item]:
    at = 0
    while at < len(data) and data[at] != 0xFF:
        tag, start, end = read_header(data, at, len(data))
        name = _NAMES.get(tag)
        text = data[start:end].hex().upper() if name is None else _network_name(data[start:end])
        yield Item(name or f"object {tag:X}", text, data[at:end])
        at = end


def _display(data: bytes) -> Iterator[Item]:
    _, start, end = read_header(data, 0, len(data))
    for tag, value in split(data[start:end]):
        if tag == 0x80:
            yield from _plmns(value)
        else:
            yield Item(f"object {tag:X}", value.hex().upper(), value)


# --- 5G

_SCHEMES: Final = {0: "null scheme", 1: "profile A", 2: "profile B"}


def _suci(data: bytes) -> Iterator[Item]:
    from apdu.aka.suci import SuciCalcInfo  # brings elliptic curves along, which nothing else here needs

    info = SuciCalcInfo.decode(data)
    for number, entry in enumerate(info.schemes, 1):
        key = f", key {entry.key_index}" if entry.key_index else ""
        yield Item(f"scheme {number}", _SCHEMES.get(entry.scheme, f"scheme {entry.scheme}") + key)
    for number, public in enumerate(info.keys, 1):
        yield Item(f"key {number}", f"identifier {public.identifier}, {public.public.hex().upper()}", public.public)


def _routing_indicator(data: bytes) -> Iterator[Item]:
    yield Item("routing indicator", digits(take(data, 0, 2, "a routing indicator")) or "none", data[:2])


_IDENTITIES: Final = ((0x01, "Multimedia Priority Service"), (0x02, "Mission Critical Services"))
_SUPI: Final = {0x80: "network specific identifier", 0x81: "global line identifier", 0x82: "global cable identifier"}


def _access_identities(data: bytes) -> Iterator[Item]:
    yield Item("access identities", flags(take(data, 0, 1, "the identities")[0], _IDENTITIES) or "none", data[:1])


def _supi(data: bytes) -> Iterator[Item]:
    at = 0
    while at < len(data) and data[at] != 0xFF:
        tag, start, end = read_header(data, at, len(data))
        yield Item(_SUPI.get(tag, f"object {tag:X}"), utf8(data[start:end]), data[start:end])
        at = end


NETWORK_FILES: Final = {
    "ef-plmnwact": Content(_selector, "TS 31.102 4.2.5"),
    "ef-hpplmn": Content(_period, "TS 31.102 4.2.6", brief=True),
    "ef-hplmnwact": Content(_selector, "TS 31.102 4.2.54"),
    "ef-oplmnwact": Content(_selector, "TS 31.102 4.2.53"),
    "ef-fplmn": Content(_plmns, "TS 31.102 4.2.16"),
    "ef-ehplmn": Content(_plmns, "TS 31.102 4.2.84"),
    "ef-loci": Content(_fields(_LOCI), "TS 31.102 4.2.17"),
    "ef-psloci": Content(_fields(_PSLOCI), "TS 31.102 4.2.23"),
    "ef-epsloci": Content(_fields(_EPSLOCI), "TS 31.102 4.2.91"),
    "ef-5gs3gpploci": Content(_fields(_5GSLOCI), "TS 31.102 4.4.11.2"),
    "ef-5gsn3gpploci": Content(_fields(_5GSLOCI), "TS 31.102 4.4.11.3"),
    "ef-start-hfn": Content(_fields(_START_HFN), "TS 31.102 4.2.51"),
    "ef-threshold": Content(_fields((("maximum of START", 3, _hex),)), "TS 31.102 4.2.52", brief=True),
    "ef-pnn": Content(_names, "TS 31.102 4.2.58", brief=True),
    "ef-opl": Content(_fields(_OPL), "TS 31.102 4.2.59"),
    "ef-opl5g": Content(_fields(_OPL5G), "TS 31.102 4.4.11.9"),
    "ef-spdi": Content(_display, "TS 31.102 4.2.66"),
    "ef-suci-calc-info": Content(_suci, "TS 31.102 4.4.11.8"),
    "ef-suci-calc-info-usim": Content(_suci, "TS 31.102 4.4.11.8"),
    "ef-routing-indicator": Content(_routing_indicator, "TS 31.102 4.4.11.11", brief=True),
    "ef-uac-aic": Content(_access_identities, "TS 31.102 4.4.11.7", brief=True),
    "ef-supinai": Content(_supi, "TS 31.102 4.4.11.10", brief=True),
}
