# SPDX-License-Identifier: Apache-2.0
"""Contents of the files under the MF, and of access rules (TS 102 221 9.2, 13)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from apdu.errors import DecodeError
from apdu.files.item import Content, Item, blank, flags, take, utf8
from apdu.ids import Iccid
from apdu.tlv.scan import read_header, split

__all__ = ["UICC_FILES", "access_rules", "key_reference", "languages"]


def _iccid(data: bytes) -> Iterator[Item]:
    yield Item("ICCID", str(Iccid.from_ef(take(data, 0, 10, "an ICCID"))), data[:10])


def languages(data: bytes) -> Iterator[Item]:
    """Two letters for each language, in falling priority (ISO 639)."""
    codes = [data[at : at + 2] for at in range(0, len(data), 2)]
    named = [code.decode("ascii", "replace") for code in codes if not blank(code)]
    yield Item("languages", " ".join(named) or "none", data)


_APPLICATION_OBJECTS: Final = {
    0x4F: "AID",
    0x50: "label",
    0x51: "path",
    0x52: "command to perform",
    0x53: "discretionary data",
    0x5F50: "URL",
    0x61: "application",
    0x73: "discretionary data",
}


def _directory(data: bytes) -> Iterator[Item]:
    at = 0
    while at < len(data) and data[at] not in (0xFF, 0x00):
        tag, start, end = read_header(data, at, len(data))
        if tag != 0x61:
            raise DecodeError(f"object {tag:X} where an application template 61 stands", offset=at)
        parts: list[Item] = []
        for inner, value in split(data[start:end]):
            text = utf8(value.rstrip(b"\xff")) if inner in (0x50, 0x5F50) else value.hex().upper()
            parts.append(Item(_APPLICATION_OBJECTS.get(inner, f"object {inner:X}"), text, value))
        label = next((part.value for part in parts if part.name == "label"), "")
        yield Item("application", label, data[at:end], tuple(parts))
        at = end
    if not blank(data[at:]) and any(data[at:]):
        raise DecodeError("something follows the application template", offset=at)


def _power(data: bytes) -> Iterator[Item]:
    yield Item("maximum power consumption", f"{take(data, 0, 1, 'maximum power')[0]} mA", data[:1])
    yield Item("operator defined time-out", f"{take(data, 1, 1, 'time-out')[0]} s", data[1:2])
    more = take(data, 2, 1, "additional information")[0]
    names = ((0x01, "increased idle current is needed"), (0x02, "UICC suspension is supported"))
    yield Item("additional information", flags(more, names) or "none", data[2:3])


# --- access rules: ISO/IEC 7816-4 9.3.3 as TS 102 221 9.2.4 and annex F use it

_MODES: Final = (
    (0x01, "read (of a DF: delete child)"),
    (0x02, "update (of a DF: create EF)"),
    (0x04, "write (of a DF: create DF)"),
    (0x08, "deactivate"),
    (0x10, "activate"),
    (0x20, "terminate"),
    (0x40, "delete"),
)
_INSTRUCTIONS: Final = {
    0x04: "DEACTIVATE FILE",
    0x2A: "PERFORM SECURITY OPERATION",
    0x32: "INCREASE",
    0x44: "ACTIVATE FILE",
    0xD4: "RESIZE FILE",
    0xE4: "DELETE FILE",
}
_KEYS: Final = {0x11: "universal PIN"} | {
    base + number: name.format(number + first)
    for base, count, name, first in ((0x01, 8, "PIN1 of application {}", 1), (0x81, 8, "PIN2 of application {}", 1),
                                     (0x0A, 5, "ADM{}", 1), (0x8A, 5, "ADM{}", 6))
    for number in range(count)
}  # fmt: skip
_MODE: Final = 0x80
_ALWAYS, _NEVER, _CONDITION, _AUTHENTICATION, _OR, _NOT, _AND = 0x90, 0x97, 0x9E, 0xA4, 0xA0, 0xA7, 0xAF


def key_reference(reference: int) -> str:
    """A key reference by name (TS 102 221 9.5.1, table 9.3)."""
    name = _KEYS.get(reference)
    return f"key {reference:02X}" if name is None else f"{name.removesuffix(' of application 1')} ({reference:02X})"


def access_rules(data: bytes) -> Iterator[Item]:
    """The rules of one record of EF.ARR: which access under which condition."""
    at, mode, start = 0, "", 0
    conditions: list[str] = []
    while at < len(data) and data[at] != 0xFF:
        tag, begin, end = read_header(data, at, len(data))
        if tag & 0xF0 == _MODE:
            if mode:
                yield Item(mode, " and ".join(conditions) or "no condition", data[start:at])
            mode, start, conditions = _mode(tag, data[begin:end]), at, []
        elif not mode:
            raise DecodeError(f"a condition {tag:X} without an access", offset=at)
        else:
            conditions.append(_condition(tag, data[begin:end]))
        at = end
    if mode:
        yield Item(mode, " and ".join(conditions) or "no condition", data[start:at])
    if not blank(data[at:]):
        raise DecodeError("something follows the last rule", offset=at)


def _mode(tag: int, value: bytes) -> str:
    if tag == _MODE and len(value) == 1:
        return flags(value[0], _MODES) or "no access"
    if tag == 0x84 and len(value) == 1:
        return _INSTRUCTIONS.get(value[0], f"command {value[0]:02X}")
    return f"access {tag:02X} {value.hex().upper()}"


def _condition(tag: int, value: bytes, depth: int = 0) -> str:
    if tag == _ALWAYS:
        return "always"
    if tag == _NEVER:
        return "never"
    if tag == _AUTHENTICATION:
        keys = [key_reference(content[0]) for inner, content in split(value) if inner == 0x83 and len(content) == 1]
        return " or ".join(keys) or "authentication"
    if tag in (_OR, _AND, _NOT) and depth < 8:
        inner = [_condition(each, content, depth + 1) for each, content in split(value)]
        joined = (" and " if tag == _AND else " or ").join(inner)
        return f"not ({joined})" if tag == _NOT else f"({joined})" if len(inner) > 1 else joined
    return f"condition {tag:02X} {value.hex().upper()}"


UICC_FILES: Final = {
    "ef-iccid": Content(_iccid, "TS 102 221 13.2", brief=True),
    "ef-dir": Content(_directory, "TS 102 221 13.1", brief=True),
    "ef-pl": Content(languages, "TS 102 221 13.3", brief=True),
    "ef-arr": Content(access_rules, "TS 102 221 13.4"),
    "ef-umpc": Content(_power, "TS 102 221 13.5"),
}
