# SPDX-License-Identifier: Apache-2.0
"""Messages as JSON (RFC 8259): the JSON binding, and what servers keep of calls and answers.

Members have the names of the dataclasses' fields; those that have their default are left out. The head of a request is
flat: `function_requester`, `function_call_identifier`, `validity_period`. Identifiers are text, bytes are hexadecimal,
what an EUM signed is base64, times are ISO 8601 in UTC. Members that are not known, other types and texts that XML
could not carry are refused; in what others send also a member that stands twice, of which readers take one or the
other (RFC 8259 4). Keys whose value this server knows have no place here: they do not travel in clear.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import Any, Final, TypeVar, cast

import msgspec

from apdu.errors import DecodeError, EncodeError
from smsr.api.json_shapes import Shape, from_text, schema_of, shape_of
from smsr.kit.oid import Oid

__all__ = ["MAX_BYTES", "decode", "demand_single_members", "encode", "receive", "schemas"]

T = TypeVar("T")
_STRANGE: Final = re.compile(r"unknown field `(?![a-z_]+\d?`).*", re.DOTALL)
"""What was taken for a name and is none is not repeated: it may be anything, also a key."""

MAX_BYTES: Final = 1 << 20
"""Of one message."""


def encode(message: object) -> bytes:
    """A message, or a part of one; EncodeError when it holds what JSON does not carry, such as a time without zone."""
    try:
        return msgspec.json.encode(shape_of(type(message)).write(message))
    except (TypeError, ValueError, UnicodeEncodeError) as error:
        raise EncodeError(f"{type(message).__name__}: {error}") from None


def decode(kind: type[T], data: bytes, requester: Oid | None = None) -> T:
    """Read a message of this type; DecodeError says where it is wrong.

    `requester` is who calls when a request does not say it.
    """
    if len(data) > MAX_BYTES:
        raise DecodeError(f"{len(data)} bytes of JSON, at most {MAX_BYTES} are taken")
    try:
        wire = _decoder(shape_of(kind)).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError(_STRANGE.sub("unknown field", str(error))) from None
    except RecursionError:
        raise DecodeError("nested too deeply") from None
    if getattr(wire, "function_requester", True) is None:
        if requester is None:
            raise DecodeError("Object missing required field `function_requester`")
        wire.function_requester = requester
    try:
        return cast(T, shape_of(kind).read(wire))
    except OverflowError:
        raise DecodeError("a time that UTC does not have") from None


def receive(kind: type[T], data: bytes, requester: Oid | None = None) -> T:
    """The same for what another server sent: DecodeError also when a member stands twice."""
    message = decode(kind, data, requester)
    demand_single_members(data)
    return message


def demand_single_members(data: bytes) -> None:
    """DecodeError when an object of this JSON, at any depth, has a member twice: msgspec would take the last."""
    try:
        _MEMBERS.decode(data.decode())
    except DecodeError:
        raise
    except ValueError as error:
        raise DecodeError(str(error)) from None
    except RecursionError:
        raise DecodeError("nested too deeply") from None


def _single(members: list[tuple[str, object]]) -> None:
    if len(dict(members)) != len(members):
        raise DecodeError("a member stands twice")


_MEMBERS: Final = json.JSONDecoder(object_pairs_hook=_single)


@cache
def _decoder(shape: Shape) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape.wire, dec_hook=from_text)


def schemas(kinds: Iterable[type]) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """JSON Schema 2020-12 of messages, for OpenAPI: a reference for each, and the components that they refer to."""
    wires = [shape_of(kind).wire for kind in kinds]
    return msgspec.json.schema_components(wires, schema_hook=schema_of, ref_template="#/components/schemas/{name}")
