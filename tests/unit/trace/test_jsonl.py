# SPDX-License-Identifier: Apache-2.0
"""Lines of a trace: one canonical form, both directions, future versions, and lines that are none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apdu.errors import DecodeError
from apdu.trace.events import (
    AnyEvent,
    BearerEvent,
    ChannelEvent,
    ForeignEvent,
    FunctionEvent,
    HeaderEvent,
    LinkEvent,
    Masked,
    Withheld,
)
from apdu.trace.jsonl import LineWriter, from_line, read_lines, to_line
from apdu.trace.redact import UNREDACTED

CASES: list[tuple[AnyEvent, str]] = [
    (
        LinkEvent(time=1.5, side="reader", kind="command", data=bytes.fromhex("00a40004023f00")),
        '{"event":"link","time":1.5,"layer":"apdu","side":"reader","kind":"command","data":"00A40004023F00"}',
    ),
    (
        LinkEvent(time=2, layer="t0", side="card", kind="power-off"),
        '{"event":"link","time":2.0,"layer":"t0","side":"card","kind":"power-off"}',
    ),
    (
        LinkEvent(time=0.1, side="card", kind="command", data=Masked(b"\x00\x20\x00\x01\x02ab", ((5, 2),))),
        '{"event":"link","time":0.1,"layer":"apdu","side":"card","kind":"command","data":"0020000102xxxx"}',
    ),
    (
        BearerEvent(
            time=3, layer="sms", side="card", direction="to-card", name="SMS-DELIVER", data=b"\x40", fields={"n": 1}
        ),
        (
            '{"event":"bearer","time":3.0,"layer":"sms","side":"card","direction":"to-card","name":"SMS-DELIVER",'
            '"data":"40","fields":{"n":1}}'
        ),
    ),
    (
        ChannelEvent(
            time=4, layer="scp03t", side="card", protected=b"\x86\x01", plain=Withheld(1007, b"\xaa\xbb"), target="A0"
        ),
        (
            '{"event":"channel","time":4.0,"layer":"scp03t","side":"card","target":"A0","protected":"8601",'
            '"plain":{"length":1007,"digest":"AABB"}}'
        ),
    ),
    (
        ChannelEvent(
            time=4,
            layer="scp03",
            side="card",
            protected=b"\x84",
            plain=b"",
            response_protected=b"\x90\x00",
            response_plain=Withheld(0),
        ),
        (
            '{"event":"channel","time":4.0,"layer":"scp03","side":"card","protected":"84","plain":"",'
            '"response_protected":"9000","response_plain":{"length":0}}'
        ),
    ),
    (
        FunctionEvent(
            time=5,
            layer="es5",
            name="ES5.EnableProfile",
            fields={"aid": "A0", "l": [None, True, 1.5, {}]},
            outcome="ok",
        ),
        (
            '{"event":"function","time":5.0,"layer":"es5","name":"ES5.EnableProfile",'
            '"fields":{"aid":"A0","l":[null,true,1.5,{}]},"outcome":"ok"}'
        ),
    ),
    (
        LinkEvent(time=6, side="card", kind="atr", data=b"\x3b", reader="R\u00fc 1", extra={"z": [1], "a": 2}),
        (
            '{"event":"link","time":6.0,"layer":"apdu","side":"card","kind":"atr","data":"3B",'
            '"reader":"R\\u00fc 1","z":[1],"a":2}'
        ),
    ),
    (
        ForeignEvent(time=7, layer="moon", event="eclipse", extra={"z": {"deep": [1, 2]}, "data": "xx"}),
        '{"event":"eclipse","time":7.0,"layer":"moon","z":{"deep":[1,2]},"data":"xx"}',
    ),
]


@pytest.mark.parametrize("event, line", CASES, ids=[f"{i}-{type(case[0]).__name__}" for i, case in enumerate(CASES)])
def test_both_ways(event: AnyEvent, line: str) -> None:
    assert to_line(event) == line
    assert from_line(line) == event
    assert to_line(from_line(line)) == line


def test_a_line_reads_the_same_in_any_order_of_keys() -> None:
    for event, line in CASES:
        pairs = list(json.loads(line).items())
        if not event.extra:
            assert to_line(from_line(json.dumps(dict(reversed(pairs)), indent=1))) == line


def test_lower_case_is_read() -> None:
    event = from_line('{"event":"link","time":1,"layer":"apdu","side":"card","kind":"atr","data":"3bffxx"}')
    assert to_line(event).endswith('"3BFFxx"}')


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | FLOATS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(
    FLOATS,
    st.text(),
    st.binary(max_size=40),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 10)), max_size=4),
    st.dictionaries(st.text(), JSON, max_size=4),
)
def test_any_event_survives(
    time: float, name: str, data: bytes, spans: list[tuple[int, int]], fields: dict[str, None]
) -> None:
    inside = tuple((at, min(size, len(data) - at)) for at, size in spans if at < len(data))
    masked = Masked(data, inside)
    octets = masked if masked.spans else data
    known = {"event", "time", "layer", "side", "direction", "name", "data", "fields"}
    extra = {key: value for key, value in fields.items() if key not in known}
    event = BearerEvent(
        time=time, layer="sms", side=name, direction="x", name=name, data=octets, fields=fields, extra=extra
    )
    line = to_line(event)
    assert line.isascii()
    assert line.isprintable()
    assert from_line(line) == event
    assert to_line(from_line(line)) == line


def test_a_file_of_lines() -> None:
    lines: list[str] = []
    writer = LineWriter(lines.append, UNREDACTED)
    for event, _ in CASES:
        writer(event)
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    header = HeaderEvent(time=1.5, unredacted=True)
    assert lines[0] == to_line(header) + "\n"
    assert list(read_lines(["\n", *lines, "  \n"])) == [header, *(event for event, _ in CASES)]


def test_a_header_is_written_once_and_says_what_was_done() -> None:
    lines: list[str] = []
    writer = LineWriter(lines.append)
    for _ in range(2):
        writer(HeaderEvent(time=0, unredacted=True))  # of the file where the events come from
        writer(CASES[0][0])
    assert lines == ['{"event":"header","time":1.5,"layer":"trace","format":1}\n', GOOD + "\n", GOOD + "\n"]


@pytest.mark.parametrize("number", ["0", "2", "true", '"1"'])
def test_a_header_of_another_format_is_refused(number: str) -> None:
    with pytest.raises(DecodeError, match="format: is not a version"):
        from_line(f'{{"event":"header","time":1.5,"layer":"trace","format":{number}}}')


GOOD = CASES[0][1]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "1",
        '"text"',
        "null",
        "{}",
        GOOD[:-1],
        GOOD + GOOD,
        GOOD.replace('"event":"link",', ""),
        GOOD.replace('"link"', "1"),
        GOOD.replace('"time":1.5,', ""),
        GOOD.replace("1.5", '"1.5"'),
        GOOD.replace("1.5", "true"),
        GOOD.replace("1.5", "NaN"),
        GOOD.replace("1.5", "-Infinity"),
        GOOD.replace("1.5", "1e999"),
        GOOD.replace("1.5", "1" + "0" * 400),
        GOOD.replace("1.5", "1" + "0" * 5000),
        GOOD.replace('"reader"', "null"),
        GOOD.replace("00A4", "0A4"),
        GOOD.replace("00A4", "0xA4"),
        GOOD.replace("00A4", "00 A4"),
        GOOD.replace("00A4", "00\u0664\u0664"),
        GOOD.replace('"00A40004023F00"', "[0]"),
        GOOD.replace('"00A40004023F00"', '{"length":-1}'),
        GOOD.replace('"00A40004023F00"', '{"length":true}'),
        GOOD.replace('"00A40004023F00"', '{"length":1,"digest":"x"}'),
        GOOD.replace('"00A40004023F00"', '{"length":1,"digest":"xx"}'),
        GOOD.replace('"00A40004023F00"', '{"length":1,"more":2}'),
        GOOD.replace('"time":1.5', '"time":1.5,"time":1.5'),
        GOOD.replace('"data"', '"x":1e999,"data"'),
        GOOD.replace('"layer":"apdu",', ""),
        GOOD.replace("link", "channel"),
        GOOD.replace("link", "function"),
        GOOD.replace("link", "bearer"),
        CASES[6][1].replace('{"aid"', '[{"aid"').replace("},", "}],"),
        "[" * 100_000,
        '{"event":' * 50_000,
        '{"event":"new","time":1,"layer":"x","a":' + "[" * 900 + "]" * 900 + "}",
    ],
)
def test_lines_that_are_none(line: str) -> None:
    with pytest.raises(DecodeError) as caught:
        list(read_lines([GOOD, line]))
    shown = str(caught.value)
    assert shown.startswith("line 2")
    assert "\n" not in shown
    assert len(shown) < 300


def test_the_message_says_where() -> None:
    with pytest.raises(DecodeError, match=r"line 1/data: is not hexadecimal"):
        list(read_lines([GOOD.replace("00A4", "zz")]))
    with pytest.raises(DecodeError, match=r"line 1/side: is missing"):
        list(read_lines([GOOD.replace("side", "edge")]))


def test_every_cut_line_is_refused() -> None:
    for event, line in CASES:
        for size in range(1, len(line)):
            with pytest.raises(DecodeError):
                from_line(line[:size])
        assert from_line(line) == event
