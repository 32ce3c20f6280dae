# SPDX-License-Identifier: Apache-2.0
"""Pairing, merging and following: what the decoder does before any table is asked."""

from __future__ import annotations

import pytest

from apdu.trace.decode import Exchange, Node, decode
from apdu.trace.decode.model import Place, part, visible
from apdu.trace.decode.text import digits, printable
from apdu.trace.events import (
    AnyEvent,
    ChannelEvent,
    ForeignEvent,
    FunctionEvent,
    HeaderEvent,
    LinkEvent,
    Masked,
    Withheld,
)
from apdu.trace.sources.source import Damage


def link(*pairs: tuple[str, str], side: str = "reader", start: float = 0) -> list[AnyEvent]:
    """Commands and responses, a second apart each."""
    events: list[AnyEvent] = []
    for command, response in pairs:
        for kind, text in (("command", command), ("response", response)):
            if text:
                time = start + len(events)
                events.append(LinkEvent(time=time, side=side, kind=kind, data=bytes.fromhex(text)))
    return events


def exchanges(events: list[AnyEvent]) -> list[Exchange]:
    return [entry for entry in decode(events) if isinstance(entry, Exchange)]


def test_a_command_and_its_response_are_one_entry() -> None:
    (entry,) = decode(link(("00A40004023F00", "9000")))
    assert isinstance(entry, Exchange)
    assert (entry.number, entry.sw, entry.ins, entry.duration) == (1, 0x9000, 0xA4, 1.0)


def test_get_response_belongs_to_the_command_before() -> None:
    (entry,) = exchanges(link(("00A40004023F00", "6104"), ("00C0000004", "620282009000")))
    assert visible(entry.response) == bytes.fromhex("620282009000")
    assert entry.duration == 3.0


def test_get_response_in_pieces() -> None:
    (entry,) = exchanges(link(("00A40004023F00", "6103"), ("00C0000003", "0102036102"), ("00C0000002", "04059000")))
    assert visible(entry.response) == bytes.fromhex("01020304059000")


def test_the_repetition_after_6cxx_belongs_to_the_command_before() -> None:
    (entry,) = exchanges(link(("00B0000000", "6C02"), ("00B0000002", "ABCD9000")))
    assert visible(entry.response) == bytes.fromhex("ABCD9000")


def test_another_command_after_61xx_is_another_entry() -> None:
    assert len(exchanges(link(("00A40004023F00", "6104"), ("00B0000002", "ABCD9000")))) == 2


def test_get_response_on_another_channel_is_another_entry() -> None:
    assert len(exchanges(link(("00A40004023F00", "6104"), ("01C0000004", "6985")))) == 2


def test_a_command_without_response_is_a_finding() -> None:
    first, second = exchanges([*link(("00A40004023F00", "")), *link(("00B0000002", "ABCD9000"), start=9)])
    assert [finding.text for finding in first.findings] == ["the command has no response"]
    assert not second.findings


def test_a_response_without_command_is_a_finding() -> None:
    (entry,) = decode([LinkEvent(time=0, side="reader", kind="response", data=b"\x90\x00")])
    assert [finding.text for finding in entry.findings] == ["a response without a command"]


def test_links_do_not_mix() -> None:
    one, two = link(("00A40004023F00", "9000")), link(("00B0000002", "ABCD9000"), side="card")
    entries = exchanges([one[0], two[0], one[1], two[1]])
    assert [(entry.link.side, entry.sw) for entry in entries] == [("reader", 0x9000), ("card", 0x9000)]


def test_a_selection_is_where_the_next_command_happens() -> None:
    events = link(("00A40004023F00", "9000"), ("00A40004022FE2", "9000"), ("00B000000A", "9000"))
    assert [entry.place for entry in exchanges(events)] == [
        Place(),
        Place(),
        Place(b"", "mf", "ef-iccid"),
    ]


def test_a_selection_that_failed_changes_nothing() -> None:
    events = link(("00A40004022FE2", "9000"), ("00A4000402FFFF", "6A82"), ("00B000000A", "9000"))
    assert exchanges(events)[-1].place.file == "ef-iccid"


def test_a_reset_selects_the_mf() -> None:
    events = link(("00A40004022FE2", "9000"))
    events += [LinkEvent(time=5, side="reader", kind="atr", data=b"\x3b\x00"), *link(("00B000000A", "9000"), start=6)]
    assert exchanges(events)[-1].place == Place()


def test_channels_have_their_own_selection() -> None:
    events = link(("0070000001", "019000"), ("01A40004022FE2", "9000"), ("00B000000A", "9000"), ("01B000000A", "9000"))
    assert [entry.place.file for entry in exchanges(events)[-2:]] == ["", "ef-iccid"]


def test_the_exchange_of_a_secure_channel_is_inside_the_command_that_carried_it() -> None:
    wire, plain = bytes.fromhex("84E6200008AABBCCDDEEFF0011"), bytes.fromhex("80E6200000")
    events = link((wire.hex(), "11223344556677889000"))
    channel = ChannelEvent(
        time=1, layer="scp03", side="card", protected=wire, plain=plain, response_plain=b"\x90\x00", target="A0"
    )
    (entry,) = exchanges([events[0], channel, events[1], channel])
    assert (entry.plain, entry.answer, entry.sw) == (plain, b"\x90\x00", 0x9000)
    assert "INSTALL [for personalization]" in entry.summary


def test_blocks_of_store_data_are_put_together() -> None:
    events = link(("80E2010002AABB", "9000"), ("80E2810101CC", "9000"))
    assert [entry.assembled for entry in exchanges(events)] == [b"", bytes.fromhex("AABBCC")]


def test_functions_say_what_the_commands_within_them_are_for() -> None:
    begin = FunctionEvent(time=0, layer="es5", name="ES5.EnableProfile")
    end = FunctionEvent(time=9, layer="es5", name="ES5.EnableProfile", outcome="ok")
    inside, after = link(("80E2890000", "9000")), link(("00A40004023F00", "9000"), start=10)
    assert [entry.function for entry in exchanges([begin, *inside, end, *after])] == ["ES5.EnableProfile", ""]


@pytest.mark.parametrize(
    "event",
    [
        LinkEvent(time=0, side="reader", kind="command", data=b""),
        LinkEvent(time=0, side="reader", kind="command", data=b"\x00"),
        LinkEvent(time=0, side="reader", kind="command", data=bytes.fromhex("00A4000405AA")),
        LinkEvent(time=0, side="reader", kind="command", data=Withheld(20)),
        LinkEvent(time=0, side="reader", kind="command", data=Masked(bytes(13), ((5, 8),))),
        LinkEvent(time=0, side="reader", kind="pps", data=b"\xff"),
        LinkEvent(time=0, side="reader", kind="future", data=b"\xff"),
        ForeignEvent(time=0, layer="x", event="y", extra={"a": [1, {"b": None}]}),
        ChannelEvent(time=0, layer="scp03", side="card", protected=b"", plain=b""),
    ],
    ids=lambda event: str(event)[:60],
)
def test_anything_has_a_line_and_a_tree(event: AnyEvent) -> None:
    (entry,) = decode([event])
    assert entry.summary
    assert list(entry.tree().walk())


def test_hidden_bytes_stay_hidden() -> None:
    pin = Masked(bytes.fromhex("002000010831323334FFFFFFFF"), ((5, 8),))
    (entry,) = decode([LinkEvent(time=0, side="reader", kind="command", data=pin)])
    assert "3132" not in "".join(node.value + digits(node.raw) for node in entry.tree().walk())


def test_parts_of_hidden_bytes() -> None:
    octets = Masked(b"abcdef", ((1, 3),))
    assert part(octets, 0, 1) == b"a"
    assert part(octets, 2, 3) == Masked(b"cde", ((0, 2),))
    assert part(Withheld(9), 2, 3) == Withheld(3)


def test_text_of_a_card_cannot_steer_a_terminal() -> None:
    node = Node("\x1b[31m", "a\u202eb\x9b1m\ud800\n")
    assert node.name == "\\x1b[31m"
    assert node.value == "a\\u202eb\\x9b1m\\ud800\\x0a"
    assert printable("Ünï – 中文") == "Ünï – 中文"


def test_numbers_count_entries() -> None:
    entries = list(decode(link(*(("00A40004023F00", "9000"),) * 5)))
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]


def test_a_piece_that_cannot_be_read_is_an_entry_at_its_place() -> None:
    events = link(("00A40004023F00", "9000"))
    first, second = decode([*events, Damage(offset=77, number=3, reason="is not JSON")])
    assert (first.number, second.number, second.time) == (1, 2, events[-1].time)
    assert second.findings[0].text == "line 3 at byte 77: is not JSON"


def test_the_head_of_a_file_says_whether_secrets_are_in_it() -> None:
    (entry,) = decode([HeaderEvent(time=0, unredacted=True)])
    assert entry.summary == "trace, format 1, with secrets"
