# SPDX-License-Identifier: Apache-2.0
"""Commands in all cases and lengths (ISO 7816-3 12.1.3), classes (ISO 7816-4 5.4.1), status words, chaining."""

from __future__ import annotations

import pytest

from apdu.command import SW, CommandApdu, ResponseApdu, StatusWord, exchange
from apdu.command.cla import CLASSES, INTERINDUSTRY, PROPRIETARY, ClassByte, class_byte
from apdu.errors import DecodeError, EncodeError, RemoteProtocolError, StatusError

H = bytes.fromhex
D300 = bytes(300)

CASES = [
    ("1", "00A40004", CommandApdu(0x00, 0xA4, 0x00, 0x04)),
    ("2S", "00B000000A", CommandApdu(0x00, 0xB0, 0, 0, b"", 10)),
    ("2S, 256", "00B0000000", CommandApdu(0x00, 0xB0, 0, 0, b"", 256)),
    ("3S", "00A40004023F00", CommandApdu(0x00, 0xA4, 0, 4, H("3F00"))),
    ("3S, 255", "80E28800FF" + "55" * 255, CommandApdu(0x80, 0xE2, 0x88, 0, b"\x55" * 255)),
    ("4S", "00A40004023F0000", CommandApdu(0x00, 0xA4, 0, 4, H("3F00"), 256)),
    ("4S, Le 18", "80CABF30045C027F2112", CommandApdu(0x80, 0xCA, 0xBF, 0x30, H("5C027F21"), 18)),
    ("2E", "00B00000000100", CommandApdu(0x00, 0xB0, 0, 0, b"", 256, True)),
    ("2E, 65536", "00B00000000000", CommandApdu(0x00, 0xB0, 0, 0, b"", 65536, True)),
    ("3E", "80E2880000012C" + "00" * 300, CommandApdu(0x80, 0xE2, 0x88, 0, D300, None, True)),
    ("4E", "80E2890000012C" + "00" * 300 + "0000", CommandApdu(0x80, 0xE2, 0x89, 0, D300, 65536, True)),
]


@pytest.mark.parametrize("wire, command", [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_cases_in_both_directions(wire: str, command: CommandApdu) -> None:
    assert CommandApdu.parse(H(wire)) == command
    assert command.encode() == H(wire)


@pytest.mark.parametrize("wire", [case[1] for case in CASES if len(case[1]) > 10], ids=lambda wire: wire[:14])
def test_a_cut_or_longer_command_is_refused_or_another_case(wire: str) -> None:
    whole = H(wire)
    for length in range(len(whole)):
        try:
            parsed = CommandApdu.parse(whole[:length])
        except DecodeError:
            continue
        assert parsed.encode() == whole[:length]  # only where the shorter bytes are a legal command of their own
    with pytest.raises(DecodeError):
        CommandApdu.parse(whole + bytes(3))


@pytest.mark.parametrize("wire", ["", "00", "00A400", "00A4000005010203", "00A40004023F0000AA", "00B000000001"])
def test_inconsistent_lengths_are_refused(wire: str) -> None:
    with pytest.raises(DecodeError):
        CommandApdu.parse(H(wire))


@pytest.mark.parametrize("data, le", [(bytes(0x10000), None), (b"", 0), (b"", 65537)])
def test_what_no_apdu_carries_is_not_encoded(data: bytes, le: int | None) -> None:
    with pytest.raises(EncodeError):
        CommandApdu(0, 0, 0, 0, data, le).encode()


def test_responses() -> None:
    assert ResponseApdu.parse(H("62009000")) == ResponseApdu(H("6200"), 0x9000)
    assert ResponseApdu(b"\x01", 0x6A82).encode() == H("016A82")
    with pytest.raises(DecodeError):
        ResponseApdu.parse(b"\x90")


# GPCS tables 11-11 and 11-12
CLASS_CASES = [
    (0x00, ClassByte(INTERINDUSTRY, 0, False, False)),
    (0x03, ClassByte(INTERINDUSTRY, 3, False, False)),
    (0x84, ClassByte(PROPRIETARY, 0, True, False)),
    (0x81, ClassByte(PROPRIETARY, 1, False, False)),
    (0x40, ClassByte(INTERINDUSTRY, 4, False, False)),
    (0x4F, ClassByte(INTERINDUSTRY, 19, False, False)),
    (0x6F, ClassByte(INTERINDUSTRY, 19, True, False)),
    (0xC0, ClassByte(PROPRIETARY, 4, False, False)),
    (0xE5, ClassByte(PROPRIETARY, 9, True, False)),
    (0x10, ClassByte(INTERINDUSTRY, 0, False, True)),
    (0x20, None),
    (0x0C, None),
    (0x88, None),
    (0x90, None),
    (0xA0, None),
    (0xBF, None),
    (0xFF, None),
]


@pytest.mark.parametrize(
    "cla, meaning", CLASS_CASES, ids=lambda value: f"{value:02X}" if isinstance(value, int) else ""
)
def test_class_bytes(cla: int, meaning: ClassByte | None) -> None:
    assert CLASSES[cla] == meaning


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("kind", [INTERINDUSTRY, PROPRIETARY])
@pytest.mark.parametrize("channel", range(20))
def test_every_channel_has_a_class_byte(kind: int, channel: int, secure: bool) -> None:
    assert CLASSES[class_byte(kind, channel, secure=secure)] == ClassByte(kind, channel, secure, False)


def test_there_is_no_channel_20() -> None:
    with pytest.raises(ValueError):
        class_byte(INTERINDUSTRY, 20)


@pytest.mark.parametrize(
    "sw, name, part",
    [
        (0x9000, "OK", "done"),
        (0x69E1, "POL1_FORBIDS", "POL1"),
        (0x6110, "BYTES_AVAILABLE", "16 bytes"),
        (0x6100, "BYTES_AVAILABLE", "256 bytes"),
        (0x6C12, "WRONG_LE", "18 bytes"),
        (0x63C2, "TRIES_LEFT", "2 tries"),
        (0x910B, "PROACTIVE_COMMAND_PENDING", "11 bytes"),
        (0x6FFE, "UNKNOWN", "not known"),
    ],
)
def test_status_words_have_name_and_meaning(sw: int, name: str, part: str) -> None:
    status = StatusWord(sw)
    assert status.name == name
    assert part in status.meaning
    assert f"{sw:04X}" in str(status)


def test_every_named_status_word_has_a_meaning() -> None:
    assert all(StatusWord(sw).meaning != "not known" for sw in SW)


def test_a_status_error_names_the_word() -> None:
    assert str(StatusError("SELECT", 0x6A82)) == "SELECT: 6A82 (file or application not found)"


class Scripted:
    """A transport that expects commands and gives their answers."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self.pairs = [(H(command), H(answer)) for command, answer in pairs]

    def transmit(self, command: bytes) -> bytes:
        expected, answer = self.pairs.pop(0)
        assert command == expected
        return answer


EXCHANGES = [
    ("data at once", "00B000000A", [("00B000000A", "AABB9000")], "AABB", 0x9000),
    ("61xx", "00A40004023F00", [("00A40004023F00", "6102"), ("00C0000002", "62009000")], "6200", 0x9000),
    (
        "61xx twice",
        "00CA000000",
        [("00CA000000", "AA6101"), ("00C0000001", "BB6101"), ("00C0000001", "CC9000")],
        "AABBCC",
        0x9000,
    ),
    ("6Cxx", "00CA005A00", [("00CA005A00", "6C02"), ("00CA005A02", "11229000")], "1122", 0x9000),
    ("other channel", "01CA005A00", [("01CA005A00", "6101"), ("01C0000001", "339000")], "33", 0x9000),
    ("channel 5", "C1E2000000", [("C1E2000000", "6101"), ("41C0000001", "339000")], "33", 0x9000),
    ("secure messaging", "84E2000000", [("84E2000000", "6101"), ("00C0000001", "339000")], "33", 0x9000),
    ("an error", "00A40004027FFF", [("00A40004027FFF", "6A82")], "", 0x6A82),
    (
        "wrong Le of GET RESPONSE",
        "00CA000000",
        [("00CA000000", "6105"), ("00C0000005", "6C02"), ("00C0000002", "AABB9000")],
        "AABB",
        0x9000,
    ),
]


@pytest.mark.parametrize("command, pairs, data, sw", [e[1:] for e in EXCHANGES], ids=[e[0] for e in EXCHANGES])
def test_exchange_collects_the_whole_response(command: str, pairs: list[tuple[str, str]], data: str, sw: int) -> None:
    transport = Scripted(*pairs)
    assert exchange(transport, CommandApdu.parse(H(command))) == ResponseApdu(H(data), sw)
    assert not transport.pairs


def test_a_card_that_never_ends_is_an_error() -> None:
    class Endless:
        def transmit(self, command: bytes) -> bytes:
            return b"\xaa\x61\x01"

    with pytest.raises(RemoteProtocolError):
        exchange(Endless(), CommandApdu(0, 0xCA, 0, 0, b"", 256))
