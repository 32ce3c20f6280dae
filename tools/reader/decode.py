# SPDX-License-Identifier: Apache-2.0
"""Contents of files in words: what engineers ask for most (TS 31.102 4.2, TS 102 221 10.3, 13).

A decoder gets the body of a transparent file or one record, and gives members of a JSON object. What the file is not
filled with (FF) is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from apdu.errors import DecodeError
from apdu.ids import Iccid, Imsi
from apdu.tlv.scan import Tlv, split
from apdu.trace.events import Json
from tools.reader.files import Application

__all__ = ["can_decode", "decode"]

Members = dict[str, Json]

_FILLER: Final = b"\xff"
_PLMN: Final = 3
_TECHNOLOGIES: Final = ((0x8000, "UTRAN"), (0x4000, "E-UTRAN"), (0x0800, "NG-RAN"), (0x0080, "GSM"))
_MODES: Final = {
    0x00: "normal",
    0x80: "type approval",
    0x01: "normal, specific facilities",
    0x81: "type approval, specific facilities",
    0x02: "maintenance",
    0x04: "cell test",
}
_LOCATION: Final = {0: "updated", 1: "not updated", 2: "PLMN not allowed", 3: "location area not allowed"}
_ACCESS: Final = (
    (0x40, "delete"),
    (0x20, "terminate"),
    (0x10, "activate"),
    (0x08, "deactivate"),
    (0x04, "write"),
    (0x02, "update"),
    (0x01, "read"),
)
_SEMI_OCTETS: Final = "0123456789*#abc"
_ALPHA_TAIL: Final = 14
_NUMBER: Final = 10
_INTERNATIONAL: Final = 0x10
_AM_BYTE, _AM_INSTRUCTION = 0x80, 0x84
_ALWAYS, _NEVER, _PIN, _OR, _AND = 0x90, 0x97, 0xA4, 0xA0, 0xAF
_KEY_REFERENCE: Final = 0x83


def can_decode(name: str) -> bool:
    """Whether a file of this name of the catalogue has a decoder."""
    return name in _DECODERS


def decode(name: str, content: bytes) -> Members:
    """What a body or record says; DecodeError when it is not what the specification says."""
    try:
        return _DECODERS[name](content)
    except (IndexError, ValueError):  # too short, or no text
        raise DecodeError("the contents are not what the specification says", path=(name,)) from None


# --- identities and texts


def _iccid(content: bytes) -> Members:
    return {"iccid": str(Iccid.from_ef(content))}


def _imsi(content: bytes) -> Members:
    return {"imsi": str(Imsi.from_ef(content))}


def _spn(content: bytes) -> Members:
    """4.2.12: display conditions, then text."""
    name = content[1:].rstrip(_FILLER).decode("ascii")
    return {
        "name": name,
        "show_registered_plmn": bool(content[0] & 0x01),
        "hide_in_service_provider_plmn": bool(content[0] & 0x02),
    }


def _pnn(content: bytes) -> Members:
    """4.2.58: full and short network names, each the value of TS 24.008 10.5.3.5a: a header, then packed characters."""
    names = {0x43: "full_name", 0x45: "short_name"}
    found: Members = {}
    for tlv in split(content.rstrip(_FILLER)):
        if tlv.tag in names and tlv.value:
            found[names[tlv.tag]] = _network_name(tlv.value)
    return found


def _network_name(value: bytes) -> str:
    if value[0] >> 4 & 0x07 == 1:
        return value[1:].decode("utf-16-be")
    bits = int.from_bytes(value[1:], "little")
    count = ((len(value) - 1) * 8 - (value[0] & 0x07)) // 7
    return bytes(bits >> 7 * at & 0x7F for at in range(count)).decode("ascii")


def _languages(content: bytes) -> Members:
    pairs = [content[at : at + 2] for at in range(0, len(content), 2)]
    return {"languages": [pair.decode("ascii") for pair in pairs if pair.strip(_FILLER)]}


def _directory(content: bytes) -> Members:
    application = Application.from_record(content)
    return {} if application is None else {"aid": str(application.aid), "label": application.label}


# --- numbers


def _dialling_number(content: bytes) -> Members:
    """4.4.2.3: alpha identifier, then length, type of number, ten bytes of digits, and two more."""
    at = len(content) - _ALPHA_TAIL
    if at < 0:
        raise DecodeError("a record of dialling numbers has at least 14 bytes")
    name, length, kind = content[:at].rstrip(_FILLER), content[at], content[at + 1]
    if length in (0, 0xFF):
        return {"name": name.decode("ascii"), "number": None}
    digits = _digits(content[at + 2 : at + 2 + min(length - 1, _NUMBER)])
    return {"name": name.decode("ascii"), "number": f"{'+' if kind >> 4 & 0x07 == 1 else ''}{digits}"}


def _digits(packed: bytes) -> str:
    nibbles = [nibble for byte in packed for nibble in (byte & 0x0F, byte >> 4)]
    return "".join(_SEMI_OCTETS[nibble] for nibble in nibbles if nibble < len(_SEMI_OCTETS))


def _emergency(content: bytes) -> Members:
    """4.2.21: a number, its name, its category."""
    name = content[_PLMN:-1].rstrip(_FILLER).decode("ascii")
    return {"number": _digits(content[:_PLMN]) or None, "name": name, "category": content[-1]}


# --- networks


def _plmn(raw: bytes) -> str | None:
    if raw == _FILLER * _PLMN:
        return None
    mcc = f"{raw[0] & 0x0F:X}{raw[0] >> 4:X}{raw[1] & 0x0F:X}"
    third = raw[1] >> 4
    return f"{mcc}-{raw[2] & 0x0F:X}{raw[2] >> 4:X}{'' if third == 0x0F else f'{third:X}'}"


def _chunks(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content) - size + 1, size))


def _plmns(content: bytes) -> Members:
    return {"plmns": [plmn for each in _chunks(content, _PLMN) if (plmn := _plmn(each)) is not None]}


def _plmns_with_technology(content: bytes) -> Members:
    """4.2.5: a PLMN and two bytes of access technologies each."""
    found: list[Json] = []
    for each in _chunks(content, _PLMN + 2):
        plmn, bits = _plmn(each[:_PLMN]), int.from_bytes(each[_PLMN:], "big")
        if plmn is not None:
            found.append({"plmn": plmn, "technologies": [name for bit, name in _TECHNOLOGIES if bits & bit]})
    return {"plmns": found}


def _location(content: bytes) -> Members:
    """4.2.17: TMSI, LAI, a byte for later use, status."""
    return {
        "tmsi": content[:4].hex().upper(),
        "plmn": _plmn(content[4:7]),
        "lac": content[7:9].hex().upper(),
        "status": _LOCATION.get(content[10] & 0x07, "reserved"),
    }


def _administrative(content: bytes) -> Members:
    """4.2.18."""
    found: Members = {"mode": _MODES.get(content[0], f"{content[0]:02X}"), "ciphering_indicator": bool(content[2] & 1)}
    if len(content) > 3:
        found["mnc_length"] = content[3] & 0x0F
    return found


def _interval(content: bytes) -> Members:
    """4.2.6: in units of six minutes; 0 searches never."""
    return {"minutes": content[0] * 6}


def _access_classes(content: bytes) -> Members:
    bits = int.from_bytes(content[:2], "big")
    return {"access_classes": [number for number in range(16) if bits >> number & 1]}


def _services(content: bytes) -> Members:
    """4.2.8: a bit for each service, from 1."""
    return {"services": [at * 8 + bit + 1 for at, byte in enumerate(content) for bit in range(8) if byte >> bit & 1]}


# --- access rules


def _access_rule(content: bytes) -> Members:
    """ISO 7816-4 5.4.3.3, expanded format: access modes, and behind each the conditions one of which must be met."""
    rules: list[dict[str, list[str]]] = []
    for tlv in split(content.rstrip(_FILLER)):
        if tlv.tag == _AM_BYTE and tlv.value:
            rules.append({"allows": [name for bit, name in _ACCESS if tlv.value[0] & bit], "if": []})
        elif tlv.tag == _AM_INSTRUCTION:
            rules.append({"allows": [f"instruction {tlv.value.hex().upper()}"], "if": []})
        elif rules:
            rules[-1]["if"].append(_condition(tlv))
    return {"rules": rules}


def _condition(tlv: Tlv) -> str:
    if tlv.tag in (_OR, _AND):
        return (" or " if tlv.tag == _OR else " and ").join(_condition(each) for each in split(tlv.value))
    if tlv.tag == _PIN:
        references = [each.value.hex().upper() for each in split(tlv.value) if each.tag == _KEY_REFERENCE]
        return f"code {references[0]}" if references else "code"
    return {_ALWAYS: "always", _NEVER: "never"}.get(tlv.tag, f"condition {tlv.tag:X}")


_DECODERS: Final[Mapping[str, Callable[[bytes], Members]]] = {
    "ef-iccid": _iccid,
    "ef-imsi": _imsi,
    "ef-spn": _spn,
    "ef-pnn": _pnn,
    **dict.fromkeys(("ef-pl", "ef-li"), _languages),
    "ef-dir": _directory,
    **dict.fromkeys(("ef-adn", "ef-fdn", "ef-sdn", "ef-msisdn"), _dialling_number),
    "ef-ecc": _emergency,
    **dict.fromkeys(("ef-fplmn", "ef-ehplmn"), _plmns),
    **dict.fromkeys(("ef-plmnwact", "ef-oplmnwact", "ef-hplmnwact"), _plmns_with_technology),
    "ef-loci": _location,
    "ef-ad": _administrative,
    "ef-hpplmn": _interval,
    "ef-acc": _access_classes,
    **dict.fromkeys(("ef-ust", "ef-est", "ef-ist"), _services),
    "ef-arr": _access_rule,
}
