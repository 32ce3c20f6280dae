# SPDX-License-Identifier: Apache-2.0
"""Events as lines of JSON and back: one event is one line of ASCII, in one canonical form.

The keys come in a fixed order: `event` (the kind), `time`, `layer`, the fields of the kind, then fields that this
version does not know, in the order in which they were read. Bytes are upper-case hexadecimal, each hidden byte is `xx`,
and bytes that are not in the trace are {"length": n, "digest": hex}. Fields that are empty and optional are left out.
Files belong to callers: they pass what writes a string, or an iterable of lines.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from json.encoder import encode_basestring_ascii
from typing import Final, NamedTuple, NoReturn, cast

from apdu.errors import DecodeError
from apdu.trace.events import (
    AnyEvent,
    BearerEvent,
    ChannelEvent,
    ForeignEvent,
    FunctionEvent,
    HeaderEvent,
    Json,
    LinkEvent,
    Masked,
    Octets,
    Withheld,
    checked_link,
)
from apdu.trace.redact import UNREDACTED, Redaction, Redactor

__all__ = [
    "FORMAT",
    "LineWriter",
    "dump_json",
    "from_line",
    "from_object",
    "parse_json",
    "read_lines",
    "to_line",
    "to_object",
]

FORMAT: Final = 1
"""Version of the lines that are written here; fields that a later one adds are kept."""

_Object = dict[str, object]
_TOO_DEEP: Final = "is not a line of a trace: nested too deep"
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}|xx)*")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise DecodeError("is not text")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise DecodeError("is not a number")
    try:
        return float(value)
    except OverflowError:
        raise DecodeError("is not a number of this size") from None


def _version(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= FORMAT:
        raise DecodeError(f"is not a version of traces that is known here (1 to {FORMAT})")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise DecodeError("is neither true nor false")
    return value


def _fields(value: object) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise DecodeError("is not an object")
    return cast(Mapping[str, Json], value)


def _octets(value: object) -> Octets:
    if isinstance(value, dict):
        return _withheld(cast(_Object, value))
    if not isinstance(value, str) or not _HEX.fullmatch(value):
        raise DecodeError("is not hexadecimal")
    if "x" not in value:
        return bytes.fromhex(value)
    spans = tuple((at // 2, 1) for at in range(0, len(value), 2) if value[at] == "x")
    return Masked(bytes.fromhex(value.replace("x", "0")), spans)


def _withheld(value: _Object) -> Withheld:
    length, digest = value.get("length"), value.get("digest", "")
    if not isinstance(length, int) or isinstance(length, bool) or length < 0 or value.keys() - {"length", "digest"}:
        raise DecodeError("does not tell the length of what is not there")
    shown = _octets(digest)
    if not isinstance(shown, bytes):
        raise DecodeError("has a digest that is not hexadecimal")
    return Withheld(length, shown)


def _plain(value: object) -> object:
    """What the JSON encoder takes, from what an event holds."""
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, Masked):
        text = bytearray(value.data.hex().upper(), "ascii")
        for offset, length in value.spans:
            text[2 * offset : 2 * (offset + length)] = b"xx" * length
        return text.decode("ascii")
    if isinstance(value, Withheld):
        digest = {"digest": value.digest.hex().upper()} if value.digest else {}
        return {"length": value.length, **digest}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return value


class _Field(NamedTuple):
    read: Callable[[object], object]
    required: bool = True


_Layout = dict[str, _Field]
_HEAD: Final[_Layout] = {"time": _Field(_number), "layer": _Field(_text)}
_KINDS: Final[dict[str, tuple[type[AnyEvent], _Layout]]] = {
    "link": (
        LinkEvent,
        {
            **_HEAD,
            "side": _Field(_text),
            "kind": _Field(_text),
            "data": _Field(_octets, False),
            "reader": _Field(_text, False),
        },
    ),
    "bearer": (
        BearerEvent,
        {
            **_HEAD,
            "side": _Field(_text),
            "direction": _Field(_text),
            "name": _Field(_text, False),
            "data": _Field(_octets, False),
            "fields": _Field(_fields, False),
        },
    ),
    "channel": (
        ChannelEvent,
        {
            **_HEAD,
            "side": _Field(_text),
            "target": _Field(_text, False),
            "protected": _Field(_octets),
            "plain": _Field(_octets),
            "response_protected": _Field(_octets, False),
            "response_plain": _Field(_octets, False),
        },
    ),
    "function": (
        FunctionEvent,
        {**_HEAD, "name": _Field(_text), "fields": _Field(_fields, False), "outcome": _Field(_text, False)},
    ),
    "header": (
        HeaderEvent,
        {**_HEAD, "format": _Field(_version), "unredacted": _Field(_flag, False)},
    ),
}
"""The fields of each kind in the order in which they are written."""
_NAMES: Final[dict[type[AnyEvent], str]] = {event: name for name, (event, _) in _KINDS.items()}


def to_object(event: AnyEvent) -> dict[str, object]:
    """The event as an object of JSON, its names in their order."""
    line: _Object
    if isinstance(event, ForeignEvent):
        line = {"event": event.event, "time": event.time, "layer": event.layer}
    else:
        name = _NAMES[type(event)]
        line = {"event": name}
        for field, (_, required) in _KINDS[name][1].items():
            value = getattr(event, field)
            if required or value or isinstance(value, Withheld):
                line[field] = _plain(value)
    line.update((name, _plain(value)) for name, value in event.extra.items() if name not in line)
    return line


def to_line(event: AnyEvent) -> str:
    """The event as one line without its end."""
    if type(event) is LinkEvent and type(event.data) is bytes and not event.extra:
        return _link_line(event, event.data)
    return dump_json(to_object(event))


def _link_line(event: LinkEvent, data: bytes) -> str:
    """Nearly every line of a trace, put together without the general way, to the same characters."""
    layer, side, kind = map(encode_basestring_ascii, (event.layer, event.side, event.kind))
    shown = f',"data":"{data.hex().upper()}"' if data else ""
    reader = f',"reader":{encode_basestring_ascii(event.reader)}' if event.reader else ""
    line = f'{{"event":"link","time":{event.time!r},"layer":{layer},"side":{side},"kind":{kind}{shown}{reader}}}'
    return line.replace("\x7f", r"\u007f")


def dump_json(value: object) -> str:
    """A value as one line of printable ASCII."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("\x7f", r"\u007f")


def from_line(line: str) -> AnyEvent:
    """The event of one line; DecodeError when it is none."""
    plain = _LINK.fullmatch(line)
    if plain is None:
        content = parse_json(line)
        if not isinstance(content, dict):
            raise DecodeError("is not an event: no JSON object")
        return from_object(content)
    time, layer, side, kind, data, reader = plain.groups("")
    if len(data) % 2:
        raise DecodeError("is not hexadecimal", path=("data",))
    return checked_link(float(time), layer, side, kind, bytes.fromhex(data) if data else b"", reader)


def from_object(content: dict[str, object]) -> AnyEvent:
    """The event of an object of JSON, which is used up; DecodeError when it is none."""
    try:
        name = _text(content.pop("event", None))
    except DecodeError as error:
        raise error.inside("event") from None
    event, layout = _KINDS.get(name, (ForeignEvent, _HEAD))
    values: _Object = {}
    for field, (read, required) in layout.items():
        if field in content:
            try:
                values[field] = read(content.pop(field))
            except DecodeError as error:
                raise error.inside(field) from None
        elif required:
            raise DecodeError("is missing", path=(field,))
    if event is ForeignEvent:
        values["event"] = name
    try:
        return cast(Callable[..., AnyEvent], event)(**values, extra=content)
    except ValueError as error:  # numbers that are not finite
        raise DecodeError(str(error)) from None
    except RecursionError:
        raise DecodeError(_TOO_DEEP) from None


_STRING: Final = r'"([ !#-\[\]-~]*)"'
"""Characters that stand for themselves in JSON."""
_LINK: Final = re.compile(
    rf'\{{"event":"link","time":(-?(?:0|[1-9][0-9]{{0,14}})\.[0-9]{{1,20}}),"layer":{_STRING},"side":{_STRING},'
    rf'"kind":{_STRING}(?:,"data":"([0-9A-F]*)")?(?:,"reader":{_STRING})?\}}'
)
"""Nearly every line of a trace, in the form in which it is written: read without the general way, to the same event."""


def _unique(pairs: list[tuple[str, object]]) -> _Object:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in an object")
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def parse_json(text: str) -> object:
    """A value of JSON, strictly: no name twice, no NaN; DecodeError when it is none."""
    try:
        content: object = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise DecodeError(f"is not JSON: {error.msg}", offset=error.pos) from None
    except ValueError as error:
        raise DecodeError(f"is not JSON: {error}") from None
    except RecursionError:
        raise DecodeError(_TOO_DEEP) from None
    return content


def read_lines(lines: Iterable[str]) -> Iterator[AnyEvent]:
    """The events of a trace file; empty lines are skipped, DecodeError names the line."""
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                yield from_line(line)
            except DecodeError as error:
                raise error.inside(f"line {number}") from None


class LineWriter:
    """A sink of events that writes lines, redacted unless `UNREDACTED` is passed; its own header comes first."""

    __slots__ = ("_begun", "_redaction", "_write")

    def __init__(self, write: Callable[[str], object], redaction: Redaction | None = None) -> None:
        self._write = write
        self._redaction: Redaction = Redactor() if redaction is None else redaction
        self._begun = False

    def __call__(self, event: AnyEvent) -> None:
        if isinstance(event, HeaderEvent):  # of the file where the events come from
            return
        if not self._begun:
            self._begun = True
            header = HeaderEvent(time=event.time, unredacted=self._redaction is UNREDACTED)
            self._write(to_line(header) + "\n")
        self._write(to_line(self._redaction.redact(event)) + "\n")
