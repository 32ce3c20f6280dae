# SPDX-License-Identifier: Apache-2.0
"""Toolkit data objects: bytes seen on real interfaces, read and built."""

from __future__ import annotations

import pytest

from apdu.cat.codes import Device, Event, GeneralResult
from apdu.cat.comprehension import CommandDetails, DeviceIdentities, Result
from apdu.cat.envelope import EventDownload
from apdu.cat.proactive import CommandType, ProactiveCommand, Refresh, RefreshMode, TerminalResponse
from apdu.cat.terminal import TerminalCapability, TerminalProfile
from apdu.errors import DecodeError, EncodeError
from apdu.ids import Aid

USIM = Aid.from_string("A0000000871002FF49FF0589")

REFRESHES: list[tuple[str, Refresh]] = [
    ("D0 09 81 03 01 01 04 82 02 81 82", Refresh.of(RefreshMode.UICC_RESET)),
    (
        "D0 17 81 03 01 01 05 82 02 81 82 AF 0C A0000000871002FF49FF0589",
        Refresh.of(RefreshMode.APPLICATION_RESET, aid=USIM),
    ),
    (
        "D0 16 81 03 01 01 01 82 02 81 82 92 0B 02 3F00 2FE2 3F00 7FFF 6F07",
        Refresh.of(RefreshMode.FILE_CHANGE, files=(bytes.fromhex("3F002FE2"), bytes.fromhex("3F007FFF6F07"))),
    ),
]


@pytest.mark.parametrize("text, command", REFRESHES, ids=lambda value: "")
def test_refresh_reads_and_builds(text: str, command: Refresh) -> None:
    raw = bytes.fromhex(text)
    assert Refresh.from_tlv(raw) == command
    assert command.encode() == raw


def test_comprehension_bit_does_not_matter_to_the_reader() -> None:
    assert Refresh.from_tlv(bytes.fromhex("D0 09 01 03 01 01 04 02 02 81 82")) == Refresh.of(RefreshMode.UICC_RESET)


@pytest.mark.parametrize(
    "capture, type, destination",
    [  # a SET UP EVENT LIST, a RECEIVE DATA and a PROVIDE LOCAL INFORMATION of real cards
        ("D0 0E 81 03 01 05 00 82 02 81 82 99 03 03 09 0A", CommandType.SET_UP_EVENT_LIST, Device.TERMINAL),
        ("D0 0C 81 03 01 42 00 82 02 81 26 B7 01 06", CommandType.RECEIVE_DATA, 0x26),
        ("D0 09 81 03 01 26 01 82 02 81 82", CommandType.PROVIDE_LOCAL_INFORMATION, Device.TERMINAL),
    ],
)
def test_any_command_can_be_read_for_its_type(capture: str, type: CommandType, destination: int) -> None:
    command = ProactiveCommand.from_tlv(bytes.fromhex(capture))
    assert command.details.type == type
    assert command.devices == DeviceIdentities(Device.UICC, destination)


@pytest.mark.parametrize(
    "capture, details, result",
    [
        ("81 03 01 01 04 82 02 82 81 83 01 00", CommandDetails(1, 1, 4), Result(GeneralResult.DONE)),
        ("81 03 01 01 04 02 02 82 81 03 02 20 02", CommandDetails(1, 1, 4), Result(0x20, b"\x02")),
        ("81 03 01 43 01 82 02 82 81 83 01 00 B7 01 FF", CommandDetails(1, 0x43, 1), Result(0)),
        ("81 03 01 26 01 02 02 82 81 83 01 00 14 08 1122334455667788", CommandDetails(1, 0x26, 1), Result(0)),
    ],
)
def test_terminal_responses_of_real_terminals(capture: str, details: CommandDetails, result: Result) -> None:
    response = TerminalResponse.decode(bytes.fromhex(capture))
    assert (response.details, response.result) == (details, result)
    assert response.devices == DeviceIdentities(Device.TERMINAL, Device.UICC)


def test_terminal_response_is_built_without_a_tag_of_its_own() -> None:
    command = Refresh.of(RefreshMode.UICC_RESET).but(details=CommandDetails(7, 0x01, 0x04))
    response = TerminalResponse.to(command, Result(0x20, b"\x02"))
    assert response.value() == bytes.fromhex("810307010482028281 83022002")


@pytest.mark.parametrize(
    "text",
    [
        "82 02 82 81 83 01 00",  # no command details
        "81 03 01 01 04 83 01 00",  # no device identities
        "81 03 01 01 04 82 02 82 81",  # no result
        "81 02 01 01 82 02 82 81 83 01 00",  # short details
        "81 03 01 01 04 82 01 82 83 01 00",  # short identities
        "81 03 01 01 04 82 02 82 81 83 00",  # empty result
        "81 03 01 01 04 82 02 82 81 83 01 00 83 01 00",  # twice
        "81 03 01 01 04 82 02 82 81 83 05 00",  # longer than the data
        "00",
    ],
)
def test_broken_terminal_responses_are_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        TerminalResponse.decode(bytes.fromhex(text))


@pytest.mark.parametrize("text", ["023F002FE2", "012FE2", "01", "013F00FF"])
def test_broken_file_lists_are_refused(text: str) -> None:
    body = bytes.fromhex(text)
    raw = bytes.fromhex("81030101018202818292") + bytes((len(body),)) + body
    with pytest.raises(DecodeError):
        Refresh.decode(raw)


def test_file_list_is_built_from_full_paths_only() -> None:
    with pytest.raises(EncodeError):
        Refresh.of(RefreshMode.FILE_CHANGE, files=(b"\x2f\xe2",)).encode()


def test_event_download_as_a_terminal_sends_it() -> None:
    raw = bytes.fromhex("D6 0A 99 01 03 82 02 82 81 9B 01 00")  # location status: normal service
    event = EventDownload.from_tlv(raw)
    assert event.events == bytes((Event.LOCATION_STATUS,))
    assert EventDownload.of(Event.LOCATION_STATUS).encode() == bytes.fromhex("D6 07 99 01 03 82 02 82 81")


def test_terminal_capability_of_a_modem_script() -> None:
    capability = TerminalCapability.from_tlv(bytes.fromhex("A908 8100 820101 830107"))
    assert capability == TerminalCapability(extended_channels=b"", interfaces=b"\x01", euicc=b"\x07")


@pytest.mark.parametrize(
    "profile, supported, missing",
    [
        ("FFFFFFFF", CommandType.REFRESH, CommandType.TIMER_MANAGEMENT),
        ("010080", CommandType.REFRESH, CommandType.SEND_SHORT_MESSAGE),
        ("01000002", CommandType.SEND_SHORT_MESSAGE, CommandType.REFRESH),
        ("01" + "00" * 10 + "1F", CommandType.GET_CHANNEL_STATUS, CommandType.SET_UP_EVENT_LIST),
    ],
)
def test_terminal_profile_names_what_a_terminal_can_do(
    profile: str, supported: CommandType, missing: CommandType
) -> None:
    terminal = TerminalProfile(bytes.fromhex(profile))
    assert terminal.supports(supported)
    assert not terminal.supports(missing)
    assert not terminal.supports(0x7F)


def test_terminal_profile_has_at_least_one_byte() -> None:
    with pytest.raises(DecodeError):
        TerminalProfile(b"")
    assert repr(TerminalProfile(b"\x01\xff")) == "TerminalProfile(01FF)"


def test_terminal_profile_is_built_from_types() -> None:
    assert TerminalProfile.of() == b"\x01"
    profile = TerminalProfile.of(CommandType.REFRESH, CommandType.OPEN_CHANNEL)
    assert profile == bytes.fromhex("010080 000000 000000 000000 0000")[:11] + b"\x01"
    assert profile.supports(CommandType.OPEN_CHANNEL)
