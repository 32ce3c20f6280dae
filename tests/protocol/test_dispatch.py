# SPDX-License-Identifier: Apache-2.0
"""From bytes to a handler and back: class, instruction, lengths, GET RESPONSE (TS 102 221 7.3, 10; GPCS 11.1)."""

from __future__ import annotations

import pytest

from apdu.gp.codes import LifeCycle
from tests.support.fixtures import MakeLab
from tests.support.lab import Lab

ISD_R = "A0000005591010FFFFFFFF8900000100"
ECASD = "A0000005591010FFFFFFFF8900000200"
SELECT_ISD_R = f"00A4040010{ISD_R}"
FCI_ISD_R = f"6F1A8410{ISD_R}A50673009F6501FF"
SELECT_ECASD = f"00A4040010{ECASD}"
FCI_ECASD = f"6F1A8410{ECASD}A50673009F6501FF"
EID = "89001012012341234012345678901224"

# --- class and instruction

CLASSES_NOT_SUPPORTED = [
    *range(0x20, 0x40),  # not assigned
    *range(0x50, 0x60),  # ISO chaining in the further class
    *range(0x70, 0x80),
    *range(0x90, 0xC0),  # 90-9F: not used by GP; A0: legacy GSM; B0-BF
    *range(0xD0, 0xE0),
    *range(0xF0, 0x100),
]


@pytest.mark.parametrize("cla", CLASSES_NOT_SUPPORTED)
def test_cc_ui_08_class_not_supported(lab: Lab, cla: int) -> None:
    before = lab.snapshot()
    for rest in ("A4000C", "A40004023F00", "F2000C", "CA005A00"):
        assert lab.send(f"{cla:02X}{rest}") == "6E00"
    assert lab.snapshot() == before


@pytest.mark.parametrize("selected", ["", SELECT_ISD_R, SELECT_ECASD])
@pytest.mark.parametrize("command", ["00FF0000", "80FF0000", "00FE000000", "8042000001AA", "0003000000", "80FC000000"])
def test_cc_ui_08_instruction_not_supported(lab: Lab, selected: str, command: str) -> None:
    if selected:
        lab.send(selected)
    assert lab.send(command) == "6D00"


@pytest.mark.parametrize("selected", [SELECT_ISD_R, SELECT_ECASD])
@pytest.mark.parametrize(
    "command", ["00B0000000", "00B2010400", "00200001", "0088008100", "00D6000001AA", "8078000100"]
)
def test_commands_of_the_file_system_are_none_of_a_security_domain(lab: Lab, selected: str, command: str) -> None:
    lab.send(selected)
    assert lab.send(command) == "6D00"


@pytest.mark.parametrize("command", ["80E4004012", "80D8000001", "80E60C0001"])
def test_content_management_outside_a_security_domain(lab: Lab, command: str) -> None:
    # annex 12: DELETE, PUT KEY, INSTALL from outside an SD: 6985
    assert lab.send(command + "00" * int(command[-2:], 16)) == "6985"


@pytest.mark.parametrize("cla", [0x04, 0x84, 0x05, 0x87])
def test_secure_messaging_without_a_security_domain(make_lab: MakeLab, cla: int) -> None:
    lab = make_lab()
    for _ in range(cla & 3):
        lab.send("0070000001")
    assert lab.send(f"{cla:02X}A40004023F00") == "6882"
    assert lab.send(f"{cla:02X}F2400202 4F00") == "6882"


def test_secure_messaging_without_a_session(lab: Lab) -> None:
    lab.send(SELECT_ISD_R)
    assert lab.send("84F2400202 4F00") == "6982"
    assert lab.send("84CA00660000") in ("6982", "6700")
    assert lab.send("80CA006600")[-4:] == "9000"  # nothing is aborted: there was no session


@pytest.mark.parametrize("cla", [0x10, 0x11, 0x14])
def test_iso_chaining_is_not_supported(lab: Lab, cla: int) -> None:
    if cla == 0x11:
        lab.send("0070000001")
    assert lab.send(f"{cla:02X}A40004023F00") == "6884"


# --- lengths

WRONG_LENGTHS = [
    "",  # no header
    "00",
    "00A4",
    "00A404",
    "00A4040510A0000005",  # Lc 10, 4 bytes
    "00A4040005A0000005",  # CC-UI-09: Lc 05, 3 bytes and a half
    "00A4040010A0000005591010FFFFFFFF89000001",  # one byte less
    f"{SELECT_ISD_R}0000",  # two bytes more
    f"00A404000E{ISD_R}",
    "00A4040000",  # is case 2 with Le: no data at all
    "00A40400000000",  # extended Le 0000: no data
    "00A4040000001000",  # extended Lc 16, one byte
    f"00A40400000010{ISD_R[:-2]}",
    f"00A40400000010{ISD_R}00",  # one byte of extended Le
    f"00A40400000010{ISD_R}000000",
    "00A404000000000000",  # extended Lc 0 with a body
    "00A4040000FF",
]


@pytest.mark.parametrize("command", WRONG_LENGTHS)
def test_cc_ui_09_lengths_that_do_not_fit_the_body(lab: Lab, command: str) -> None:
    lab.send(SELECT_ECASD)
    before = lab.snapshot()
    # a SELECT by name without a name names the ISD (GPCS 11.9.2.3), which an eUICC has not
    assert lab.send(command) == ("6A82" if command in ("00A4040000", "00A40400000000") else "6700")
    assert lab.snapshot() == before
    assert lab.send("80CA005A12") == f"5A10{EID}9000"  # the ECASD is still selected


def test_cc_ui_30_extended_length_is_declared_and_works(lab: Lab) -> None:
    atr = lab.card.atr
    capabilities = bytes.fromhex("73FE215F")  # COMPACT-TLV; b7 of the third byte: extended lengths
    assert atr[-14:-1][3:7] == capabilities
    assert capabilities[3] & 0x40
    assert lab.send(f"00A40400 000010 {ISD_R} 0000") == f"{FCI_ISD_R}9000"
    assert lab.send("80CA0066000000")[-4:] == "9000"
    assert lab.send(f"00A40400 000010 {ISD_R}") == "611C"
    assert lab.send("00C00000000000") == f"{FCI_ISD_R}9000"


# --- Le, 6Cxx, 61xx, GET RESPONSE

LE_OF_CASE_2 = [
    ("80CA005A12", f"5A10{EID}9000"),
    ("80CA005A00", f"5A10{EID}9000"),
    ("80CA005A05", "6C12"),
    ("80CA005A11", "6C12"),
    ("80CA005A13", "6C12"),
    ("80CA005AFF", "6C12"),
    ("00CA005A10", f"{EID}9000"),
    ("00CA005A00", f"{EID}9000"),
    ("00CA005A12", "6C10"),
    ("80CA005A", "6112"),  # case 1 on T=0: P3 00 is for the terminal to add
]


@pytest.mark.parametrize("command, answer", LE_OF_CASE_2)
def test_cc_ui_10_le_of_a_case_2_command(lab: Lab, command: str, answer: str) -> None:
    lab.send(SELECT_ECASD)
    assert lab.send(command) == answer
    if answer[:2] == "6C":
        repeated = lab.send(command[:8] + answer[2:])
        assert repeated[-4:] == "9000"
        assert len(repeated) == 2 * int(answer[2:], 16) + 4


@pytest.mark.parametrize("le", ["00", "1C", "80", "FF"])
def test_cc_ui_10_le_of_a_case_4_command_large_enough(lab: Lab, le: str) -> None:
    assert lab.send(f"{SELECT_ISD_R}{le}") == f"{FCI_ISD_R}9000"
    assert lab.send("00C0000000") == "6985"  # nothing is left


@pytest.mark.parametrize("le", [1, 2, 5, 0x1B])
def test_cc_ui_10_le_of_a_case_4_command_too_small(lab: Lab, le: int) -> None:
    rest = 0x1C - le
    assert lab.send(f"{SELECT_ISD_R}{le:02X}") == f"{FCI_ISD_R[: 2 * le]}61{rest:02X}"
    assert lab.send(f"00C00000{rest:02X}") == f"{FCI_ISD_R[2 * le :]}9000"
    assert lab.send(f"00C00000{rest:02X}") == "6985"


def test_get_response_in_pieces(lab: Lab) -> None:
    assert lab.send(SELECT_ISD_R) == "611C"
    assert lab.send("00C000000A") == f"{FCI_ISD_R[:20]}6112"
    assert lab.send("00C0000001") == f"{FCI_ISD_R[20:22]}6111"
    assert lab.send("00C0000011") == f"{FCI_ISD_R[22:]}9000"
    assert lab.send("00C0000001") == "6985"


def test_get_response_with_a_wrong_le_keeps_the_data(lab: Lab) -> None:
    assert lab.send(SELECT_ISD_R) == "611C"
    assert lab.send("00C000001D") == "6C1C"
    assert lab.send("00C00000FF") == "6C1C"
    assert lab.send("00C000001C") == f"{FCI_ISD_R}9000"


@pytest.mark.parametrize("p1p2, data", [("0100", "1C"), ("0001", "1C"), ("8000", "1C")])
def test_get_response_with_parameters(lab: Lab, p1p2: str, data: str) -> None:
    lab.send(SELECT_ISD_R)
    assert lab.send(f"00C0{p1p2}{data}") == "6A86"
    assert lab.send("00C000001C") == "6985"


@pytest.mark.parametrize("command", ["00C0000010", "00C0000000", "00C00000", "80C0000010"])
@pytest.mark.parametrize("selected", ["", f"{SELECT_ISD_R}00"])
def test_cc_ui_11_get_response_without_data(lab: Lab, selected: str, command: str) -> None:
    if selected:
        lab.send(selected)
    assert lab.send(command) == "6985"


INTERVENING = ["80CA004500", "00A404000CA0000005591010FFFFFFFFFF", "00FF0000", "0070000001", "80F2000C00", "00A4"]


@pytest.mark.parametrize("command", INTERVENING)
def test_cc_ui_11_a_command_in_between_drops_the_data(lab: Lab, command: str) -> None:
    assert lab.send(SELECT_ISD_R) == "611C"
    lab.send(command)
    answer = lab.send("00C000001C")
    if command != "00A4":  # no command: it reaches no channel
        assert answer == "6985"


def test_cc_ui_12_get_response_on_another_channel(lab: Lab) -> None:
    """ATK-44 too: what waits on one channel is handed to no other, and stays where it is."""
    assert lab.send("0070000001") == "019000"
    assert lab.send(SELECT_ISD_R) == "611C"
    assert lab.send("01C000001C") == "6985"
    assert lab.send(f"01A4040010{ECASD}") == "611C"
    assert lab.send("00C000001C") == f"{FCI_ISD_R}9000"
    assert lab.send("01C000001C") == f"{FCI_ECASD}9000"
    assert lab.send("01C000001C") == "6985"


def test_a_response_of_more_than_256_bytes_comes_in_pieces(make_lab: MakeLab) -> None:
    lab = make_lab()
    for number in range(0x10, 0x20):
        lab.put_isd_p(number, LifeCycle.SELECTABLE)
    host = lab.open_isd_r()
    answer = host.send(host.session.wrap(host.parse("80F2400202 4F00 00")))
    assert len(answer.data) <= 256  # GET STATUS pages before it needs pieces
    lab.send(SELECT_ECASD)
    certificate = lab.made.certificate.hex().upper()
    size = len(certificate) // 2
    assert lab.send("80CA7F2100") == f"{certificate}9000"
    assert lab.send("80CA7F21") == f"61{size:02X}"
    assert lab.send(f"00C00000{size:02X}") == f"{certificate}9000"


# --- power


def test_without_power_there_is_no_answer(lab: Lab) -> None:
    lab.card.power_off()
    assert lab.send(SELECT_ISD_R) == ""
    lab.card.power_on()
    assert lab.send(SELECT_ISD_R) == "611C"


def test_reset_forgets_selection_and_pending_data(lab: Lab) -> None:
    lab.send(SELECT_ISD_R)
    assert lab.card.reset() == lab.card.atr
    assert lab.send("00C000001C") == "6985"
    assert lab.send("80CA006600") == "6D00"  # no security domain is selected
