# SPDX-License-Identifier: Apache-2.0
"""A profile package from a description that people write.

A description is the JSON form of the elements (`apdu.profile.package`), shorter where that says what is clear anyway:

- an element's header may be left out: elements are mandated and numbered in their order;
- `templateID` may be the last numbers of a template's OID ("2.4.2");
- a file may be an object instead of a list of steps, see `_FILE_KEYS`; `{}` is the file as the template makes it;
- a security domain may have `keySets`: {version, type, usage = [...], keys = [...]}, whose identifiers count from 01.

Files keep the access rules of their templates: an EF.ARR described as `rules = true` holds exactly those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from apdu.errors import DecodeError
from apdu.ids import Aid
from apdu.profile.der import Json, hex_bytes, json_object
from apdu.profile.elements.element import ProfileElement, element_from_json
from apdu.profile.elements.files import FILE, Fcp, File, FileItem, ProprietaryInfo
from apdu.profile.elements.kinds import KINDS
from apdu.profile.templates.model import FileType, oid
from apdu.profile.templates.rules import ef_arr
from apdu.tlv.scan import ber

__all__ = ["build_package", "file_from_description"]

_HEADERS: Final = {
    "genericFileManagement": "gfm-header",
    "pinCodes": "pin-Header",
    "pukCodes": "puk-Header",
    "akaParameter": "aka-header",
    "cdmaParameter": "cdma-header",
    "securityDomain": "sd-Header",
    "rfm": "rfm-header",
    "application": "app-Header",
    "nonStandard": "nonStandard-header",
    "end": "end-header",
} | {kind.name: kind.header for kind in KINDS.values()}
_TYPES: Final = {
    "transparent": FileType.TRANSPARENT,
    "linear": FileType.LINEAR,
    "cyclic": FileType.CYCLIC,
    "ber-tlv": FileType.BER_TLV,
}


def build_package(description: Json) -> tuple[ProfileElement, ...]:
    """Read a description: a list of elements, the header first, the end last."""
    if not isinstance(description, list):
        raise DecodeError("a description is a list of elements")
    elements: list[ProfileElement] = []
    for number, item in enumerate(description):
        members = json_object(item, "an element")
        if len(members) != 1:
            raise DecodeError("an element is an object with one member, its name", path=(f"[{number}]",))
        kind, content = next(iter(members.items()))
        try:
            elements.append(element_from_json({kind: _element(kind, json_object(content, kind), number)}))
        except DecodeError as error:
            raise error.inside(f"[{number}]") from None
    return tuple(elements)


def _element(kind: str, described: dict[str, Json], number: int) -> dict[str, Json]:
    """The JSON form of an element."""
    element = dict(described)
    if (header := _HEADERS.get(kind)) is not None:
        element.setdefault(header, {"mandated": True, "identification": number})
    if "keySets" in element:
        element["keyList"] = _key_list(element.pop("keySets"))
    if kind not in KINDS:
        return element
    template = element.get("templateID")
    if isinstance(template, str) and not template.startswith("2.23."):
        element["templateID"] = str(oid(template))
    for file in KINDS[kind].files:
        if isinstance(given := element.get(file.name), dict):
            try:
                element[file.name] = FILE.to_json(file_from_description(given))
            except DecodeError as error:
                raise error.inside(file.name).inside(kind) from None
    return element


def _key_list(sets: Json) -> Json:
    """Key objects from sets of keys with one version and one type."""
    keys: list[Json] = []
    for item in sets if isinstance(sets, list) else [sets]:
        members = json_object(item, "a key set")
        values, usages = members.get("keys"), members.get("usage")
        if not isinstance(values, list) or not isinstance(usages, list) or len(values) != len(usages):
            raise DecodeError("a key set has as many keys as usages", path=("keySets",))
        keys += [
            {
                "keyUsageQualifier": usage,
                "keyIdentifier": f"{number:02X}",
                "keyVersionNumber": members.get("version"),
                "keyComponents": [{"keyType": members.get("type"), "keyData": value}],
            }
            for number, (usage, value) in enumerate(zip(usages, values, strict=True), start=1)
        ]
    return keys


def file_from_description(described: Mapping[str, Json]) -> File:
    """The steps of a file that is described as an object."""
    if unknown := described.keys() - _FILE_KEYS.keys():
        raise DecodeError(f"{min(unknown)!r} is not a key of a file")
    parameters: dict[str, Any] = {}
    items: list[FileItem] = []
    for key, value in described.items():
        try:
            _FILE_KEYS[key](parameters, items, value)
        except DecodeError as error:
            raise error.inside(key) from None
    pattern = {
        name: parameters.pop(name) for name in ("special", "fill_pattern", "repeat_pattern") if name in parameters
    }
    if pattern:
        parameters["proprietary"] = ProprietaryInfo(**pattern)
    _structure(parameters)
    return (Fcp(**parameters), *items) if parameters else tuple(items)


def _structure(parameters: dict[str, Any]) -> None:
    """fileDescriptor and efFileSize from type, record length, records and size."""
    records, length = parameters.pop("records", None), parameters.pop("record_length", None)
    type_ = parameters.pop("type", FileType.LINEAR if length is not None else None)
    if type_ is not None:
        parameters["descriptor"] = bytes((type_, 0x21)) + (b"" if length is None else length.to_bytes(2, "big"))
    size = parameters.pop("bytes", None)
    if records is not None and length is not None:
        size = records * length
    if size is not None:
        parameters["size"] = size.to_bytes((size.bit_length() + 7) // 8 or 1, "big")


_Step = Callable[[dict[str, Any], list[FileItem], Json], None]


def _octets(name: str) -> _Step:
    def step(parameters: dict[str, Any], items: list[FileItem], value: Json) -> None:
        parameters[name] = hex_bytes(value, name)

    return step


def _whole(name: str, low: int, high: int) -> _Step:
    def step(parameters: dict[str, Any], items: list[FileItem], value: Json) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise DecodeError(f"a number from {low} to {high} expected")
        parameters[name] = value

    return step


def _sfi(parameters: dict[str, Any], items: list[FileItem], value: Json) -> None:
    """A short file identifier; 0 = none."""
    if not isinstance(value, int) or not 0 <= value <= 30:
        raise DecodeError("a short file identifier is a number from 0 to 30")
    parameters["short_id"] = bytes((value << 3,)) if value else b""


def _type(parameters: dict[str, Any], items: list[FileItem], value: Json) -> None:
    if not isinstance(value, str) or value not in _TYPES:
        raise DecodeError(f"one of {', '.join(_TYPES)} expected")
    parameters["type"] = _TYPES[value]


def _aid(parameters: dict[str, Any], items: list[FileItem], value: Json) -> None:
    parameters["df_name"] = Aid(hex_bytes(value, "an AID"))


def _content(parameters: dict[str, Any], items: list[FileItem], value: Json) -> None:
    """Hexadecimal digits, or a list of them, one for each record; the rest of a record keeps its default."""
    if not isinstance(value, list):
        items.append(hex_bytes(value, "content"))
        return
    length = parameters.get("record_length")
    if not isinstance(length, int):
        raise DecodeError("a list of records after their record-length expected")
    for record in value:
        content = hex_bytes(record, "a record")
        if len(content) > length:
            raise DecodeError(f"a record of {len(content)} bytes, not {length}")
        items.append(content)
        if len(content) < length:
            items.append(length - len(content))


def _services(parameters: dict[str, Any], items: list[FileItem], value: Json) -> None:
    """A service table, from the numbers of its services (TS 31.102 4.2.8)."""
    if not isinstance(value, list) or not all(isinstance(n, int) and 1 <= n <= 800 for n in value):
        raise DecodeError("a list of service numbers expected")
    numbers = cast("list[int]", value)
    size = max(parameters.get("bytes", 0), (max(numbers, default=1) + 7) // 8)
    parameters["bytes"] = size
    items.append(sum(1 << number - 1 for number in set(numbers)).to_bytes(size, "little"))


def _rules(parameters: dict[str, Any], items: list[FileItem], value: Json) -> None:
    """The access rules of the templates as an EF.ARR."""
    length, content = ef_arr()
    parameters |= {"type": FileType.LINEAR, "record_length": length, "bytes": len(content)}
    items.append(content)


def _applications(parameters: dict[str, Any], items: list[FileItem], value: Json) -> None:
    """An EF.DIR: label by AID (TS 102 221 13.1)."""
    entries = [
        ber(0x61, ber(0x4F, Aid(hex_bytes(aid, "an AID"))) + ber(0x50, str(label).encode()))
        for aid, label in json_object(value, "applications").items()
    ]
    length = max(map(len, entries), default=1)
    parameters |= {"type": FileType.LINEAR, "record_length": length, "bytes": length * max(len(entries), 1)}
    items += [entry.ljust(length, b"\xff") for entry in entries]


def _text(parameters: dict[str, Any], items: list[FileItem], value: Json) -> None:
    if not isinstance(value, str):
        raise DecodeError("text expected")
    items.append(value.encode("utf-8"))


_FILE_KEYS: Final[dict[str, _Step]] = {
    "fid": _octets("file_id"),
    "aid": _aid,
    "type": _type,
    "record-length": _whole("record_length", 1, 255),
    "records": _whole("records", 1, 254),
    "size": _whole("bytes", 0, 1 << 20),
    "rule": _octets("access_rule"),
    "sfi": _sfi,
    "pins": _octets("pin_status"),
    "special": _octets("special"),
    "fill": _octets("fill_pattern"),
    "repeat": _octets("repeat_pattern"),
    "link": _octets("link_path"),
    "content": _content,
    "text": _text,
    "services": _services,
    "rules": _rules,
    "applications": _applications,
}
"""What an object that describes a file may say, in this order where one builds on another."""
