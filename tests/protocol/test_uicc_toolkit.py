# SPDX-License-Identifier: Apache-2.0
"""The proactive session through the dispatcher (TS 102 223 6, TS 102 221 7.4.2 and 11.2)."""

from __future__ import annotations

import pytest

from apdu.cat.comprehension import Result
from apdu.cat.proactive import CommandType, ProactiveCommand, Refresh, RefreshMode
from apdu.cat.terminal import TerminalProfile
from apdu.errors import EncodeError
from emulator.iso.toolkit import MAX_REFRESH_OFFERS
from tests.unit.fs.builder import SmallCard, standard

PROFILE = TerminalProfile.of(*CommandType).hex()
HELLO = f"80100000{len(PROFILE) // 2:02X}{PROFILE}"
STATUS = "80F2000C00"
DONE = "81 03 {:02X} 01 04 82 02 82 81 83 01 00".replace(" ", "")
REFUSED = "81 03 {:02X} 01 04 82 02 82 81 83 02 20 02".replace(" ", "")


def respond(card: SmallCard, text: str) -> str:
    raw = bytes.fromhex(text)
    return card(f"80140000{len(raw):02X}", raw)


@pytest.fixture
def card() -> SmallCard:
    return SmallCard(standard().build())


@pytest.fixture
def reset_wanted(card: SmallCard) -> SmallCard:
    """A REFRESH waits and the terminal knows."""
    card.toolkit.submit(Refresh.of(RefreshMode.UICC_RESET))
    assert card(HELLO) == "910B"
    return card


def test_cc_ui_22_terminal_profile(card: SmallCard) -> None:
    assert card(HELLO) == "9000"
    assert card("8010000001FF") == "9000"
    assert card("80100000") == "6700"
    assert card("8010010001FF") == "6A86"
    assert card("8010000101FF") == "6A86"


def test_nothing_is_announced_before_the_terminal_profile(card: SmallCard) -> None:
    card.toolkit.submit(Refresh.of(RefreshMode.UICC_RESET))
    assert card(STATUS) == "9000"
    assert card("801200000B") == "6985"
    assert card(HELLO) == "910B"


def test_every_9000_becomes_91xx_until_the_command_is_fetched(reset_wanted: SmallCard) -> None:
    card = reset_wanted
    assert card(STATUS) == "910B"
    assert card("00A40004022FE200").endswith("910B")
    assert card("00B000000A").endswith("910B")
    assert card("00A4000C026FFF") == "6A82"  # no other status word does
    card("0070000001")
    assert card("01A4000C022FE2") == "910B"
    assert card("801200000B") == "D009810301010482028182" + "9000"
    assert card(STATUS) == "9000"


def test_response_that_waits_for_get_response_ends_in_91xx(reset_wanted: SmallCard) -> None:
    assert reset_wanted("00A40004022FE2") == "611E"
    assert reset_wanted("00C000001E").endswith("910B")


@pytest.mark.parametrize("le", ["00", "0A", "0C", "FF"])
def test_cc_ui_23_fetch_length_mismatch(reset_wanted: SmallCard, le: str) -> None:
    assert reset_wanted(f"80120000{le}") == "6C0B"
    assert reset_wanted("801200000B").endswith("9000")


def test_cc_ui_23_fetch_nothing_pending(card: SmallCard) -> None:
    assert card("801200000B") == "6985"
    card(HELLO)
    assert card("801200000B") == "6985"


@pytest.mark.parametrize(
    "command, status",
    [("80120000", "6700"), ("801201000B", "6A86"), ("8012000001AA0B", "6700"), ("801200010B", "6A86")],
)
def test_fetch_badly_coded(reset_wanted: SmallCard, command: str, status: str) -> None:
    assert reset_wanted(command) == status
    assert reset_wanted(STATUS) == "910B"


def test_one_command_at_a_time(reset_wanted: SmallCard) -> None:
    card = reset_wanted
    card.toolkit.submit(Refresh.of(RefreshMode.INITIALISATION))
    assert card("801200000B").endswith("9000")
    assert card("801200000B") == "6985"  # one is outstanding
    assert card("00A4000C022FE2") == "9000"  # other commands are allowed
    assert respond(card, DONE.format(1)) == "910B"
    assert card("801200000B") == "D009810302010382028182" + "9000"
    assert respond(card, "810302010302028281030103") == "9000"


@pytest.mark.parametrize(
    "text",
    [
        "8202828183 0100",  # no command details
        "8103010104 830100",  # no device identities
        "8103010104 82028281",  # no result
        "8103020104 82028281 830100",  # another number
        "8103011304 82028281 830100",  # another type
        "8103010104 82028381 830100",  # from the network
        "8103010104 82028281 83",
        "8103010104 82028281 830500",
        "00",
        "FFFFFF",
    ],
)
def test_cc_ui_24_terminal_response_malformed(reset_wanted: SmallCard, text: str) -> None:
    card = reset_wanted
    card("801200000B")
    assert respond(card, text) == "6A80"
    assert card.toolkit.outstanding is None  # the session is over
    assert respond(card, DONE.format(1)) == "6985"
    assert card(STATUS) == "9000"  # and the card alive


def test_terminal_response_without_a_command(card: SmallCard) -> None:
    card(HELLO)
    assert respond(card, DONE.format(1)) == "6985"
    assert card("80140000") == "6700"
    assert card("8014010001FF") == "6A86"


def test_refused_reset_is_offered_again_at_the_next_status(reset_wanted: SmallCard) -> None:
    card = reset_wanted
    for offer in range(MAX_REFRESH_OFFERS + 1):
        assert card("801200000B") == f"D0098103{offer + 1:02X}0104820281829000"
        assert respond(card, REFUSED.format(offer + 1)) == "9000"
        assert card("00A4000C022FE2") == "9000"
        expected = "910B" if offer < MAX_REFRESH_OFFERS else "9000"
        assert card(STATUS) == expected
    assert card(STATUS) == "9000"


def test_reset_that_the_terminal_announces_is_not_offered_again(reset_wanted: SmallCard) -> None:
    reset_wanted("801200000B")
    assert respond(reset_wanted, DONE.format(1)) == "9000"
    assert reset_wanted(STATUS) == "9000"


def test_other_refresh_modes_are_not_offered_again(card: SmallCard) -> None:
    results: list[Result] = []
    card(HELLO)
    card.toolkit.submit(Refresh.of(RefreshMode.FILE_CHANGE, files=(bytes.fromhex("3F002FE2"),)), results.append)
    assert card(STATUS) == "9112"
    card("8012000012")
    assert respond(card, "8103010101 82028281 83022002") == "9000"
    assert results == [Result(0x20, b"\x02")]
    assert card(STATUS) == "9000"


def test_terminal_without_the_facility_gets_no_command(card: SmallCard) -> None:
    results: list[Result] = []
    card.toolkit.submit(Refresh.of(RefreshMode.UICC_RESET), results.append)
    assert card("801000000401000002") == "9000"  # SEND SHORT MESSAGE only
    assert results == [Result(0x30)]
    card.toolkit.submit(Refresh.of(RefreshMode.UICC_RESET), results.append)
    assert len(results) == 2
    assert card(STATUS) == "9000"


def test_reset_clears_the_session(reset_wanted: SmallCard) -> None:
    card = reset_wanted
    card("801200000B")
    card.reset()
    assert card(HELLO) == "9000"
    assert respond(card, DONE.format(1)) == "6985"
    card.toolkit.submit(Refresh.of(RefreshMode.UICC_RESET))
    assert card("801200000B") == "D009810301010482028182" + "9000"  # numbers start again


def test_numbers_run_from_01_to_fe(card: SmallCard) -> None:
    card(HELLO)
    seen = []
    for _ in range(256):
        card.toolkit.submit(Refresh.of(RefreshMode.INITIALISATION))
        command = ProactiveCommand.from_tlv(bytes.fromhex(card("801200000B")[:-4]))
        seen.append(command.details.number)
        assert respond(card, f"8103{seen[-1]:02X}0103 82028281 830100") == "9000"
    assert seen == [*range(0x01, 0xFF), 0x01, 0x02]


def test_command_that_91xx_cannot_announce_is_not_accepted(card: SmallCard) -> None:
    card(HELLO)
    many = tuple(bytes.fromhex("3F007FFF6F07") for _ in range(45))
    with pytest.raises(EncodeError):
        card.toolkit.submit(Refresh.of(RefreshMode.FILE_CHANGE, files=many))


def test_command_of_256_bytes_is_announced_as_9100(card: SmallCard) -> None:
    card(HELLO)
    paths = (bytes.fromhex("3F00") + bytes.fromhex("7F10") * 118 + bytes.fromhex("6F"),)
    with pytest.raises(EncodeError):
        card.toolkit.submit(Refresh.of(RefreshMode.FILE_CHANGE, files=paths))
    files = (bytes.fromhex("3F002FE2"),) * 59 + (bytes.fromhex("3F00"),)
    command = Refresh.of(RefreshMode.FILE_CHANGE, files=files)
    assert len(command.encode()) <= 256
    card.toolkit.submit(command)
    assert card(STATUS) == f"91{len(command.encode()) & 0xFF:02X}"


@pytest.mark.parametrize(
    "command, status",
    [
        ("80AA00000AA908810082010183010700"[:-2], "9000"),
        ("80AA000002A900", "9000"),
        ("80AA0000", "6700"),
        ("80AA010002A900", "6A86"),
        ("80AA000002A901", "6A80"),
        ("80AA000002A800", "6A80"),
        ("80AA000004A900A900", "6A80"),
    ],
)
def test_terminal_capability(card: SmallCard, command: str, status: str) -> None:
    assert card(command) == status
    if status == "9000":
        assert card.toolkit.capability is not None


@pytest.mark.parametrize(
    "body, idle, busy",
    [
        ("D60A 990103 82028281 9B0100", "9000", "9000"),  # location status
        ("D607 990103 82028281", "9000", "9000"),
        ("D607 190103 02028281", "9000", "9000"),
        ("D603 990103", "6A80", "6A80"),
        ("D604 82028281", "6A80", "6A80"),
        ("D608 990103 82028281", "6A80", "6A80"),
        ("D100", "6A80", "6A80"),
        ("D20482028381", "6A81", "9300"),
        ("D30782020181900101", "6A81", "9300"),
        ("D40482028281", "6A81", "9300"),
        ("D50482028281", "6A81", "9300"),
        ("D70482028281", "6A81", "9300"),
        ("D90482028281", "6A81", "9300"),
        ("DF0100", "6A80", "6A80"),
        ("D80100", "6A80", "6A80"),
        ("E30100", "6A80", "6A80"),
        ("D600D600", "6A80", "6A80"),
        ("D6", "6A80", "6A80"),
        ("D680", "6A80", "6A80"),
    ],
)
def test_envelope(reset_wanted: SmallCard, body: str, idle: str, busy: str) -> None:
    card = reset_wanted
    raw = bytes.fromhex(body)
    assert card(f"80C20000{len(raw):02X}", raw) == idle.replace("9000", "910B")
    card("801200000B")
    assert card(f"80C20000{len(raw):02X}", raw) == busy
    assert card("80C20000") == "6700"
    assert card("80C2010001D6") == "6A86"


def test_toolkit_commands_work_whatever_the_channel_has_selected(card: SmallCard) -> None:
    card("0070000001")
    assert card("81" + HELLO[2:]) == "9000"
    assert card.toolkit.profile == bytes.fromhex(PROFILE)
