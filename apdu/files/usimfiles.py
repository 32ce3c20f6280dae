# SPDX-License-Identifier: Apache-2.0
"""Contents of files of subscriber and terminal: identity, service tables, numbers, short messages, IMS.

TS 31.102 4.2 and 4.4, TS 31.103 4.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.errors import DecodeError
from apdu.files.item import Content, Item, blank, digits, flags, pieces, take, uint, utf8
from apdu.files.services import EST, IST, UST, services
from apdu.files.uiccfiles import languages
from apdu.ids import Imsi
from apdu.sms.alphabet import alpha_text
from apdu.tlv.scan import read_header

__all__ = ["USIM_FILES"]


def _imsi(data: bytes) -> Iterator[Item]:
    yield Item("IMSI", str(Imsi.from_ef(data)), data)


_MODES: Final = {
    0x00: "normal operation",
    0x80: "type approval operations",
    0x01: "normal operation, specific facilities",
    0x81: "type approval operations, specific facilities",
    0x02: "maintenance, off line",
    0x04: "cell test operation",
}


def _administrative(data: bytes) -> Iterator[Item]:
    mode = take(data, 0, 1, "the operation mode")
    yield Item("operation mode", _MODES.get(mode[0], f"reserved {mode[0]:02X}"), mode)
    info = take(data, 1, 2, "additional information")
    yield Item("additional information", info.hex().upper(), info)
    if len(data) > 3:
        yield Item("length of the MNC", str(data[3] & 0x0F), data[3:4])


def _provider(data: bytes) -> Iterator[Item]:
    condition = take(data, 0, 1, "the display condition")
    yield Item("name", alpha_text(data[1:]), data[1:])
    names = ((0x01, "the registered PLMN is shown too"), (0x02, "the name is not shown outside the HPLMN"))
    yield Item("display condition", flags(condition[0] & 3, names) or "the name alone is shown", condition)


def _access_classes(data: bytes) -> Iterator[Item]:
    value = uint(take(data, 0, 2, "access control classes"))
    classes = [str(number) for number in range(16) if value >> number & 1]
    yield Item("access control classes", " ".join(classes) or "none", data[:2])


def _group(data: bytes) -> Iterator[Item]:
    yield Item("group identifier", data.rstrip(b"\xff").hex().upper(), data)


def _counter(data: bytes) -> Iterator[Item]:
    yield Item("value", str(uint(data)), data)


def _message_identifiers(data: bytes) -> Iterator[Item]:
    for number, piece in enumerate(pieces(data, 2), 1):
        if not blank(piece):
            yield Item(f"message identifier {number}", piece.hex().upper(), piece)


# --- numbers

_NUMBER: Final = 14
"""Bytes of a dialling number record behind its alpha identifier."""
_INTERNATIONAL: Final = 1


def _address(length: bytes, value: bytes) -> str:
    """A number whose type stands in its first byte; the length counts that byte."""
    used = value[: length[0]] if length[0] <= len(value) else value
    if not used or blank(used):
        return "none"
    return ("+" if used[0] >> 4 & 7 == _INTERNATIONAL else "") + digits(used[1:])


def _dialling(data: bytes) -> Iterator[Item]:
    if len(data) < _NUMBER:
        raise DecodeError(f"a number has at least {_NUMBER} bytes, not {len(data)}")
    at = len(data) - _NUMBER
    yield Item("number", _address(data[at : at + 1], data[at + 1 : at + 12]), data[at : at + 12])
    yield Item("alpha identifier", alpha_text(data[:at]), data[:at])
    for offset, name in ((12, "capability record"), (13, "extension record")):
        if data[at + offset] != 0xFF:
            yield Item(name, str(data[at + offset]), data[at + offset : at + offset + 1])


_CATEGORIES: Final = (
    (0x01, "police"), (0x02, "ambulance"), (0x04, "fire brigade"), (0x08, "marine guard"), (0x10, "mountain rescue"),
    (0x20, "manually initiated eCall"), (0x40, "automatically initiated eCall"),
)  # fmt: skip


def _emergency(data: bytes) -> Iterator[Item]:
    yield Item("number", digits(take(data, 0, 3, "an emergency number")) or "none", data[:3])
    if len(data) > 3:
        yield Item("alpha identifier", alpha_text(data[3:-1]), data[3:-1])
        category = data[-1] & 0x7F
        yield Item("category", "any" if category in (0, 0x7F) else flags(category, _CATEGORIES), data[-1:])


# --- short messages

_STATES: Final = {
    0x00: "free",
    0x01: "received, read",
    0x03: "received, to be read",
    0x05: "sent",
    0x07: "to be sent",
    0x0D: "sent, status report not requested",
    0x15: "sent, status report requested and not received",
    0x1D: "sent, status report received and not stored",
}
_PARAMETERS: Final = 28


def _message(data: bytes) -> Iterator[Item]:
    state = take(data, 0, 1, "the status")
    yield Item("status", _STATES.get(state[0] & 0x1F, f"reserved {state[0]:02X}"), state)
    if not state[0] & 1 or len(data) < 2:
        return
    size = data[1]
    centre = take(data, 2, size, "the service centre's address")
    yield Item("service centre", _address(data[1:2], centre), data[1 : 2 + size])
    yield Item("TPDU", data[2 + size :].hex().upper(), data[2 + size :])


_MISSING: Final = (
    (0x01, "destination address"),
    (0x02, "service centre"),
    (0x04, "protocol identifier"),
    (0x08, "data coding scheme"),
    (0x10, "validity period"),
)


def _message_parameters(data: bytes) -> Iterator[Item]:
    if len(data) < _PARAMETERS:
        raise DecodeError(f"parameters have at least {_PARAMETERS} bytes, not {len(data)}")
    at = len(data) - _PARAMETERS
    absent = data[at]
    yield Item("alpha identifier", alpha_text(data[:at]), data[:at])
    present = flags(~absent & 0x1F, _MISSING)
    yield Item("parameters present", present or "none", data[at : at + 1])
    if not absent & 0x01:
        destination = data[at + 1 : at + 13]  # its length counts digits (TS 23.040 9.1.2.5)
        size = bytes((1 + (destination[0] + 1) // 2,))
        yield Item("destination address", _address(size, destination[1:]), destination)
    if not absent & 0x02:
        centre = data[at + 13 : at + 25]
        yield Item("service centre", _address(centre[:1], centre[1:]), centre)
    for bit, offset, name in ((0x04, 25, "protocol identifier"), (0x08, 26, "data coding scheme")):
        if not absent & bit:
            yield Item(name, f"{data[at + offset]:02X}", data[at + offset : at + offset + 1])
    if not absent & 0x10:
        yield Item("validity period", _validity(data[at + 27]), data[at + 27 :])


def _validity(value: int) -> str:
    """TS 23.040 9.2.3.12.1."""
    if value < 144:
        return f"{(value + 1) * 5} minutes"
    if value < 168:
        return f"{12 * 60 + (value - 143) * 30} minutes"
    return f"{value - 166} days" if value < 197 else f"{value - 192} weeks"


def _message_status(data: bytes) -> Iterator[Item]:
    yield Item("last used reference", str(take(data, 0, 1, "the last reference")[0]), data[:1])
    flag = take(data, 1, 1, "the notification flag")
    yield Item("memory capacity exceeded", "no" if flag[0] & 1 else "yes", flag)


# --- IMS


def _objects(data: bytes, name: str) -> Iterator[Item]:
    """Objects 80 with text, one behind the other, padded with FF."""
    at = 0
    while at < len(data) and data[at] not in (0xFF, 0x00):
        tag, start, end = read_header(data, at, len(data))
        value = data[start:end]
        yield Item(name if tag == 0x80 else f"object {tag:X}", utf8(value.rstrip(b"\xff")), value)
        at = end


def _private_identity(data: bytes) -> Iterator[Item]:
    return _objects(data, "IMPI")


def _public_identity(data: bytes) -> Iterator[Item]:
    return _objects(data, "IMPU")


def _domain(data: bytes) -> Iterator[Item]:
    return _objects(data, "home network domain name")


def _pcscf(data: bytes) -> Iterator[Item]:
    if data[:1] in (b"\xff", b""):
        return
    _, start, end = read_header(data, 0, len(data))
    kind = take(data, start, 1, "the type of address")[0]
    value = data[start + 1 : end]
    groups = [value[at : at + 2].hex() for at in range(0, len(value), 2)]
    words = {0: lambda: utf8(value), 1: lambda: ".".join(map(str, value)), 2: lambda: ":".join(groups)}
    yield Item("P-CSCF address", words.get(kind, value.hex)(), value)


def _access_points(data: bytes) -> Iterator[Item]:
    yield Item("number of APNs", str(take(data, 0, 1, "the number of APNs")[0]), data[:1])
    at = 1
    while at < len(data) and data[at] != 0xFF:
        _, start, end = read_header(data, at, len(data))
        yield Item("APN", _labels(data[start:end]) or "provided by the network", data[start:end])
        at = end


def _labels(value: bytes) -> str:
    parts: list[str] = []
    at = 0
    while at < len(value):
        parts.append(utf8(take(value, at + 1, value[at], "a label of an APN")))
        at += 1 + value[at]
    return ".".join(parts)


# --- keys


def _keys(data: bytes) -> Iterator[Item]:
    yield Item("key set identifier", f"{take(data, 0, 1, 'the key set identifier')[0] & 7}", data[:1])
    for at, name in ((1, "CK"), (17, "IK")):
        yield Item(name, "not shown", take(data, at, 16, name), secret=True)


def _secret(data: bytes) -> Iterator[Item]:
    yield Item("keys", "not shown", data, secret=True)


_NUMBERS: Final = {"ef-adn": "4.4.2.3", "ef-fdn": "4.2.24", "ef-msisdn": "4.2.26", "ef-sdn": "4.2.29",
                   "ef-bdn": "4.2.44", "ef-mbdn": "4.2.60"}  # fmt: skip
_KEY_FILES: Final = {"ef-kc": "4.4.3.1", "ef-kcgprs": "4.4.3.2", "ef-epsnsc": "4.2.92", "ef-5gs3gppnsc": "4.4.11.4",
                     "ef-5gsn3gppnsc": "4.4.11.5", "ef-5gauthkeys": "4.4.11.6", "ef-msk": "4.2.81",
                     "ef-muk": "4.2.82", "ef-hiddenkey": "4.2.42", "ef-dck": "4.2.49"}  # fmt: skip

USIM_FILES: Final = {
    "ef-li": Content(languages, "TS 31.102 4.2.1", brief=True),
    "ef-imsi": Content(_imsi, "TS 31.102 4.2.2", brief=True),
    "ef-keys": Content(_keys, "TS 31.102 4.2.3"),
    "ef-keysPS": Content(_keys, "TS 31.102 4.2.4"),
    "ef-ust": Content(services(UST), "TS 31.102 4.2.8", brief=True),
    "ef-est": Content(services(EST), "TS 31.102 4.2.47", brief=True),
    "ef-ist": Content(services(IST), "TS 31.103 4.2.7", brief=True),
    "ef-gid1": Content(_group, "TS 31.102 4.2.10", brief=True),
    "ef-gid2": Content(_group, "TS 31.102 4.2.11", brief=True),
    "ef-spn": Content(_provider, "TS 31.102 4.2.12", brief=True),
    "ef-cbmi": Content(_message_identifiers, "TS 31.102 4.2.14"),
    "ef-cbmid": Content(_message_identifiers, "TS 31.102 4.2.20"),
    "ef-acc": Content(_access_classes, "TS 31.102 4.2.15", brief=True),
    "ef-acm": Content(_counter, "TS 31.102 4.2.9", brief=True),
    "ef-acmax": Content(_counter, "TS 31.102 4.2.7", brief=True),
    "ef-ad": Content(_administrative, "TS 31.102 4.2.18"),
    "ef-ecc": Content(_emergency, "TS 31.102 4.2.21", brief=True),
    "ef-sms": Content(_message, "TS 31.102 4.2.25", brief=True),
    "ef-smsp": Content(_message_parameters, "TS 31.102 4.2.27"),
    "ef-smss": Content(_message_status, "TS 31.102 4.2.28"),
    "ef-acl": Content(_access_points, "TS 31.102 4.2.48"),
    "ef-impi": Content(_private_identity, "TS 31.103 4.2.2", brief=True),
    "ef-domain": Content(_domain, "TS 31.103 4.2.3", brief=True),
    "ef-impu": Content(_public_identity, "TS 31.103 4.2.4", brief=True),
    "ef-pcscf": Content(_pcscf, "TS 31.103 4.2.8", brief=True),
    **{name: Content(_dialling, f"TS 31.102 {clause}", brief=True) for name, clause in _NUMBERS.items()},
    **{name: Content(_secret, f"TS 31.102 {clause}") for name, clause in _KEY_FILES.items()},
}
