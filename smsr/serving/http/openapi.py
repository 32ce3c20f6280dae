# SPDX-License-Identifier: Apache-2.0
"""The JSON binding as an OpenAPI document, made from the table of functions (OpenAPI 3.0.3).

Not 3.1, which the page that shows it cannot read: what JSON Schema of 2020 says of null and base64 is said in the words
of 3.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final, cast

from apdu.ids import ECASD, Aid, Eid, Iccid, Imsi, Tar
from smsr.api.functions import Exchange, Function, Message
from smsr.api.json_codec import schemas
from smsr.api.json_shapes import schema_of
from smsr.kit.oid import Oid
from smsr.kit.trust import ROLE_NAMES
from smsr.serving.http.answers import JSON
from smsr.serving.http.site import Site
from smsr.serving.paths import CALLBACK_URL, OPERATIONS, RELATES_TO, Kind, caller, json_path
from smsr.serving.service import OperationState

__all__ = ["example", "openapi"]

Schema = dict[str, Any]

_VERSION: Final = "3.0.3"
_REFERENCE: Final = "#/components/schemas/"
_EXAMPLES: Final[Mapping[str, str]] = {
    schema_of(kind)["pattern"]: text
    for kind, text in (
        (Eid, "89001012012341234012345678901224"),
        (Iccid, "8988300000000000002"),
        (Aid, str(Aid.isd_p(0x11))),
        (Tar, str(ECASD.tar)),
        (Imsi, "001010000000001"),
        (Oid, "2.999.10.4"),
    )
}
"""By the pattern that says what a text is."""
_MOMENT: Final = "2026-11-23T08:00:09Z"
_HEX_EXAMPLE: Final = "2203800000"
_SHOWN: Final = ("function_call_identifier", "validity_period")
"""Optional members that examples have."""
_ERROR: Final = "Error"
_OPERATION: Final = "Operation"


def openapi(site: Site) -> Schema:
    """The document of one server."""
    messages = tuple(site.messages())
    kinds = dict.fromkeys(kind for function, each in messages for kind in _types(function, each))
    _, components = schemas(cast("Iterable[type]", kinds))
    parts = {name: _in_3_0(schema) for name, schema in components.items()}
    parts |= {_ERROR: _error_schema(), _OPERATION: _operation_schema()}
    for kind in kinds:
        parts[kind.__name__]["example"] = example(parts[kind.__name__], parts)
    paths = {json_path(function, kind): {"post": _operation(function, kind)} for function, kind in messages}
    paths[f"{OPERATIONS}/{{id}}"] = {"get": _look()}
    return {
        "openapi": _VERSION,
        "info": {
            "title": f"{site.title} (GSMA SGP.02)",
            "version": "1",
            "description": "Whoever calls shows a certificate: its object identifier is the function requester.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": parts},
    }


def _types(function: Function, kind: Kind) -> tuple[type[Message], ...]:
    if kind is Kind.REQUEST:
        assert function.response is not None
        return function.request, function.response
    message = function.response if kind is Kind.CALLBACK else function.request
    assert message is not None
    return (message,)


# --- paths


def _operation(function: Function, kind: Kind) -> Schema:
    role = ROLE_NAMES[caller(function, kind)]
    about = function.request.__doc__ if kind is not Kind.CALLBACK else f"What became of {function}."
    body, *_ = _types(function, kind)
    found: Schema = {
        "operationId": f"{function.interface}-{function.name}" + ("-callback" if kind is Kind.CALLBACK else ""),
        "tags": [str(function.interface)],
        "summary": f"{function} ({kind.value}), from an {role}" if role[0] in "ES" else f"{function}, from an {role}",
        "description": about,
        "requestBody": {"required": True, "content": _content(body.__name__)},
        "responses": _responses(function, kind),
    }
    if kind is Kind.CALLBACK:
        found["parameters"] = [_header(RELATES_TO, "The FunctionCallIdentifier of the request.")]
    elif Kind.told(function) is Kind.CALLBACK:
        found["parameters"] = [_header(CALLBACK_URL, "Where the callback goes, if not to the configured address.")]
    return found


def _responses(function: Function, kind: Kind) -> Schema:
    if kind is not Kind.REQUEST:
        return {"204": {"description": "Taken."}, **_errors(_ERROR)}
    assert function.response is not None
    name = function.response.__name__
    answers: Schema = {"200": {"description": "It is done, or failed: the status says.", "content": _content(name)}}
    if function.exchange is Exchange.ASYNCHRONOUS:
        accepted = {"Location": {"description": "The operation.", "schema": {"type": "string"}}}
        content = {"headers": accepted, "content": _content(_OPERATION)}
        answers["200"] = {"description": "The same call again: it is done.", **content}
        answers["202"] = {"description": "Accepted; a callback says what became of it.", **content}
    return {**answers, **_errors(name)}


_REFUSALS: Final = {
    HTTPStatus.BAD_REQUEST: "Not a message of this type.",
    HTTPStatus.FORBIDDEN: "Another role's, or it names another requester than the certificate.",
    HTTPStatus.REQUEST_TIMEOUT: "The body came too slowly.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Not JSON in UTF-8.",
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests of this caller; Retry-After says when.",
    HTTPStatus.SERVICE_UNAVAILABLE: "No room for another call; Retry-After says when.",
}


def _errors(name: str) -> Schema:
    found = {str(int(status)): {"description": text, "content": _content(name)} for status, text in _REFUSALS.items()}
    for status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        wait = {"description": "Seconds.", "schema": {"type": "integer"}}
        found[str(int(status))]["headers"] = {"Retry-After": wait}
    return found


def _look() -> Schema:
    return {
        "operationId": "operation",
        "tags": ["operations"],
        "summary": "How far an asynchronous function is",
        "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string", "maxLength": 128}}],
        "responses": {
            "200": {"description": "It is one of the caller's.", "content": _content(_OPERATION)},
            "404": {"description": "The caller has no such operation.", "content": _content(_ERROR)},
            "429": _errors(_ERROR)["429"],
        },
    }


def _content(name: str) -> Schema:
    return {JSON: {"schema": {"$ref": f"{_REFERENCE}{name}"}}}


def _header(name: str, text: str) -> Schema:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": {"type": "string"}}


# --- schemas


def _error_schema() -> Schema:
    text = {"type": "string", "example": "no such path"}
    return {"type": "object", "required": ["error"], "properties": {"error": text}, "example": {"error": "too slow"}}


def _operation_schema() -> Schema:
    moment = {"type": "string", "format": "date-time"}
    names = ("id", "function", "function_call_identifier", "state", "accepted")
    shown = ("4f1c", "ES3.CreateISDP", "order-1", OperationState.ACCEPTED.value, _MOMENT)
    return {
        "type": "object",
        "example": dict(zip(names, shown, strict=True)),
        "description": "An asynchronous function that was accepted.",
        "required": list(names),
        "properties": {
            "id": {"type": "string"},
            "function": {"type": "string"},
            "function_call_identifier": {"type": "string"},
            "state": {"type": "string", "enum": [state.value for state in OperationState]},
            "accepted": moment,
            "deadline": moment,
            "response": {"type": "object", "description": "When it is done: the response of the function."},
        },
    }


def _in_3_0(schema: Any) -> Any:
    """A schema of 2020-12 in the words of OpenAPI 3.0."""
    if isinstance(schema, list):
        return [_in_3_0(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _in_3_0(each) for name, each in schema.items() if name not in ("anyOf", "contentEncoding")}
    if not schema.get("pattern", "").isascii():  # the characters of XML: not every tool can read that
        del found["pattern"]
    if "contentEncoding" in schema:
        found["format"] = "byte"
    if "enum" in schema:
        found["type"] = "string"
    if "anyOf" in schema:  # a value or null
        value, _ = schema["anyOf"]
        found |= {"allOf": [_in_3_0(value)]} if "$ref" in value else _in_3_0(value)
        found["nullable"] = True
    return found


def example(schema: Schema, parts: Mapping[str, Schema]) -> Any:
    """A value of a schema: what must be there, and the head of a call."""
    if "$ref" in schema:
        return example(parts[schema["$ref"].removeprefix(_REFERENCE)], parts)
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object":
        required = schema.get("required", ())
        members = schema.get("properties", {}).items()
        return {name: _member(name, each, parts) for name, each in members if name in required or name in _SHOWN}
    others: Schema = {"array": [], "boolean": False, "integer": 3600}
    return others.get(str(kind), _text(schema))


def _member(name: str, schema: Schema, parts: Mapping[str, Schema]) -> Any:
    return "order-1" if name == _SHOWN[0] else example(schema, parts)


def _text(schema: Schema) -> str:
    if schema.get("format") == "date-time":
        return _MOMENT
    if schema.get("format") == "byte":
        return "AAAA"
    pattern = schema.get("pattern", "")
    return _EXAMPLES.get(pattern, _HEX_EXAMPLE if "9A-Fa-f" in pattern else "text")
