# SPDX-License-Identifier: Apache-2.0
"""Traces as text, from other programs and our own: what is read, in any pieces, and what is said of broken ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from apdu.errors import DecodeError
from apdu.trace.events import AnyEvent, HeaderEvent, LinkEvent, Masked, Withheld
from apdu.trace.jsonl import dump_json, from_line, to_line, to_object
from apdu.trace.sources import Damage, Item, Source, detect
from apdu.trace.sources.hexpairs import HexSource
from apdu.trace.sources.jsonl import JsonlSource
from apdu.trace.sources.lines import MAX_LINE
from apdu.trace.sources.pcscd import PcscdSource
from apdu.trace.sources.simtrace import SimtraceSource
from apdu.trace.sources.split import Exchange, split_exchange

H = bytes.fromhex


def drain(source: Source, pieces: Iterable[bytes]) -> Iterator[Item]:
    for piece in pieces:
        yield from source.feed(piece)
    yield from source.end()


def read(data: bytes) -> list[Item]:
    """Detect, then read whole and byte by byte: the same both times."""
    found = detect(data)
    whole = list(drain(found.make(), [data]))
    assert list(drain(found.make(), (data[at : at + 1] for at in range(len(data))))) == whole
    return whole


def links(items: Iterable[Item]) -> list[tuple[str, str]]:
    """Kind and bytes of each event; what is damaged as it is told."""
    return [
        (item.kind, item.data.hex().upper() if isinstance(item.data, bytes) else repr(item.data))
        if isinstance(item, LinkEvent)
        else ("damage", str(item))
        for item in items
    ]


SELECT, OK = ("command", "00A40004023F00"), ("response", "9000")
LOST = ("response", "6A82")

# What pcscd 1.9.9 writes, taken from runs of it.
PCSCD = b"""00000000 ifdwrapper.c:477:IFDControl() Card not transacted: 606
00003773 APDU: 00 A4 00 04 02 3F 00 \n00000185 SW: 6A 82 \n00000259 APDU: 00 20 00 01 08 31 32 33 34 35 36 FF FF \n\
00000083 SW: 69 85 \n"""
PCSCD_COLOUR = (
    b"\x1b[36m00003325\x1b[0m [140334603601600] \x1b[34mAPDU: 00 A4 00 04 02 3F 00 \x1b[0m\n"
    b"\x1b[36m00000164\x1b[0m [140334603601600] \x1b[34mSW: 6A 82 \x1b[0m\n"
)
PCSCD_DEBUG = b"""00385917 ifd-vpcd.c:236:IFDHGetCapabilities() Got ATR (20 bytes)
00000002 eventhandler.c:423:EHStatusHandlerThread() Card inserted into eUICC Test 00 00
00000004 Card ATR: 3B 9D 96 80 1F C7 80 31 E0 73 FE 21 5F 65 55 49 43 43 31 B9 \n\
00000003 winscard.c:258:SCardConnect() Attempting Connect to eUICC Test 00 01 using protocol: 3
00000007 APDU: 00 A4 00 04 02 3F 00 \n00000185 SW: 6A 82 \n00000001 TxBuffer \n\
00000009 eventhandler.c:336:EHStatusHandlerThread() Card Removed From eUICC Test 00 01
"""
# What simtrace2-sniff and the first SIMtrace write (osmocom's mailing list and source).
SIMTRACE2 = b"""simtrace2-sniff - Phone-SIM card communication sniffer
Entering main loop
Card state change: reset de-asserted
ATR: 3b 9f 95 80 1f c7 80 31 a0 73 be 21 13 67 d0 02 04 09 01 00 00 05 \nFi/Di switched to 512/16
PPS: ff 10 95 7a ff 10 95 7a \nTPDU: a0 a4 00 00 02 6f 7e 9f 0f \nTPDU (incomplete, malformed): a0 b0 00 \n\
TPDU: a0 b0 00 00 02 \nCard state change: card ejected, reset asserted
"""
SIMTRACE1 = b"""Entering main loop
ATR APDU: 3b 16 96 41 73 74 72 69 64
PPS(Fi=9/Di=5) APDU: 00 a4 00 0c 02 fc 00
APDU: 80 c2 00 00 04 d8 00 05 6f 61 05
APDU: 00 c0 00 00 05 01 00 00 00 05 90 00
"""

TEXTS: list[tuple[str, bytes, list[tuple[str, str]]]] = [
    ("pairs", b"00A40004023F00\n9000\r\n\n# again\n00 a4 00 04 02 3f 00\n6a:82", [SELECT, OK, SELECT, LOST]),
    ("arrows", b"> 00A40004023F00  # SELECT\n< 9000  # normal\n-> 00A40004023F00\n<- 6A82", [SELECT, OK, SELECT, LOST]),
    ("words", b"C-APDU: 00 A4 00 04 02 3F 00\nR-APDU: 90 00\nCommand = 00A40004023F00\nRSP 6A82 // lost",
     [SELECT, OK, SELECT, LOST]),
    ("pcscd without times", b"APDU: 00 A4 00 04 02 3F 00\nSW: 90 00\n", [SELECT, OK]),
    ("--apdu-trace", b"# ATR 3B9F\n> 0020000102....  # VERIFY\n< (5 bytes)",
     [("atr", "3B9F"), ("command", repr(Masked(H("00200001020000"), ((5, 2),)))), ("response", repr(Withheld(5)))]),
    ("a response is missing", b"00A40004023F00\n00A40004023F00\n9000", [SELECT, SELECT, OK]),
    ("a command is missing", b"9000\n00A40004023F00\n9000\n6A82", [OK, SELECT, OK, LOST]),
    ("pcscd", PCSCD, [SELECT, LOST, ("command", "0020000108313233343536FFFF"), ("response", "6985")]),
    ("pcscd --color", PCSCD_COLOUR, [SELECT, LOST]),
    ("pcscd --debug", PCSCD_DEBUG,
     [("atr", "3B9D96801FC78031E073FE215F655549434331B9"), SELECT, LOST, ("power-off", "")]),
    ("SIMtrace 2", SIMTRACE2,
     [("atr", "3B9F95801FC78031A073BE211367D00204090100000 5".replace(" ", "")), ("pps", "FF10957AFF10957A"),
      ("command", "A0A40000026F7E"), ("response", "9F0F"),
      ("damage", "line 8 at byte 272: was not sniffed whole"),
      ("damage", "line 9 at byte 312: is shorter than a command and a status word (ISO 7816-3 12.2)"),
      ("power-off", "")]),
    ("SIMtrace 1", SIMTRACE1,
     [("atr", "3B16964173747269 64".replace(" ", "")),
      ("damage", "line 3 at byte 56: does not end with a status word but with FC00 (ISO 7816-3 12.2)"),
      ("command", "80C2000004D800056F"), ("response", "6105"),
      ("command", "00C0000005"), ("response", "01000000059000")]),
]  # fmt: skip


@pytest.mark.parametrize("data, expected", [case[1:] for case in TEXTS], ids=[case[0] for case in TEXTS])
def test_text_logs(data: bytes, expected: list[tuple[str, str]]) -> None:
    assert links(read(data)) == expected


def test_times_and_readers_of_pcscd() -> None:
    events = [item for item in read(PCSCD_DEBUG) if isinstance(item, LinkEvent)]
    assert [event.reader for event in events] == ["eUICC Test 00 00"] + ["eUICC Test 00 01"] * 3
    assert [round(event.time * 1e6) for event in events] == [385923, 385933, 386118, 386128]


def test_threads_of_pcscd_do_not_mix() -> None:
    lines = [
        b"00000001 [11] winscard.c:258:SCardConnect() Attempting Connect to A using protocol: 3",
        b"00000001 [22] winscard.c:258:SCardConnect() Attempting Connect to B using protocol: 3",
        b"00000001 [11] APDU: 00 A4 00 04 02 3F 00 ",
        b"00000001 [22] APDU: 00 A4 00 04 02 3F 00 ",
        b"00000001 [11] SW: 90 00 ",
        b"00000001 [33] SW: 90 00 ",
    ]
    assert [item.reader for item in read(b"\n".join(lines)) if isinstance(item, LinkEvent)] == ["A", "B", "A", ""]


LINE = b'{"event":"link","time":1.5,"layer":"apdu","side":"reader","kind":"atr","data":"3B"}'


def test_own_lines() -> None:
    header = b'{"event":"header","time":1.5,"layer":"trace","format":1,"unredacted":true}'
    items = read(header + b"\n" + LINE + b"\r\n \n{\n\xff\n" + LINE)
    assert [type(item) for item in items] == [HeaderEvent, LinkEvent, Damage, Damage, LinkEvent]
    assert items[0] == HeaderEvent(time=1.5, unredacted=True)
    where = len(header) + len(LINE) + 5
    assert str(items[2]).startswith(f"line 4 at byte {where}: is not JSON")
    assert str(items[3]) == f"line 5 at byte {where + 2}: is not text"


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"link","time":-0.5,"layer":"","side":"a b","kind":"!#[]~","data":"00FF","reader":"R 1"}',
        '{"event":"link","time":123456789012345.5,"layer":"apdu","side":"card","kind":"power-off"}',
        '{"event":"link","time":0.0,"layer":"apdu","side":"card","kind":"response","reader":"R"}',
    ],
)
def test_the_fast_way_reads_what_the_general_one_reads(line: str) -> None:
    spaced = line.replace('":', '": ')  # which is not the canonical form
    event: AnyEvent = from_line(line)
    assert event == from_line(spaced)
    assert to_line(event) == dump_json(to_object(event)) == line


def test_a_line_without_end_is_left_out() -> None:
    source = JsonlSource()
    piece = b"x" * 65536
    for _ in range(100):
        assert not list(source.feed(piece))
        assert len(source._rest) <= MAX_LINE + len(piece)
    items = [*source.feed(b"\n" + LINE + b"\n"), *source.end()]
    assert str(items[0]) == f"line 1 at byte 0: is longer than {MAX_LINE} bytes"
    assert isinstance(items[1], LinkEvent)
    assert str(next(JsonlSource().feed(b"\n\n" + b"y" * (MAX_LINE + 1) + b"\n"))).startswith("line 3 at byte 2: ")
    assert next(source.feed(b"{\n")) == Damage(
        offset=100 * 65536 + len(LINE) + 2,
        number=3,
        reason="is not JSON: Expecting property name enclosed in double quotes at offset 1",
    )


@pytest.mark.parametrize(
    "data", [b"\x7fELF\x02\x01", b"Dear all,\nplease find\n", b"# only a comment", b"<html>", b"\xff" * 5000, b"PK\3\4"]
)
def test_what_is_no_trace(data: bytes) -> None:
    with pytest.raises(DecodeError, match=r"is no trace: known are pcapng, pcap, jsonl"):
        detect(data)


def test_an_empty_trace() -> None:
    assert read(b"") == read(b" \n\n") == []


@pytest.mark.parametrize(
    "make, line",
    [
        (HexSource, b"9"),
        (HexSource, b"> 90"),
        (HexSource, b"< 90"),
        (HexSource, b"> 00A4000402 3F0"),
        (HexSource, b"00A4xx"),
        (HexSource, "٠٠A4".encode()),
        (PcscdSource, b"00000001 APDU: 00 A4 0"),
        (PcscdSource, b"00000001 SW: <unreadable>"),
        (SimtraceSource, b"TPDU: a0 a4 0"),
        (SimtraceSource, b"ATR: "),
        (SimtraceSource, b"TPDU: a0 a4 00 00 02 6f 9f 0f"),
        (SimtraceSource, b"TPDU: 00 b0 00 00 01 41 42 90 00"),
    ],
)
def test_damaged_lines(make: type[HexSource], line: bytes) -> None:
    (found,) = drain(make(), [line])
    assert isinstance(found, Damage)
    assert str(found).isprintable()


@pytest.mark.parametrize(
    "command, response",
    [
        ("00A40004023F00", "6120"),  # T=0: case 4 without Le
        ("00A40004023F00", "9000"),
        ("00A40004023F0000", "62038201789000"),  # whole APDUs with Le
        ("00A40004023F00", "62038201789000"),  # and without
        ("00A40004023F0003", "8201789000"),
        ("00B000000A", "98101032547698103214" + "9000"),
        ("00B000000A", "6C09"),
        ("00B0000000", "41" * 256 + "9000"),
        ("00B00000000200", "41" * 512 + "9000"),
        ("00B2010420", "41" * 32 + "9000"),
        ("0088008122" + "11" * 34, "6135"),
        ("0088008122" + "11" * 34 + "00", "DB08" + "22" * 8 + "9000"),
        ("00C0000035", "41" * 53 + "9000"),
        ("00A4", ""),
        ("00440000", "9000"),
        ("0044000000", "9000"),
        ("0070000001", "019000"),
        ("0070800100", "9000"),
        ("80F2000C00", "9000"),
        ("80F2000016", "41" * 22 + "9000"),
        ("80F24002024F0000", "E3009000"),
        ("80CA005A00", "5A0189" + "9000"),
        ("80CB008005" + "5C035F5050" + "00", "419000"),
        ("8012000020", "D0" + "1E" * 31 + "9000"),
        ("80C2000004D800056F", "9110"),
        ("80E28800000100" + "AB" * 256, "9000"),  # Lc of three bytes
        ("80E28800000100" + "AB" * 256 + "0000", "419000"),
    ],
)
def test_command_and_response_in_one(command: str, response: str) -> None:
    found = split_exchange(H(command + response))
    if response:
        assert found == Exchange(H(command), H(response))
    else:
        assert isinstance(found, str)
