# SPDX-License-Identifier: Apache-2.0
"""SCP03 in traces: the published sessions, every level and key length, and each way in which a session goes wrong."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from apdu.channel.scp03 import Parameter, SecurityLevel, needs
from apdu.command.apdu import CommandApdu
from apdu.command.cla import PROPRIETARY, class_byte
from apdu.ids import ISD_R
from apdu.keys.secret import KeySet, SecretKey
from apdu.trace.events import ChannelEvent, LinkEvent, Masked
from apdu.trace.unwrap import DomainKeys, KeyRing, Unwrapper
from tests.unit.channel.pair import FULL
from tests.unit.channel.vectors_scp03 import EID_ANSWER, KEY_SETS, PLAIN_CASES, PLAIN_GET_EID, TRACES, Trace
from tests.unit.trace.unwrap.wire import OK, RING, SELECT, Conversation, channels, link, rows, rules, wire

GET_DATA = CommandApdu(0x80, 0xCA, 0x00, 0x66, b"", 256)
STORE = CommandApdu(0x80, 0xE2, 0x91, 0x00, b"\xbf\x3e\x03\x5c\x01\x5a", 256)
WRONG = KeyRing([DomainKeys(bytes(ISD_R), KeySet(0x30, *[SecretKey(bytes(16))] * 3))])
sessions = pytest.mark.parametrize("trace", TRACES, ids=lambda trace: trace.name)


def published(trace: Trace) -> list[bytes]:
    parts = [SELECT, OK, trace.initialize_update, trace.initialize_update_answer + OK]
    parts += [trace.external_authenticate, OK, trace.get_eid, trace.get_eid_answer + OK]
    return parts


# --- sessions that nobody here made


@sessions
def test_published_sessions(trace: Trace) -> None:
    parts = published(trace)
    for case in trace.cases:
        parts += [case, b""]
    events = channels(wire(*parts))
    assert [event.extra["verified"] for event in events] == [True] * 7
    assert not [row for event in events for row in rows(event)]
    assert {event.target for event in events} == {ISD_R.hex().upper()}
    assert events[2].plain == PLAIN_GET_EID
    assert events[2].response_plain == EID_ANSWER + OK
    assert [event.plain for event in events[3:]] == list(PLAIN_CASES)
    assert events[2].extra == {
        "verified": True,
        "kvn": f"{trace.initialize_update[2]:02X}",
        "level": f"{trace.level:02X}",
    }


@sessions
def test_each_bit_that_is_wrong_is_found(trace: Trace) -> None:
    """Challenges, cryptograms, MACs and all that they protect; not Le, the diversification data and the status word."""
    good = published(trace)
    spans = {2: (5, 13), 3: (13, 29), 4: (2, 21), 6: (1, len(trace.get_eid) - 1)}
    if trace.level & 0x10:
        spans[7] = (0, len(trace.get_eid_answer))
    for part, (start, stop) in spans.items():
        for bit in range(start * 8, stop * 8):
            if part == 4 and 24 <= bit < 40:  # P2 and Lc: another form of command
                continue
            parts = list(good)
            wrong = bytearray(parts[part])
            wrong[bit // 8] ^= 0x80 >> bit % 8
            parts[part] = bytes(wrong)
            assert rules(wire(*parts)), f"bit {bit} of part {part}"


@sessions
def test_without_keys_it_is_followed_and_said_so(trace: Trace) -> None:
    events = channels(wire(*published(trace)), KeyRing())
    assert [event.extra["verified"] for event in events] == [None] * 3
    assert all("no key set" in str(event.extra["why"]) for event in events)
    assert not [row for event in events for row in rows(event)]
    last = events[-1]
    assert last.extra["level"] == f"{trace.level:02X}"
    if trace.level & 2:
        assert isinstance(last.plain, Masked)
        assert last.plain.data[:4] == PLAIN_GET_EID[:4]
        assert not any(last.plain.data[5:-1])
    else:
        assert last.plain == PLAIN_GET_EID


def test_wrong_keys_are_found_once_in_each_session() -> None:
    talk = Conversation()
    for _ in range(5):
        talk.say(GET_DATA, b"answer")
    assert rules(talk.trace(), WRONG) == ["scp03-card-cryptogram", "scp03-host-cryptogram"]
    assert not rules(talk.trace())


def test_a_key_set_whose_mac_key_alone_is_right_is_found() -> None:
    right = KEY_SETS[0x30]
    mixed = KeyRing([DomainKeys(bytes(ISD_R), KeySet(0x30, SecretKey(bytes(16)), right.mac, right.dek))])
    talk = Conversation()
    talk.say(STORE, b"answer")
    found = rules(talk.trace(), mixed)
    assert "scp03-card-challenge" in found
    assert "scp03-padding" in found


# --- every form of session


@pytest.mark.parametrize(
    "level, s16, kvn",
    [
        (level, s16, kvn)
        for level, s16, kvn in product(SecurityLevel, (Parameter.NONE, Parameter.S16), KEY_SETS)
        if level is not SecurityLevel.AUTHENTICATED
    ],
)
def test_levels_lengths_and_keys(level: SecurityLevel, s16: int, kvn: int) -> None:
    parameter = FULL | Parameter.PSEUDO_RANDOM | s16
    assert parameter & needs(level) == needs(level)
    talk = Conversation(level, keys=KEY_SETS[kvn], parameter=parameter)
    talk.say(GET_DATA, b"answer")
    talk.say(STORE)
    talk.say(CommandApdu(0x80, 0xE2, 0x11, 0x00, bytes(range(200)), 256), bytes(100))
    talk.say(CommandApdu(0x80, 0xE2, 0x11, 0x01, bytes(600), 65536, extended=True), bytes(700))
    talk.say(CommandApdu(0x80, 0xF2, 0x40, 0x02, b"\x4f\x00", 256), b"", 0x6A88)
    talk.say(CommandApdu(0x80, 0xF2, 0x40, 0x02, b"\x4f\x00", 256), b"more", 0x6310)
    events = channels(talk.trace())[2:]
    assert [(event.plain, event.response_plain) for event in events] == talk.plain
    assert all(event.extra["verified"] is True and "findings" not in event.extra for event in events)


@pytest.mark.parametrize("channel", [0, 1, 3, 4, 19])
def test_channels(channel: int) -> None:
    talk = Conversation(channel=channel)
    talk.say(STORE._replace(cla=class_byte(PROPRIETARY, channel)), b"answer")
    opening = [] if channel == 0 else [bytes((0, 0x70, 0, 0, 1)), bytes((channel, 0x90, 0))]
    events = channels(wire(*opening, *talk.parts))
    assert [event.extra["verified"] for event in events] == [True] * 3
    assert not rules(wire(*opening, *talk.parts))


def test_sessions_on_several_channels_at_once() -> None:
    first, second = Conversation(), Conversation(SecurityLevel.C_MAC, channel=2, keys=KEY_SETS[0x31])
    parts = [*first.parts, *second.parts]
    for number in range(3):
        done = len(first.parts), len(second.parts)
        first.say(STORE, bytes(number))
        second.say(STORE._replace(cla=0x82))
        parts += first.parts[done[0] :] + second.parts[done[1] :]
    events = channels(wire(*parts))
    assert len(events) == 10
    assert all(event.extra["verified"] is True for event in events)


def test_a_domain_that_was_selected_by_the_start_of_its_aid() -> None:
    fci = b"\x6f\x12\x84\x10" + ISD_R + OK
    talk = Conversation()
    talk.parts[:2] = [bytes.fromhex("00A4040007") + ISD_R[:7], fci]
    assert channels(talk.trace())[0].target == ISD_R.hex().upper()
    talk.parts[1] = OK  # without FCI the keys of all that begin so are tried
    assert channels(talk.trace())[0].extra["verified"] is True


def test_a_trace_that_starts_in_the_middle() -> None:
    talk = Conversation()
    talk.say(STORE, b"answer")
    events = channels(wire(*talk.parts[6:], atr=b""))
    assert [event.extra["verified"] for event in events] == [None]
    assert "beginning" in str(events[0].extra["why"])
    assert not rows(events[0])


# --- transport


def test_get_response_and_wrong_le() -> None:
    talk = Conversation()
    talk.say(STORE, b"answer")
    command, answer = talk.parts[-2:]
    get_response = bytes.fromhex("00C00000")
    parts = [*talk.parts[:-2], command, b"\x6c" + bytes((len(answer) - 2,))]
    parts += [command[:-1] + bytes((len(answer) - 2,)), answer[:9] + b"\x61" + bytes((len(answer) - 11,))]
    parts += [get_response + bytes((len(answer) - 11,)), answer[9:]]
    event = channels(wire(*parts))[-1]
    assert event.extra["verified"] is True
    assert event.response_plain == b"answer" + OK
    assert event.protected == command


def test_iso_chaining() -> None:
    talk = Conversation()
    talk.say(CommandApdu(0x80, 0xD8, 0x00, 0x81, bytes(range(250)) * 2, 65536, extended=True), b"\x30")
    raw, answer = talk.parts[-2:]
    whole = CommandApdu.parse(raw)
    data = whole.data
    parts = talk.parts[:-2]
    for at in range(0, len(data), 250):
        last = at + 250 >= len(data)
        piece = CommandApdu(0x84 if last else 0x94, 0xD8, 0, 0x81, data[at : at + 250], 256 if last else None)
        parts += [piece.encode(), answer if last else OK]
    event = channels(wire(*parts))[-1]
    assert event.extra["verified"] is True
    assert event.extra["chained"] is True
    assert isinstance(event.plain, bytes)
    assert CommandApdu.parse(event.plain).data == bytes(range(250)) * 2


def test_a_session_survives_what_the_card_itself_answers() -> None:
    talk = Conversation()
    talk.say(STORE, b"answer", 0x9000)
    talk.parts[-1] = talk.parts[-1][:-2] + b"\x91\x0b"
    talk.parts += [bytes.fromhex("801200000B"), bytes.fromhex("D0098103010104820281829000")]
    talk.say(STORE, b"answer")
    assert [event.extra["verified"] for event in channels(talk.trace())] == [True] * 4
    assert not rules(talk.trace())


def test_two_sides_of_one_card() -> None:
    talk = Conversation()
    talk.say(STORE, b"answer")
    both: list[LinkEvent] = []
    pairs = list(zip(talk.parts[::2], talk.parts[1::2], strict=True))
    for command, response in pairs:
        both += [link("command", command), link("command", command, "card")]
        both += [link("response", response, "card"), link("response", response)]
    events = channels(both)
    assert sorted(event.side for event in events) == ["card"] * 3 + ["reader"] * 3
    assert all(event.extra["verified"] is True for event in events)


# --- what goes wrong


def test_a_plain_command_in_a_session() -> None:
    talk = Conversation()
    parts = [*talk.parts, GET_DATA.encode(), b"\x66\x00\x90\x00"]
    assert rules(wire(*parts)) == ["scp03-plain-accepted"]
    parts[-1] = b"\x69\x82"
    assert not rules(wire(*parts))


def test_a_session_that_survives_a_selection() -> None:
    talk = Conversation()
    talk.say(STORE)
    parts = [*talk.parts[:6], SELECT, OK, *talk.parts[6:]]
    assert rules(wire(*parts)) == ["scp03-survives-select"]
    parts[-1] = b"\x69\x82"
    assert not rules(wire(*parts))


def test_a_session_that_survives_a_wrong_mac() -> None:
    talk = Conversation()
    talk.say(STORE)
    bad = bytearray(talk.parts[6])
    bad[-2] ^= 1
    parts = [*talk.parts[:6], bytes(bad), b"\x69\x82", *talk.parts[6:]]
    assert rules(wire(*parts))[:2] == ["scp03-c-mac-refused", "scp03-survives-error"]
    assert rules(wire(*parts[:8])) == ["scp03-c-mac-refused"]


def test_a_protected_command_without_a_session() -> None:
    talk = Conversation()
    talk.say(STORE)
    parts = [SELECT, OK, *talk.parts[6:]]
    assert rules(wire(*parts)) == ["scp03-no-session"]
    parts[-1] = b"\x69\x82"
    assert not rules(wire(*parts))


def test_sequence_counters_only_grow() -> None:
    first, second = (published(trace) for trace in TRACES[:2])  # of the same key set, counters 2 and 1
    assert rules(wire(*second, *first)) == []
    assert rules(wire(*first, *second)) == ["scp03-sequence-counter"]
    other = bytes.fromhex("3B00")
    assert rules([*wire(*first), *wire(*second, atr=other)]) == []
    assert rules(wire(*first, *second), KeyRing()) == ["scp03-sequence-counter"]


def test_commands_that_are_missing_in_the_trace() -> None:
    talk = Conversation()
    for _ in range(3):
        talk.say(STORE, b"answer")
    parts = talk.parts[:8] + talk.parts[10:]
    found = [row for event in channels(wire(*parts)) for row in rows(event)]
    assert [row["rule"] for row in found] == ["scp03-c-mac", "scp03-missing"]
    assert "1 of them" in found[1]["text"]


def test_after_missing_commands_the_counter_is_found_again_where_macs_are_whole() -> None:
    """S16: the chaining value crosses the link, and one block tells the counter."""
    talk = Conversation(parameter=FULL | Parameter.PSEUDO_RANDOM | Parameter.S16)
    long = STORE._replace(data=bytes(range(40)))
    for command in (STORE, STORE, STORE, long, STORE, long):
        talk.say(command, b"answer")
    events = channels(wire(*talk.parts[:8], *talk.parts[12:]))[2:]
    assert [event.extra["verified"] for event in events] == [True, False, True, True]
    assert [row["rule"] for event in events for row in rows(event)] == ["scp03-c-mac", "scp03-missing"]
    assert [event.plain for event in events[1:]] == [plain for plain, _ in talk.plain[3:]]


def test_data_whose_counter_is_not_known_are_not_shown() -> None:
    talk = Conversation(parameter=FULL | Parameter.PSEUDO_RANDOM | Parameter.S16)
    long = STORE._replace(data=bytes(range(40)))
    for command in (STORE, STORE, long, long):  # the counter shapes the first block only, and there are three
        talk.say(command, bytes(40))
    events = channels(wire(*talk.parts[:8], *talk.parts[10:]))[2:]
    assert [event.extra["verified"] for event in events] == [True, False, True]
    assert all(isinstance(event.plain, Masked) for event in events[1:])


@pytest.mark.parametrize("s16", [Parameter.NONE, Parameter.S16])
def test_after_a_changed_mac_the_trace_is_understood_again(s16: int) -> None:
    talk = Conversation(SecurityLevel.C_MAC_C_DECRYPTION, parameter=FULL | Parameter.PSEUDO_RANDOM | s16)
    for _ in range(3):
        talk.say(STORE, b"answer")
    bad = bytearray(talk.parts[6])
    bad[-2] ^= 1
    parts = [*talk.parts[:6], bytes(bad), *talk.parts[7:]]
    events = channels(wire(*parts))[2:]
    assert [event.extra["verified"] for event in events] == [False, True, True]
    assert [row["rule"] for event in events for row in rows(event)] == ["scp03-c-mac"]


def test_answers_that_are_not_protected() -> None:
    talk = Conversation(SecurityLevel.C_MAC_R_MAC)
    talk.say(STORE, b"answer")
    for answer, rule in (
        (OK, "scp03-no-r-mac"),
        (b"abc" + b"\x6a\x88", "scp03-error-data"),
        (talk.parts[-1][:-3] + b"\x00" + OK, "scp03-r-mac"),
    ):
        for ring in (RING, KeyRing()) if rule != "scp03-r-mac" else (RING,):
            assert rules(wire(*talk.parts[:-1], answer), ring) == [rule], (answer, ring)


def test_lengths_that_no_protected_data_have() -> None:
    talk = Conversation()
    for command in (bytes.fromhex("84E29100041122334400"), bytes.fromhex("84E2910014") + bytes(20)):
        assert rules(wire(*talk.parts, command, OK)) == ["scp03-length"]
        assert rules(wire(*talk.parts, command, b"\x67\x00")) == []
    answer = bytes(20) + OK
    talk.say(STORE, b"answer")
    assert rules(wire(*talk.parts[:-1], answer)) == ["scp03-length"]


def test_levels_that_do_not_exist_or_that_the_card_cannot_serve() -> None:
    talk = Conversation()
    external = bytearray(talk.parts[4])
    external[2] = 0x02
    assert "scp03-level" in rules(wire(*talk.parts[:4], bytes(external), OK))
    without = bytearray(talk.parts[3])
    without[12] = 0x10  # i: pseudo-random challenges only
    assert "scp03-level" in rules(wire(*talk.parts[:3], bytes(without), *talk.parts[4:6]))


def test_openings_that_a_card_has_to_refuse() -> None:
    talk = Conversation()
    assert rules(wire(*talk.parts[:2], *talk.parts[4:6])) == ["scp03-external-authenticate"]
    assert rules(wire(*talk.parts[:2], talk.parts[4], b"\x69\x85")) == []
    assert rules(wire(*talk.parts[:4], bytes.fromhex("848233000400000000"), OK)) == ["scp03-external-authenticate"]
    assert rules(wire(*talk.parts[:2], talk.parts[2], talk.parts[3][:-3] + OK)) == ["scp03-initialize-update"]


def test_another_protocol_is_left_alone() -> None:
    scp02 = bytes(10) + bytes.fromhex("2002") + bytes(16) + OK
    parts = [SELECT, OK, bytes.fromhex("8050200008") + bytes(8) + b"\x00", scp02]
    parts += [bytes.fromhex("8482010010") + bytes(16), OK, bytes.fromhex("84E2900008") + bytes(8), OK]
    assert not rules(wire(*parts))


# --- what the ends recorded


def recorded(talk: Conversation, side: str = "reader") -> list[LinkEvent | ChannelEvent]:
    events: list[LinkEvent | ChannelEvent] = []
    plain = iter([None, None, None, *talk.plain])
    for at, event in enumerate(talk.trace()[1:]):
        events.append(event)
        if at % 2:
            sides = next(plain)
            if sides is not None:
                command, answer = talk.parts[at - 1], talk.parts[at]
                events.append(
                    ChannelEvent(
                        time=1, layer="scp03", side=side, protected=command, plain=sides[0],
                        response_protected=answer, response_plain=sides[1], target="X",
                    )
                )  # fmt: skip
    return events


def test_what_an_end_recorded_is_verified_and_not_repeated() -> None:
    talk = Conversation()
    talk.say(STORE, b"answer")
    events = channels(recorded(talk))
    assert len(events) == 3
    assert events[-1].extra["verified"] is True
    assert (events[-1].target, events[-1].time) == ("X", 1)
    without = channels(recorded(talk), KeyRing())
    assert len(without) == 3
    assert "verified" not in without[-1].extra
    assert without[-1].plain == talk.plain[0][0]


def test_a_record_that_says_something_else_is_found() -> None:
    talk = Conversation()
    talk.say(STORE, b"answer")
    talk.plain = [(talk.plain[0][0], b"another" + OK)]
    assert rules(recorded(talk)) == ["channel-recorded"]
    talk.plain = [(GET_DATA.encode(), b"answer" + OK)]
    assert rules(recorded(talk)) == ["channel-recorded"]


def test_an_idle_trace_tells_what_is_complete() -> None:
    talk = Conversation()
    unwrapper = Unwrapper(RING)
    for event in talk.trace():
        unwrapper.feed(event)
    assert [type(event) for event in unwrapper.flush()] == [ChannelEvent]
    assert not unwrapper.flush()


def test_what_is_kept_is_bounded() -> None:
    """A command without an answer, then reports and readers without end."""
    unwrapper = Unwrapper(RING)
    unwrapper.feed(link("command", Conversation().parts[2]))
    told = ChannelEvent(time=0, layer="scp03t", side="card", protected=b"\x86\x00", plain=b"")
    waiting = sum(not unwrapper.feed(replace(told, protected=number.to_bytes(4, "big"))) for number in range(5000))
    assert waiting == 64
    for number in range(5000):
        unwrapper.feed(LinkEvent(time=0, side="reader", kind="command", data=SELECT, reader=str(number)))
    assert len(unwrapper.close()) <= 64 + 256
