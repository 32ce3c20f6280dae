# SPDX-License-Identifier: Apache-2.0
"""Alignment of two sessions, and what does not count as a difference."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from apdu.trace.decode import decode
from apdu.trace.diff import WINDOW, Kind, differences
from apdu.trace.events import AnyEvent, ChannelEvent, LinkEvent, Masked, Octets, Withheld

Pair = tuple[str, str]
A: Pair = ("00A40004023F00", "9000")
B: Pair = ("00A40004022FE2", "9000")
C: Pair = ("00B000000A", "001122334455667788999000")
D: Pair = ("80F2000C00", "9000")
E: Pair = ("00A40004022F00", "9000")


def link(kind: str, data: Octets) -> LinkEvent:
    return LinkEvent(time=0, side="reader", kind=kind, data=data)


def session(*pairs: Pair) -> list[AnyEvent]:
    return [
        link(kind, bytes.fromhex(text))
        for pair in pairs
        for kind, text in zip(("command", "response"), pair, strict=True)
    ]


def diff(one: Sequence[AnyEvent], other: Sequence[AnyEvent], *, strict: bool = False) -> list[tuple[str, int, int]]:
    """Kind and the numbers of both exchanges, 0 where there is none."""
    found = differences(decode(one), decode(other), strict=strict)
    return [
        (each.kind, each.first.number if each.first else 0, each.second.number if each.second else 0) for each in found
    ]


def test_a_session_is_like_itself() -> None:
    assert not diff(session(A, B, C, D), session(A, B, C, D))


@pytest.mark.parametrize(
    "other, kind",
    [
        (("00B000000A", "001122334455667788989000"), Kind.RESPONSE),
        (("00B000000A", "6982"), Kind.STATUS),
        (("00B000000A", "00112233445566778899910A"), Kind.STATUS),
        (("00B0000009", "001122334455667788999000"), Kind.COMMAND),
    ],
)
def test_one_exchange_differs(other: Pair, kind: Kind) -> None:
    assert diff(session(A, B, C, D), session(A, B, other, D)) == [(kind, 3, 3)]


def test_an_exchange_that_is_in_one_only() -> None:
    assert diff(session(A, B, C, D), session(A, B, D)) == [(Kind.ONLY_FIRST, 3, 0)]
    assert diff(session(A, C, D), session(A, B, C, D)) == [(Kind.ONLY_SECOND, 0, 2)]


def test_one_session_ends_before_the_other() -> None:
    assert diff(session(A, B), session(A, B, C, D)) == [(Kind.ONLY_SECOND, 0, 3), (Kind.ONLY_SECOND, 0, 4)]
    assert diff(session(A), []) == [(Kind.ONLY_FIRST, 1, 0)]


def test_a_command_replaced_by_another_is_one_difference() -> None:
    assert diff(session(A, B, C, D, A), session(A, E, C, D, A)) == [(Kind.COMMAND, 2, 2)]


def test_sessions_meet_again_after_long_detours() -> None:
    detour = [D] * (WINDOW - 5)
    found = diff(session(A, B, *detour, C, E, C), session(A, B, C, E, C))
    assert found == [(Kind.ONLY_FIRST, 3 + at, 0) for at in range(len(detour))]


def test_sessions_that_never_meet_end() -> None:
    found = diff(session(*[A] * (3 * WINDOW)), session(*[D] * (2 * WINDOW)))
    assert len(found) == 5 * WINDOW


CHANGING: list[tuple[str, Pair, Pair]] = [
    (
        "challenges and cryptograms of SCP03",
        ("8050300008" + "11" * 8 + "00", "00" * 10 + "300370" + "22" * 8 + "33" * 8 + "000001" + "9000"),
        ("8050300008" + "44" * 8 + "00", "00" * 10 + "300370" + "55" * 8 + "66" * 8 + "000002" + "9000"),
    ),
    ("host cryptogram", ("8482330010" + "11" * 16, "9000"), ("8482330010" + "22" * 16, "9000")),
    ("what nobody could decrypt", ("84E2890018" + "11" * 24, "9000"), ("84E2890018" + "22" * 24, "9000")),
    (
        "an authentication",
        ("0088008122" + "10" + "11" * 16 + "10" + "22" * 16 + "00", "DB0811111111111111119000"),
        ("0088008122" + "10" + "33" * 16 + "10" + "44" * 16 + "00", "DB0822222222222222229000"),
    ),
    ("a challenge of the card", ("0084000008", "11" * 8 + "9000"), ("0084000008", "22" * 8 + "9000")),
    (
        "the number of a proactive command",
        ("801200000B", "D00981030101048202818" + "29000"),
        ("801200000B", "D00981030201048202818" + "29000"),
    ),
    (
        "the signature of a key establishment",
        ("80E289000C5F370911" + "11" * 8, "9000"),
        ("80E289000C5F370922" + "11" * 8, "9000"),
    ),
    ("a receipt", ("80E2890003AABB00", "8604111111119000"), ("80E2890003AABB00", "8604222222229000")),
    ("an SCP03t TLV", ("80E2910006860411111111", "860022" + "9000"), ("80E2910006860422222222", "860033" + "9000")),
]


@pytest.mark.parametrize("one, other", [each[1:] for each in CHANGING], ids=[each[0] for each in CHANGING])
def test_what_must_differ_is_no_difference(one: Pair, other: Pair) -> None:
    assert not diff(session(A, one, B), session(A, other, B))
    assert diff(session(A, one, B), session(A, other, B), strict=True)


@pytest.mark.parametrize(
    "one, other",
    [
        (CHANGING[0][1], (CHANGING[0][2][0], CHANGING[0][2][1].replace("300370", "310370"))),  # another key version
        (
            ("0088008122" + "10" + "11" * 33 + "00", "DB0811111111111111119000"),
            ("0088008122" + "10" + "11" * 33 + "00", "DC0811111111111111119000"),
        ),  # synchronisation failure
        (("80E2890004AABB0111", "9000"), ("80E2890004AABB0122", "9000")),  # another data grouping
        (("80E2910006860411111111", "9000"), ("80E2910006870411111111", "9000")),  # another SCP03t command
    ],
)
def test_what_stands_beside_it_still_counts(one: Pair, other: Pair) -> None:
    assert diff(session(A, one, B), session(A, other, B))


def test_of_a_chain_the_whole_is_compared() -> None:
    one = session(("80E20100033A0301", "9000"), ("80E2810101AA", "9000"))
    same_cut_elsewhere = session(("80E20100033A0301", "9000"), ("80E2810101AA", "9000"))
    other = session(("80E20100033A0401", "9000"), ("80E2810101AA", "9000"))
    assert not diff(one, same_cut_elsewhere)
    assert diff(one, other) == [(Kind.COMMAND, 2, 2)]


def channel(wire: bytes, plain: Octets) -> ChannelEvent:
    return ChannelEvent(
        time=0, layer="scp03", side="reader", protected=wire, plain=plain, response_plain=b"\x90\x00", target="A0"
    )


def test_inside_a_secure_channel_the_plain_side_is_compared() -> None:
    wires = (bytes.fromhex("84E6200008AABBCCDDEEFF0011"), bytes.fromhex("84E62000081122334455667788"))
    plain = bytes.fromhex("80E6200003AABBCC")
    sessions: list[list[AnyEvent]] = [
        [link("command", wire), link("response", b"\x90\x00"), channel(wire, inside)]
        for wire, inside in zip((*wires, wires[1]), (plain, plain, plain[:-1] + b"\x00"), strict=True)
    ]
    one, same, other = sessions
    assert not diff(one, same)
    assert diff(one, other) == [(Kind.COMMAND, 1, 1)]


def test_what_is_hidden_cannot_differ_but_its_length_can() -> None:
    pin = bytes.fromhex("0020000108") + b"12345678"
    one = [link("command", Masked(pin, ((5, 8),))), link("response", b"\x90\x00")]
    other = [link("command", pin), link("response", b"\x90\x00")]
    assert not diff(one, other)
    withheld: list[list[AnyEvent]] = [
        [link("command", Withheld(size)), link("response", b"\x90\x00")] for size in (13, 13, 12)
    ]
    assert not diff(withheld[0], withheld[1])
    assert diff(withheld[0], withheld[2]) == [(Kind.COMMAND, 1, 1)]
