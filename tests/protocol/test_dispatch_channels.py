# SPDX-License-Identifier: Apache-2.0
"""Logical channels: MANAGE CHANNEL, classes of both ranges, what belongs to one channel alone (TS 102 221 11.1.17)."""

from __future__ import annotations

import pytest

from tests.support.lab import Lab

ISD_R = "A0000005591010FFFFFFFF8900000100"
ECASD = "A0000005591010FFFFFFFF8900000200"
LAST = 19


def _cla(number: int, *, proprietary: bool = False, secure: bool = False) -> str:
    """GPCS tables 11-11 and 11-12, written down once more."""
    if number < 4:
        cla = number | (4 if secure else 0)
    else:
        cla = 0x40 | (0x20 if secure else 0) | (number - 4)
    return f"{cla | (0x80 if proprietary else 0):02X}"


def test_cc_ui_13_open_to_the_limit(lab: Lab) -> None:
    for number in range(1, LAST + 1):
        assert lab.send("0070000001") == f"{number:02X}9000"
    assert lab.send("0070000001") == "6A81"
    assert lab.send("0070000001") == "6A81"
    for number in range(LAST + 1):  # every one of them works
        assert lab.send(f"{_cla(number)}A4040010{ECASD}00")[-4:] == "9000"
        assert lab.send(f"{_cla(number, proprietary=True)}CA005A12")[-4:] == "9000"


def test_the_lowest_free_number_is_assigned(lab: Lab) -> None:
    for _ in range(3):
        lab.send("0070000001")
    assert lab.send("00708002") == "9000"
    assert lab.send("0070000001") == "029000"
    assert lab.send("0070000001") == "049000"


@pytest.mark.parametrize("number", range(1, LAST + 1))
def test_open_a_given_number(lab: Lab, number: int) -> None:
    assert lab.send(f"007000{number:02X}") == "9000"
    assert lab.send(f"{_cla(number)}A4040010{ECASD}00")[-4:] == "9000"
    assert lab.send(f"007000{number:02X}") == "6985"  # open already
    assert lab.send(f"{_cla(number, proprietary=True)}CA005A12")[-4:] == "9000"  # and nothing happened to it
    assert lab.send(f"007080{number:02X}") == "9000"
    assert lab.send(f"007080{number:02X}") == "6200"  # closed already
    assert lab.send(f"{_cla(number, proprietary=True)}CA005A12") == "6881"


@pytest.mark.parametrize("command", ["00700014", "007000FF", "00708014", "00704001", "0070010001", "0070C001"])
def test_manage_channel_with_wrong_parameters(lab: Lab, command: str) -> None:
    assert lab.send(command) == "6A86"
    assert lab.send("0070000001") == "019000"


def test_manage_channel_with_data(lab: Lab) -> None:
    assert lab.send("0070000001AA") == "6700"
    assert lab.send("0070000001") == "019000"


@pytest.mark.parametrize("le", ["02", "05", "FF"])
def test_manage_channel_with_a_wrong_le_opens_nothing(lab: Lab, le: str) -> None:
    """CC-UI-10: the command that answers 6Cxx has not been carried out: the terminal sends it again."""
    assert lab.send(f"00700000{le}") == "6C01"
    assert lab.send("0070000001") == "019000"


@pytest.mark.parametrize("closing", ["00708000", "01708000", "0070800001"])
def test_cc_ui_15_the_basic_channel_is_not_closed(lab: Lab, closing: str) -> None:
    lab.send("0070000001")
    assert lab.send(closing) == "6A86"
    assert lab.send(f"00A4040010{ECASD}00")[-4:] == "9000"


CLOSED = [
    (number, _cla(number, proprietary=proprietary, secure=secure))
    for number in range(1, LAST + 1)
    for proprietary in (False, True)
    for secure in (False, True)
]


@pytest.mark.parametrize("number, cla", CLOSED)
def test_cc_ui_14_a_channel_that_is_not_open(lab: Lab, number: int, cla: str) -> None:
    """Both class ranges: CC-UI-08 says that E0 to EF are legal and answer 6881 when their channel is not open."""
    for rest in ("A40004023F00", "CA005A00", "F2000C", "70000001", "C0000010", "FFFFFF"):
        assert lab.send(cla + rest) == "6881"
    lab.send(f"007000{number:02X}")
    assert lab.send(f"{cla}FF0000") != "6881"


def test_closing_oneself(lab: Lab) -> None:
    lab.send("0070000001")
    assert lab.send("01708001") == "9000"
    assert lab.send("01A40004023F00") == "6881"


def test_a_channel_opened_from_the_basic_one_has_nothing_selected(lab: Lab) -> None:
    lab.send(f"00A4040010{ECASD}00")
    assert lab.send("0070000001") == "019000"
    assert lab.send("01CA005A00") != lab.send("00CA005A00")
    assert lab.send("80CA005A12")[-4:] == "9000"
    assert lab.send("81CA005A12") == "6D00"


def test_an_application_session_is_not_inherited(lab: Lab) -> None:
    lab.send("0070000001")
    lab.send(f"01A4040010{ECASD}00")
    assert lab.send("0170000001") == "029000"
    assert lab.send("82CA005A12") == "6D00"


def test_selections_of_channels_are_their_own(lab: Lab) -> None:
    lab.send("0070000001")
    lab.send("00700008")
    lab.send(f"00A4040010{ISD_R}00")
    lab.send(f"01A4040010{ECASD}00")
    lab.send(f"44A4040010{ISD_R}00")
    assert lab.send("80CAFF2100")[-4:] == "9000"
    assert lab.send("80CA005A00") == "6A88"
    assert lab.send("81CA005A12")[-4:] == "9000"
    assert lab.send("C4CAFF2100")[-4:] == "9000"
    assert lab.send("C4CA005A00") == "6A88"


def test_reset_closes_all_channels(lab: Lab) -> None:
    """CC-UI-02: after a warm reset only the basic channel is there."""
    for number in (1, 4, 19):
        lab.send(f"007000{number:02X}")
    lab.card.reset()
    for number in range(1, LAST + 1):
        assert lab.send(f"{_cla(number)}A40004023F00") == "6881"
    assert lab.send("0070000001") == "019000"


def test_manage_channel_in_a_secure_session_is_the_cards_own(lab: Lab) -> None:
    host = lab.open_isd_r()
    assert lab.send("0070000001") == "019000"
    assert host.command("80F2800202 4F00 00").sw == 0x9000
