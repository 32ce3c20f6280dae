# SPDX-License-Identifier: Apache-2.0
"""Files that keep keys are hidden by what is selected, in traces of any origin; what is hidden stays so."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from apdu.trace.events import AnyEvent, LinkEvent
from apdu.trace.jsonl import to_line
from apdu.trace.redact import Redactor
from tests.unit.trace.test_redact import AUTHENTICATE, SUCCESS, link, through

ATR = link("3B9F", "atr")
MF, USIM, ISIM, GSM = "00A40004023F00", "00A4040C07A0000000871002", "00A4040C07A0000000871004", "00A40004027F20"
OK = "9000"
READ, UPDATE = "00B0000021", "00D6000004AABBCCDD"
BYTES = "11" * 33
HIDDEN = "xx" * 33 + "9000"


def session(*pairs: tuple[str, str], reset: bool = True, reader: str = "") -> list[AnyEvent]:
    events: list[AnyEvent] = [ATR] if reset else []
    for command, response in pairs:
        for kind, data in (("command", command), ("response", response)):
            event = LinkEvent(time=1, side="reader", kind=kind, data=bytes.fromhex(data), reader=reader)
            events.append(event)
    return events


def last(*pairs: tuple[str, str], reset: bool = True) -> tuple[str, str]:
    """The last exchange as it is shown."""
    lines = through(session(*pairs, reset=reset))
    return lines[-2], lines[-1]


SECRET: list[Sequence[tuple[str, str]]] = [
    [(USIM, OK), ("00A40004026F08", OK)],
    [(USIM, OK), ("00A40004026F08", "6120"), ("00C0000020", "62" * 32 + OK)],
    [(USIM, OK), ("00A40904026F09", "9F10")],
    [(USIM, OK), ("00A40004026FE4", OK)],
    [(MF, OK), ("00A40804047FFF6F08", OK)],
    [(USIM, OK), ("00A40004025F3B", OK), ("00A40004024F20", OK)],
    [(USIM, OK), ("00A40904045F3B4F52", OK)],
    [(USIM, OK), ("00A40004025FC0", OK), ("00A40004024F05", OK)],
    [("A0A40000023F00", "9F16"), ("A0A40000027F20", "9F16"), ("A0A40000026F20", "9F0F")],
    [("00A4030000", OK), ("00A40004026F08", OK)],  # the parent, whatever it is
    [(USIM, OK), ("00A40004026F08", OK), ("00A40004026F07", "6A82")],  # refused: EF.Keys stays selected
    [("00A4040C05A000000087", OK), ("00A40004026F08", OK)],  # may have been the USIM
]


@pytest.mark.parametrize("before", SECRET, ids=range(len(SECRET)))
def test_selected_files_with_keys(before: Sequence[tuple[str, str]]) -> None:
    assert last(*before, (READ, BYTES + OK)) == (READ, HIDDEN)
    assert last(*before, (UPDATE, OK)) == ("00D6000004xxxxxxxx", OK)
    assert last(*before, ("00B2010421", BYTES + OK)) == ("00B2010421", HIDDEN)
    assert last(*before, (READ, "6982")) == (READ, "6982")


PUBLIC: list[Sequence[tuple[str, str]]] = [
    [],
    [(MF, OK), ("00A40004022FE2", OK)],
    [(USIM, OK), ("00A40004026F07", OK)],
    [(ISIM, OK), ("00A40004026F08", OK)],
    [(USIM, OK), ("00A40004026F08", OK), ("00A40004026F07", OK)],
    [(USIM, OK), ("00A40004026F08", "6A82")],
    [(USIM, OK), ("00A40004026F08", OK), (MF, OK)],
    [(USIM, OK), ("00A40004025F3A", OK), ("00A40004024F20", OK)],
    [(GSM, OK), ("00A40004024F20", OK)],
]


@pytest.mark.parametrize("before", PUBLIC, ids=range(len(PUBLIC)))
def test_other_files(before: Sequence[tuple[str, str]]) -> None:
    assert last(*before, (READ, BYTES + OK)) == (READ, BYTES + OK)
    assert last(*before, (UPDATE, OK)) == (UPDATE, OK)


def test_short_identifiers() -> None:
    for command, hidden in [("00B0880021", True), ("00B0890021", True), ("00B0870021", False), ("00B201C421", True)]:
        assert last((USIM, OK), (command, BYTES + OK))[1] == (HIDDEN if hidden else BYTES + OK), command
        assert last((MF, OK), (command, BYTES + OK))[1] == BYTES + OK
        assert last((command, BYTES + OK), reset=False)[1] == (HIDDEN if hidden else BYTES + OK), command
    assert last((USIM, OK), ("00B0880001", "07" + OK), (READ, BYTES + OK))[1] == HIDDEN  # it is selected then
    assert last((USIM, OK), ("00D6880004AABBCCDD", OK))[0] == "00D6880004xxxxxxxx"


def test_channels_and_readers_are_followed_apart() -> None:
    keys = [(USIM, OK), ("00A40004026F08", OK)]
    assert last(*keys, ("01A4040C07A0000000871002", OK), ("01A40004026F07", OK), (READ, BYTES + OK))[1] == HIDDEN
    assert last(*keys, ("01A4040C07A0000000871004", OK), ("01B0000021", BYTES + OK))[1] == BYTES + OK
    mixed = [*session(*keys, reader="A"), *session((MF, OK), (READ, BYTES + OK), reader="B")]
    assert through([*mixed, *session((READ, BYTES + OK), reset=False, reader="A")])[-1] == HIDDEN


def test_pieces_of_an_answer() -> None:
    pairs = [(USIM, OK), ("00A40004026F08", OK), (READ, "6121"), ("00C0000010", "22" * 16 + "6111")]
    assert last(*pairs)[1] == "xx" * 16 + "6111"
    assert last(*pairs, ("00C0000011", "33" * 17 + OK))[1] == "xx" * 17 + OK


def test_redacting_twice_changes_nothing() -> None:
    events = [event for before in SECRET for event in session(*before, (READ, BYTES + OK), (UPDATE, OK))]
    events += session(("0020000108" + "31" * 8, OK), ("80D8008043018810" + "AB" * 16 + "03C35280", OK))
    events += session(
        (AUTHENTICATE, SUCCESS.hex() + OK),
        ("00B0000020", "00" * 32 + OK),
    )
    first, second = Redactor(salt=b"1"), Redactor(salt=b"2")
    once = [first.redact(event) for event in events]
    assert [to_line(second.redact(event)) for event in once] == [to_line(event) for event in once]
    assert to_line(once[-1]).count("00" * 32) == 1


def test_what_is_followed_is_bounded() -> None:
    redactor = Redactor()
    for number in range(5000):
        for event in session((USIM, OK), ("80E2080004811310", OK), reset=False, reader=str(number)):
            redactor.redact(event)
        redactor.redact(link(f"{number % 256:02X}A40004026F08"))
    sizes = [len(redactor._links), len(redactor._chains)]
    assert sizes == [1024, 1024]
    answer = LinkEvent(time=1, side="reader", kind="response", data=b"\x41\x90\x00", reader="0")
    assert through([answer], redactor) == ["xx9000"]
