# SPDX-License-Identifier: Apache-2.0
"""From the schema of a request to the options of a command, and from what was given to the request as JSON.

A member is an option of the same name; members of an object are options of their own (`--imsi`, `--msisdn`); a list is
an option that may stand several times, one of pairs as `A=B`; an EIS is a file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import click

from apdu.errors import DecodeError
from smsr.api.functions import Function
from smsr.api.json_codec import decode, schemas
from smsr.api.messages import Request
from smsr.kit.oid import Oid
from tools.errors import ToolError

__all__ = ["Member", "members_of", "parameters", "request_of"]

Schema = Mapping[str, Any]

_HEAD: Final = ("function_requester", "function_call_identifier", "validity_period")
_HELP: Final = {
    "eid": "The card.",
    "iccid": "The profile.",
    "smsr_id": "The SM-SR of the card.",
    "mno_id": "The operator.",
    "m2m_sp_id": "The M2M service provider.",
    "data": "Hexadecimal digits, or @FILE.",
    "connectivity_parameters": "Hexadecimal digits, or @FILE.",
    "eis": "A JSON file with the EIS as the EUM signed it.",
    "pol2": "A rule, as DISABLE=Not-Allowed.",
    "iccids": "A profile; all of them where none is named.",
    "operations": "A function that is granted.",
    "notifications": "A notification that is granted.",
    "discarded": "A notification that is not sent.",
}
_NAMES: Final = {
    "iccids": "iccid",
    "pol2": "rule",
    "additional_properties": "property",
    "operations": "operation",
    "notifications": "notification",
    "discarded": "discard",
}
"""Of options, where they are not those of the members."""
_MAX_FILE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """One value of a request."""

    path: tuple[str, ...]
    """Where it stands."""
    kind: str
    """string, integer, boolean, hex, file; list, pairs."""
    required: bool
    choices: tuple[str, ...] = ()
    pair: tuple[str, ...] = ()
    """Names of the two parts of a pair."""

    @property
    def name(self) -> str:
        """Of the option."""
        return _NAMES.get(self.path[-1], self.path[-1])

    def option(self) -> click.Option:
        """The option."""
        kind: Any = click.Choice(self.choices) if self.choices else None
        metavar = None if self.kind == "boolean" else _metavar(self)
        return click.Option(
            [f"--{self.name.replace('_', '-')}", self.name],
            required=self.required,
            multiple=self.kind in ("list", "pairs"),
            is_flag=self.kind == "boolean",
            type=int if self.kind == "integer" else kind,
            metavar=metavar,
            help=_HELP.get(self.path[-1], ""),
        )


def _metavar(member: Member) -> str:
    if member.path[-1] == "iccids":
        return "ICCID"
    shown = {"integer": "N", "file": "FILE.json", "hex": "HEX", "pairs": "=".join(member.pair).upper()}
    return shown.get(member.kind, "OID" if member.name.endswith("_id") else member.name.upper())


@cache
def members_of(function: Function) -> tuple[Member, ...]:
    """What a request of this function holds besides its head."""
    (reference,), parts = schemas([function.request])
    return tuple(_members(_part(reference, parts), parts, (), required=True))


def _part(schema: Schema, parts: Mapping[str, Schema]) -> Schema:
    if "anyOf" in schema:
        return _part(schema["anyOf"][0], parts)
    return parts[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def _members(schema: Schema, parts: Mapping[str, Schema], path: tuple[str, ...], required: bool) -> Iterator[Member]:
    for name, each in schema["properties"].items():
        at, found = (*path, name), _part(each, parts)
        needed = required and name in schema["required"]
        if path == () and name in _HEAD:
            continue
        if name == "eis":
            yield Member(at, "file", needed)
        elif "enum" in found:
            yield Member(at, "string", needed, tuple(found["enum"]))
        elif found["type"] == "object":
            yield from _members(found, parts, at, needed)
        elif found["type"] == "array":
            yield _several(at, _part(found["items"], parts), parts)
        else:
            is_hex = "{2})*" in found.get("pattern", "")
            yield Member(at, "hex" if is_hex else found["type"], needed and found["type"] != "boolean")


def _several(at: tuple[str, ...], items: Schema, parts: Mapping[str, Schema]) -> Member:
    if items.get("type") != "object":
        return Member(at, "list", False, tuple(items.get("enum", ())))
    return Member(at, "pairs", False, pair=tuple(items["properties"]))


def parameters(function: Function) -> list[click.Option]:
    """The options of the command of a function."""
    return [member.option() for member in members_of(function)]


def request_of(function: Function, given: Mapping[str, Any], head: Mapping[str, Any], requester: Oid) -> Request:
    """The request; UsageError for what is no value of its type, ToolError for a file that cannot be used."""
    assert issubclass(function.request, Request)
    message: dict[str, Any] = {name: value for name, value in head.items() if value is not None}
    for member in members_of(function):
        value = given[member.name]
        if value not in (None, (), False):
            _put(message, member.path, _value(member, value))
        elif len(member.path) > 1 and member.path[0] not in message:
            message[member.path[0]] = {}
    try:
        return decode(function.request, json.dumps(message).encode(), requester)
    except DecodeError as error:
        where = "/".join(error.path)
        raise click.UsageError(f"{where}: {error.message}" if where else error.message) from None


def _put(message: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for name in path[:-1]:
        message = message.setdefault(name, {})
    message[path[-1]] = value


def _value(member: Member, value: Any) -> Any:
    if member.kind == "pairs":
        return [_pair(member, each) for each in value]
    if member.kind == "file":
        try:
            return json.loads(_read(value))
        except ValueError:
            raise ToolError(f"{value} is no JSON") from None
    if member.kind == "hex" and value.startswith("@"):
        return _read(value[1:]).hex()
    return list(value) if member.kind == "list" else value


def _pair(member: Member, text: str) -> dict[str, str]:
    first, equals, second = text.partition("=")
    if not equals:
        raise click.UsageError(f"--{member.name} {text}: not {'='.join(member.pair).upper()}")
    return dict(zip(member.pair, (first, second), strict=True))


def _read(name: str) -> bytes:
    with Path(name).open("rb") as file:
        data = file.read(_MAX_FILE + 1)
    if len(data) > _MAX_FILE:
        raise ToolError(f"{name} has more than {_MAX_FILE} bytes")
    return data
