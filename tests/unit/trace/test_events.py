# SPDX-License-Identifier: Apache-2.0
"""Events are immutable values; hidden bytes have one form."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from apdu.trace import IGNORE, Event, FunctionEvent, LinkEvent, Recorder, TracingTransport
from apdu.trace.events import BearerEvent, Direction, Json, Layer, LinkKind, Masked, Side, Withheld, freeze


@pytest.mark.parametrize(
    "data, spans, canonical, shown",
    [
        (b"\x01\x02\x03\x04", ((1, 2),), ((1, 2),), b"\x01\0\0\x04"),
        (b"\x01\x02\x03\x04", ((2, 1), (1, 1)), ((1, 2),), b"\x01\0\0\x04"),
        (b"\x01\x02\x03\x04", ((0, 3), (1, 3)), ((0, 4),), b"\0\0\0\0"),
        (b"\x01\x02\x03\x04", ((0, 1), (3, 1)), ((0, 1), (3, 1)), b"\0\x02\x03\0"),
        (b"\x01\x02", ((1, 0),), (), b"\x01\x02"),
        (b"", (), (), b""),
    ],
)
def test_masked_bytes_have_one_form(
    data: bytes, spans: tuple[tuple[int, int], ...], canonical: tuple[tuple[int, int], ...], shown: bytes
) -> None:
    masked = Masked(data, spans)
    assert (masked.data, masked.spans, len(masked)) == (shown, canonical, len(data))
    assert Masked(masked.data, masked.spans) == masked


@pytest.mark.parametrize("span", [(-1, 1), (0, 5), (4, 1), (1, -1)])
def test_spans_outside_the_data_are_refused(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError):
        Masked(bytes(4), (span,))


def test_events_are_frozen_through_and_through() -> None:
    inner: list[Json] = [1, 2]
    fields: dict[str, Json] = {"list": inner, "map": {"a": 1}}
    event = FunctionEvent(time=1, layer=Layer.ES5, name="ES5.CreateISDP", fields=fields)
    inner.append(3)
    fields["more"] = True
    assert event.fields == {"list": (1, 2), "map": {"a": 1}}
    assert isinstance(event.time, float)
    with pytest.raises(TypeError):
        event.fields["x"] = 1  # type: ignore[index]
    with pytest.raises(FrozenInstanceError):
        event.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1, 2}, object()])
def test_what_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        freeze({"x": value})  # type: ignore[dict-item]


def test_time_is_finite() -> None:
    with pytest.raises(ValueError):
        LinkEvent(time=float("inf"), side=Side.CARD, kind=LinkKind.ATR)


def test_a_withheld_value_has_its_length() -> None:
    assert len(Withheld(7)) == 7


class _Echo:
    def transmit(self, command: bytes) -> bytes:
        if not command:
            raise ConnectionError("gone")
        return command[::-1]


def test_tracing_transport_reports_what_passes() -> None:
    recorder = Recorder()
    times = iter((1.0, 2.5, 3.0))
    transport = TracingTransport(_Echo(), recorder, clock=lambda: next(times))
    assert transport.transmit(b"\x01\x02") == b"\x02\x01"
    assert recorder.events == [
        LinkEvent(time=1.0, side="reader", kind="command", data=b"\x01\x02"),
        LinkEvent(time=2.5, side="reader", kind="response", data=b"\x02\x01"),
    ]
    with pytest.raises(ConnectionError):
        transport.transmit(b"")
    assert [event.time for event in recorder.events] == [1.0, 2.5, 3.0]


def test_recorder_hands_events_to_a_sink_and_keeps_errors() -> None:
    seen: list[Event] = []
    recorder = Recorder(seen.append)
    event = BearerEvent(time=0, layer=Layer.SMS, side=Side.CARD, direction=Direction.TO_CARD, data=b"x")
    error = RuntimeError("inside")
    recorder.event(event)
    recorder.internal_error(error)
    assert seen == [event]
    assert recorder.events == []
    assert recorder.errors == [error]


def test_nobody_watching() -> None:
    IGNORE.event(LinkEvent(time=0, side="card", kind="atr"))
    IGNORE.internal_error(RuntimeError())
    assert repr(IGNORE) == "IGNORE"
