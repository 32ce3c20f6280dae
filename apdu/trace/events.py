# SPDX-License-Identifier: Apache-2.0
"""What a trace is made of: one frozen event for everything that crosses a seam.

    LinkEvent       bytes between a reader and a card: command, response, ATR, PPS, power
    BearerEvent     what carries them from far away: SMS, TLS records, HTTP messages
    ChannelEvent    one exchange of a secure channel, before and after its protection
    FunctionEvent   what it means: a function of an ES interface, its fields and how it ended

and one that stands at the beginning of a file:

    HeaderEvent     what the file is: the version of its format, and whether secrets were left in it

`layer`, `side`, `kind` and `direction` are open sets: the enumerations hold the values that this project writes. Fields
that a later version adds to an event are kept in `extra`, and whole events of a kind not known here are `ForeignEvent`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from math import isfinite
from types import MappingProxyType
from typing import Final, TypeAlias

__all__ = [
    "AnyEvent",
    "BearerEvent",
    "ChannelEvent",
    "Direction",
    "Event",
    "ForeignEvent",
    "FunctionEvent",
    "HeaderEvent",
    "Json",
    "Layer",
    "LinkEvent",
    "LinkKind",
    "Masked",
    "Octets",
    "Side",
    "Withheld",
    "checked_link",
    "freeze",
]

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""A value as JSON has it; inside an event sequences are tuples and mappings read-only."""

_NO_FIELDS: Final[Mapping[str, Json]] = MappingProxyType({})


def _no_fields() -> Mapping[str, Json]:
    return _NO_FIELDS


@unique
class Layer(StrEnum):
    """Where in the stack an event was seen."""

    APDU = "apdu"
    T0 = "t0"
    SMS = "sms"
    BIP = "bip"
    TLS = "tls"
    HTTP = "http"
    SCP03 = "scp03"
    SCP03T = "scp03t"
    SCP80 = "scp80"
    SCP81 = "scp81"
    ES5 = "es5"
    ES8 = "es8"
    TRACE = "trace"
    PROFILE = "profile"


@unique
class Side(StrEnum):
    """Who saw it."""

    READER = "reader"
    CARD = "card"


@unique
class LinkKind(StrEnum):
    """What crossed the link."""

    COMMAND = "command"
    RESPONSE = "response"
    ATR = "atr"
    PPS = "pps"
    POWER_OFF = "power-off"


@unique
class Direction(StrEnum):
    """Which way a bearer carried something."""

    TO_CARD = "to-card"
    FROM_CARD = "from-card"


@dataclass(frozen=True, slots=True)
class Masked:
    """Bytes of which some are hidden: those are zero here, and `spans` (offset, length) says where they were."""

    data: bytes
    spans: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        hidden, shown = bytearray(len(self.data)), bytearray(self.data)
        for offset, length in self.spans:
            if offset < 0 or length < 0 or offset + length > len(self.data):
                raise ValueError(f"span {offset}, {length} lies outside {len(self.data)} bytes")
            hidden[offset : offset + length] = b"\x01" * length
            shown[offset : offset + length] = bytes(length)
        object.__setattr__(self, "data", bytes(shown))
        object.__setattr__(self, "spans", _runs(hidden))

    def __len__(self) -> int:
        return len(self.data)


def _runs(hidden: bytes | bytearray) -> tuple[tuple[int, int], ...]:
    """Spans of the bytes that are 1, in one canonical form."""
    runs: list[tuple[int, int]] = []
    at = hidden.find(1)
    while at >= 0:
        end = hidden.find(0, at)
        end = len(hidden) if end < 0 else end
        runs.append((at, end - at))
        at = hidden.find(1, end)
    return tuple(runs)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Bytes that are not in the trace: their number, and, if one was made, a salted digest that tells equal ones."""

    length: int
    digest: bytes = b""

    def __len__(self) -> int:
        return self.length


Octets: TypeAlias = bytes | Masked | Withheld


def freeze(value: Json) -> Json:
    """The value made of immutable parts; ValueError for numbers that JSON does not have."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError(f"{value} has no form in JSON")
        return value
    if isinstance(value, Mapping):
        return MappingProxyType({str(name): freeze(part) for name, part in value.items()})
    if isinstance(value, (bytes, bytearray)) or not isinstance(value, Sequence):
        raise TypeError(f"a {type(value).__name__} is not a value of JSON")
    return tuple(freeze(part) for part in value)


_FREE_FORM: Final = ("fields", "extra")


class _Event:
    """Makes what construction was given immutable, so that a recorded event stays what it was."""

    __slots__ = ()

    def __post_init__(self) -> None:
        time: float = self.time  # type: ignore[attr-defined]  # each event declares it, in its own order
        if type(time) is not float:
            time = float(time)
            object.__setattr__(self, "time", time)
        if not isfinite(time):
            raise ValueError("the time of an event is a finite number")
        for name in _FREE_FORM:
            given = getattr(self, name, _NO_FIELDS)
            if given is not _NO_FIELDS:
                object.__setattr__(self, name, freeze(given))


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEvent(_Event):
    """Bytes between a reader and a card."""

    time: float
    layer: str = Layer.APDU
    side: str
    kind: str
    data: Octets = b""
    reader: str = ""
    """Which of several readers; empty where there is one."""
    extra: Mapping[str, Json] = field(default_factory=_no_fields)


_LINK_FIELDS: Final = ("time", "layer", "side", "kind", "data", "reader", "extra")
_put_time, _put_layer, _put_side, _put_kind, _put_data, _put_reader, _put_extra = (
    vars(LinkEvent)[name].__set__ for name in _LINK_FIELDS
)


def checked_link(time: float, layer: str, side: str, kind: str, data: bytes, reader: str) -> LinkEvent:
    """An event of values that a reader of traces has checked, in a third of the time that construction takes."""
    event = LinkEvent.__new__(LinkEvent)
    _put_time(event, time)
    _put_layer(event, layer)
    _put_side(event, side)
    _put_kind(event, kind)
    _put_data(event, data)
    _put_reader(event, reader)
    _put_extra(event, _NO_FIELDS)
    return event


@dataclass(frozen=True, slots=True, kw_only=True)
class BearerEvent(_Event):
    """A message of a bearer: its name ("SMS-DELIVER", "POST"), its bytes, and what is known about it."""

    time: float
    layer: str
    side: str
    direction: str
    name: str = ""
    data: Octets = b""
    fields: Mapping[str, Json] = field(default_factory=_no_fields)
    extra: Mapping[str, Json] = field(default_factory=_no_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEvent(_Event):
    """One exchange of a secure channel: what crossed the link, and what it protected.

    SCP03: whole commands and responses. SCP03t: the TLVs on the link, and what was inside them.
    """

    time: float
    layer: str
    side: str
    protected: Octets
    plain: Octets
    response_protected: Octets = b""
    response_plain: Octets = b""
    target: str = ""
    """AID of the security domain."""
    extra: Mapping[str, Json] = field(default_factory=_no_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionEvent(_Event):
    """A function of an ES interface ("ES5.EnableProfile"); `outcome`: empty at its begin, then "ok" or the reason."""

    time: float
    layer: str
    name: str
    fields: Mapping[str, Json] = field(default_factory=_no_fields)
    outcome: str = ""
    extra: Mapping[str, Json] = field(default_factory=_no_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderEvent(_Event):
    """The first line of a trace file."""

    time: float
    layer: str = Layer.TRACE
    format: int = 1
    unredacted: bool = False
    """Nothing was hidden when the file was written: it is as secret as what it shows."""
    extra: Mapping[str, Json] = field(default_factory=_no_fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignEvent(_Event):
    """An event of a kind that this version does not know, with all its fields in the order in which they came."""

    time: float
    layer: str
    event: str
    extra: Mapping[str, Json] = field(default_factory=_no_fields)


Event: TypeAlias = LinkEvent | BearerEvent | ChannelEvent | FunctionEvent
"""What this version writes."""
AnyEvent: TypeAlias = Event | HeaderEvent | ForeignEvent
"""What a trace file may hold."""
