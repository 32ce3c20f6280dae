# SPDX-License-Identifier: Apache-2.0
"""Objects of the toolkit that are made in short ways are what their declarations make, on any input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import FrozenInstanceError, fields, replace
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apdu.cat.bip import ReceiveData, SendData
from apdu.cat.catalogue import COMMANDS, ENVELOPES
from apdu.cat.codes import CommandType, Device
from apdu.cat.commands import DisplayText, TimerManagement
from apdu.cat.comprehension import CommandDetails, Comprehension, DeviceIdentities, Result
from apdu.cat.envelope import EventDownload
from apdu.cat.proactive import ProactiveCommand, renumbered
from apdu.cat.response import TerminalAnswer
from apdu.cat.values import TextString
from apdu.errors import DecodeError
from apdu.tlv.declare import Template
from apdu.tlv.scan import Tlv, ber, comprehension, read_comprehension_header, split_comprehension

_BYTE = st.integers(0, 255)
_DETAILS = st.builds(CommandDetails, _BYTE, _BYTE, _BYTE)
_DEVICES = st.builds(DeviceIdentities, _BYTE, _BYTE)
_HEAD = {"details": _DETAILS, "devices": _DEVICES}
_DATA = st.binary(max_size=20) | st.binary(min_size=100, max_size=300)
_TEXTS = st.builds(TextString, st.sampled_from((0x04, 0x08)), st.binary(min_size=1, max_size=200))
_OBJECTS: dict[type[Comprehension], st.SearchStrategy[Comprehension]] = {
    SendData: st.builds(SendData, **_HEAD, data=_DATA, icon=st.none() | _DATA),
    ReceiveData: st.builds(ReceiveData, **_HEAD, length=_BYTE),
    TimerManagement: st.builds(TimerManagement, **_HEAD, timer=_BYTE, seconds=st.none() | st.integers(0, 359_999)),
    DisplayText: st.builds(DisplayText, **_HEAD, text=_TEXTS),
    TerminalAnswer: st.builds(
        TerminalAnswer, **_HEAD, result=st.builds(Result, _BYTE, _DATA), channel_data=st.none() | _DATA,
        channel_data_length=st.none() | _BYTE, channel_status=st.lists(_DATA, max_size=3).map(tuple),
        buffer_size=st.none() | st.integers(0, 65535),
    ),
    EventDownload: st.builds(
        EventDownload, events=_DATA, devices=_DEVICES, channel_data_length=st.none() | _BYTE, bearer=st.none() | _DATA
    ),
}  # fmt: skip
_ANY = st.one_of(*_OBJECTS.values())


@given(_ANY)
def test_what_is_read_is_what_was_built(value: Comprehension) -> None:
    read = type(value).decode(value.value())
    assert read == value
    assert hash(read) == hash(value)
    assert repr(read) == repr(value)
    assert {item.name: getattr(read, item.name) for item in fields(read)} == {
        item.name: getattr(value, item.name) for item in fields(value)
    }


@given(st.one_of(*(_OBJECTS[kind] for kind in (SendData, ReceiveData, TimerManagement, DisplayText))), _BYTE)
def test_command_under_another_number(value: ProactiveCommand, number: int) -> None:
    details = CommandDetails(number, value.details.type, value.details.qualifier)
    assume(len(value.value()) < 256)  # as all that a card can hand out
    assert renumbered(value.encode(), number) == replace(value, details=details).encode()


@given(_OBJECTS[TerminalAnswer], _DATA, _BYTE)
def test_changed_objects_are_replaced_ones(value: TerminalAnswer, data: bytes, length: int) -> None:
    before = value.value()
    changed = value.but(channel_data=data, channel_data_length=length)
    assert changed == replace(value, channel_data=data, channel_data_length=length)
    assert changed.value() == replace(value, channel_data=data, channel_data_length=length).value()
    assert value.value() == before


@given(_ANY, st.randoms(use_true_random=False))
def test_objects_are_built_in_the_order_of_their_declaration(value: Comprehension, random: Random) -> None:
    """However they came to be: with every part written into them, with those that are there, in any order."""
    wire = Template.value(value)  # looks at every declared part
    assert value.value() == wire
    there = [(name, part) for name, part in vars(value).items() if part not in (None, ())]
    random.shuffle(there)
    assert type(value)._made(dict(there)).value() == wire


@given(_ANY)
def test_a_whole_object_is_read_exactly_or_not_at_all(value: Comprehension) -> None:
    kind = type(value)
    assume(kind.TAG)
    assert kind.exactly(value.encode()) == kind.from_tlv(value.encode()) == value
    unknown = next(tag for tag in range(0x7E, 0, -1) if tag not in kind.declared())
    more = ber(kind.TAG, value.value() + comprehension(unknown, b""))
    assert kind.from_tlv(more) == value
    for wire in (more, value.encode() + b"\0", value.encode()[:-1], b"\xd9" + value.encode()[1:], b""):
        with pytest.raises(DecodeError):
            kind.exactly(wire)


def test_objects_cannot_be_changed_and_have_no_parts_of_other_names() -> None:
    done = TerminalAnswer.to(
        ProactiveCommand(
            details=CommandDetails(1, CommandType.SEND_DATA, 1), devices=DeviceIdentities(Device.UICC, Device.TERMINAL)
        ),
        Result(0),
    )
    with pytest.raises(TypeError, match="TerminalAnswer has no chanel_data"):
        done.but(chanel_data=b"")
    with pytest.raises(FrozenInstanceError):
        done.item = 1  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        TerminalAnswer.decode(done.value()).item = 1  # type: ignore[misc]


@pytest.mark.parametrize("kind", [*dict.fromkeys((*COMMANDS.values(), *ENVELOPES.values()))])
def test_what_is_not_there_has_its_default(kind: type[Comprehension]) -> None:
    assert not any("__slots__" in vars(base) and vars(base)["__slots__"] for base in kind.__mro__[:-1])
    for item in fields(kind):
        if item.metadata["tlv"][2]:
            assert getattr(kind, item.name) == item.default


def _objects_by_header(data: bytes) -> list[Tlv]:
    """One object after the other, each by its whole header."""
    found, at = [], 0
    while at < len(data):
        tag, start, at = read_comprehension_header(data, at, len(data))
        found.append(Tlv(tag, data[start:at]))
    return found


def _outcome(split: Callable[[bytes], list[Tlv]], data: bytes) -> list[Tlv] | str:
    try:
        return split(data)
    except DecodeError as error:
        return str(error)


@given(
    st.lists(
        st.tuples(st.integers(1, 0x7E), _DATA, st.booleans()).map(
            lambda parts: comprehension(parts[0], parts[1], required=parts[2])
        )
        | st.sampled_from((b"\x00\x00", b"\x80\x00", b"\xff\x00", b"\x7f\x81\x02\x00", b"\x01\x82\x00\x00"))
        | st.binary(max_size=6),
        max_size=6,
    ).map(b"".join)
)
def test_objects_are_split_as_their_headers_say(data: bytes) -> None:
    assert _outcome(split_comprehension, data) == _outcome(_objects_by_header, data)
