# SPDX-License-Identifier: Apache-2.0
"""How the types of messages look in JSON: for each a type that msgspec reads, and the way there and back."""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from functools import cache, lru_cache
from typing import Annotated, Any, Final, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec

from apdu.errors import DecodeError
from apdu.ids import Aid, Eid, Iccid, Imsi, Tar
from apdu.keys.secret import SecretKey
from smsr.api.eis import Eis
from smsr.api.eis_parts import SignedInfo
from smsr.api.limits import Identifier, check_iccid
from smsr.api.messages import Call, Request
from smsr.kit.oid import Oid
from smsr.kit.soap.signature import Signer, XmlSignature

__all__ = ["Shape", "from_text", "schema_of", "shape_of"]

_MAX_TEXT: Final = 4096
_MAX_NUMBER: Final = 2**53 - 1
"""What every reader of JSON has (RFC 8259 6)."""
_MAX_PERIOD: Final = 2**31 - 1
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})*\Z")
_XML_TEXT: Final = "^[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*$"
"""Texts that SOAP carries, too (XML 1.0 2.2)."""


class Hex(bytes):
    """Bytes that are written as hexadecimal digits."""


class Shape(NamedTuple):
    """One type."""

    wire: Any
    """What msgspec reads."""
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _hex(text: str) -> Hex:
    if not _HEX.match(text):
        raise DecodeError("not hexadecimal digits, two for each byte")
    return Hex(bytes.fromhex(text))


_TEXTS: Final[dict[type, tuple[Callable[[str], Any], dict[str, Any]]]] = {
    Eid: (Eid.from_string, {"pattern": "^[0-9]{32}$"}),
    Iccid: (lambda text: check_iccid(Iccid.from_string(text)), {"pattern": "^89[0-9]{16,18}$"}),
    Aid: (Aid.from_string, {"pattern": "^([0-9A-Fa-f]{2}){5,16}$"}),
    Tar: (Tar.from_string, {"pattern": "^[0-9A-Fa-f]{6}$"}),
    Imsi: (Imsi, {"pattern": "^[0-9]{6,15}$"}),
    Oid: (lru_cache(maxsize=1024)(Oid), {"pattern": "^[0-2](\\.(0|[1-9][0-9]*))+$"}),
    Hex: (_hex, {"pattern": "^([0-9A-Fa-f]{2})*$"}),
}
"""Values that are text: how they are read, and what JSON Schema says of them."""


def from_text(kind: type, value: object) -> Any:
    """msgspec's dec_hook."""
    if not isinstance(value, str):
        raise ValueError("Expected `str`")
    if re.search(r"\s", value):
        raise ValueError("blanks in an identifier")
    try:
        return _TEXTS[kind][0](value)
    except DecodeError as error:
        raise ValueError(error.message) from None


def schema_of(kind: type) -> dict[str, Any]:
    """msgspec's schema_hook."""
    return {"type": "string", **_TEXTS[kind][1]}


@cache
def _hex_of(most: int) -> type[Hex]:
    """The same of a length."""

    def read(text: str) -> Hex:
        value = _hex(text)
        if len(value) > most:
            raise DecodeError(f"{len(value)} bytes instead of {most} at most")
        return kind(value)

    kind: type[Hex] = type(f"Hex{most}", (Hex,), {})
    _TEXTS[kind] = read, {"pattern": f"^([0-9A-Fa-f]{{2}}){{0,{most}}}$"}
    return kind


def _to_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    return value.astimezone(UTC)


_BASE64: Final = Shape(bytes, _same, _same)
_PLAIN: Final[dict[Any, Shape]] = {
    bool: Shape(bool, _same, _same),
    int: Shape(Annotated[int, msgspec.Meta(ge=0, le=_MAX_NUMBER)], _same, _same),
    str: Shape(Annotated[str, msgspec.Meta(max_length=_MAX_TEXT, pattern=_XML_TEXT)], _same, _same),
    bytes: Shape(Hex, lambda value: value.hex().upper(), bytes),
    datetime: Shape(Annotated[datetime, msgspec.Meta(tz=True)], _to_utc, _to_utc),
    **{kind: Shape(kind, str, _same) for kind in _TEXTS if kind is not Hex},
}
_SIGNED: Final = (SignedInfo, XmlSignature, Signer)
"""Their bytes are base64."""


def shape_of(kind: Any) -> Shape:
    """The shape of a type; TypeError when messages have no such type."""
    return _shape_of(kind)


@cache
def _shape_of(kind: Any) -> Shape:
    if shape := _PLAIN.get(kind):
        return shape
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _limited(*arguments)
    if origin in (Union, types.UnionType) and len(arguments) == 2 and arguments[1] is type(None):
        return _optional(shape_of(arguments[0]))
    if origin is tuple and len(arguments) == 2 and arguments[1] is ...:
        return _sequence(shape_of(arguments[0]))
    if isinstance(kind, type):
        if issubclass(kind, Enum):
            return Shape(kind, _same, _same)
        if is_dataclass(kind) or hasattr(kind, "_field_defaults"):
            return _record(kind)
    raise TypeError(f"{kind} has no form in JSON")


def _limited(kind: type, limits: msgspec.Meta) -> Shape:
    plain = shape_of(kind)
    if kind is bytes:
        assert limits.max_length is not None
        return plain._replace(wire=_hex_of(limits.max_length))
    if kind is str and limits.pattern is None:
        limits = msgspec.Meta(max_length=limits.max_length, min_length=limits.min_length, pattern=_XML_TEXT)
    return plain._replace(wire=Annotated[kind, limits])


def _optional(shape: Shape) -> Shape:
    write, read = shape.write, shape.read
    return Shape(
        shape.wire | None,
        lambda value: None if value is None else write(value),
        lambda value: None if value is None else read(value),
    )


def _sequence(shape: Shape) -> Shape:
    write, read = shape.write, shape.read
    return Shape(
        tuple[shape.wire, ...],  # type: ignore[name-defined]
        lambda values: [write(value) for value in values],
        lambda values: tuple([read(value) for value in values]),
    )


# --- dataclasses


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    shape: Shape
    default: Any = MISSING

    @property
    def declaration(self) -> tuple[str, Any] | tuple[str, Any, Any]:
        """For msgspec.defstruct."""
        if self.default is MISSING:
            return self.name, self.shape.wire
        if self.default is None or self.default == () or type(self.default) in (bool, int, str):
            return self.name, self.shape.wire, self.default
        return self.name, self.shape.wire | msgspec.UnsetType, msgspec.UNSET


def _members(kind: type) -> list[_Member]:
    hints = get_type_hints(kind, include_extras=True)
    if not is_dataclass(kind):  # a NamedTuple
        defaults: dict[str, Any] = vars(kind)["_field_defaults"]
        return [_Member(name, shape_of(hint), defaults.get(name, MISSING)) for name, hint in hints.items()]
    signed = kind in _SIGNED
    return [
        _Member(
            each.name, _BASE64 if signed and hints[each.name] is bytes else shape_of(hints[each.name]), each.default
        )
        for each in fields(kind)
        if each.init and hints[each.name] not in (Call, SecretKey | None)
    ]


_HEAD: Final = (
    ("function_requester", Oid | None, None),
    ("function_call_identifier", shape_of(Identifier).wire, ""),
    ("validity_period", Annotated[int, msgspec.Meta(ge=0, le=_MAX_PERIOD)] | None, None),
)


def _record(kind: type) -> Shape:
    members = _members(kind)
    is_request = issubclass(kind, Request)
    wire = msgspec.defstruct(
        kind.__name__,
        [*(_HEAD if is_request else ()), *(member.declaration for member in members)],
        module=kind.__module__,
        kw_only=True,
        forbid_unknown_fields=True,
    )
    wire.__doc__ = kind.__doc__
    sets = {name for name, hint in get_type_hints(kind).items() if hint in (Eis, Eis | None)}
    table = [(member.name, member.default, member.shape.write) for member in members]
    back = [(member.name, member.shape.read) for member in members]

    def write(value: Any) -> dict[str, Any]:
        written = _write_head(value.call) if is_request else {}
        for name, default, convert in table:
            member = getattr(value, name)
            if member != default:
                written[name] = convert(member)
        return written

    def read(found: Any) -> Any:
        values = {}
        for name, convert in back:
            member = getattr(found, name)
            if member is not msgspec.UNSET:
                try:
                    values[name] = convert(member)
                    if name in sets and values[name] is not None:
                        values[name].check_received()  # one that is part of a message was
                except DecodeError as error:
                    raise error.inside(name) from None
        if is_request:
            values["call"] = Call(found.function_requester, found.function_call_identifier, found.validity_period)
        return kind(**values)

    return Shape(wire, write, read)


def _write_head(call: Call) -> dict[str, Any]:
    head: dict[str, Any] = {"function_requester": str(call.requester)}
    if call.identifier:
        head["function_call_identifier"] = call.identifier
    if call.validity_period is not None:
        head["validity_period"] = call.validity_period
    return head
