# SPDX-License-Identifier: Apache-2.0
"""Wireshark's own dissectors on the captures that we write, and we on captures that it reads."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from random import Random

import pytest

from apdu.trace.events import (
    AnyEvent,
    BearerEvent,
    ChannelEvent,
    ForeignEvent,
    FunctionEvent,
    HeaderEvent,
    LinkEvent,
    Masked,
    Withheld,
)
from apdu.trace.jsonl import to_line
from apdu.trace.redact import UNREDACTED, Redaction, Redactor
from apdu.trace.sinks.pcapng import PcapngWriter
from apdu.trace.sources import detect
from apdu.trace.sources.pcapng import PcapngSource
from tests.require import require
from tests.scale import count
from tests.support.capture import enhanced, ethernet, gsmtap, interface, ipv4, ipv6, pcap, section, udp
from tests.support.recording import recorded_exchanges
from tests.unit.trace.test_jsonl import CASES
from tests.unit.trace.test_sources import links, read

H = bytes.fromhex
WRONG = "_ws.malformed || _ws.short || _ws.expert.severity == error"
HOSTILE = "R\x1b[31m\x00\x7f\n<script>\u202e\ud800%s" * 3


def tshark(path: Path, *arguments: str) -> list[str]:
    """What it prints, line by line; it must find the file good."""
    done = subprocess.run(["tshark", "-n", "-r", str(path), *arguments], capture_output=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode("utf-8", "replace").splitlines()


def written(events: Iterable[AnyEvent], redaction: Redaction = UNREDACTED) -> bytes:
    out = bytearray()
    writer = PcapngWriter(out.extend, redaction)
    for event in events:
        writer(event)
    writer.end()
    return bytes(out)


def read_back(data: bytes) -> list[str]:
    """Events as lines: equal ones are equal to the last bit."""
    source = PcapngSource()
    items = [*source.feed(data), *source.end()]
    return [to_line(item) for item in items]  # type: ignore[arg-type]  # damage has no line


def exchange(command: str, response: str, time: float = 1.0) -> list[AnyEvent]:
    return [
        LinkEvent(time=time, side="reader", kind="command", data=H(command)),
        LinkEvent(time=time + 0.25, side="reader", kind="response", data=H(response)),
    ]


SPECIAL: list[AnyEvent] = [
    *[event for event, _ in CASES if not isinstance(event, HeaderEvent)],
    *exchange("00A40004023F00", "9000"),
    *exchange("00440000", "9000"),
    *exchange("80E28800000400" + "AB" * 1024 + "0000", "41" * 2000 + "9000"),
    *exchange("80E2880000FFFF" + "AB" * 65535, "41" * 65000 + "9000"),
    *exchange("801200000D", "D00B8103012600" + "82028182" + "0402" + "9000"),
    LinkEvent(time=-5.5, side="reader", kind="atr", data=H("3B9F96801FC78031A073BE21136743200718000001A5")),
    LinkEvent(time=1e300, side="reader", kind="pps", data=H("FF10957A")),
    LinkEvent(time=0.1, side=HOSTILE, layer=HOSTILE, kind=HOSTILE, data=b"\x1b", reader=HOSTILE),
    LinkEvent(time=0.2, side="reader", kind="command", data=Masked(H("0020000108") + bytes(8), ((5, 8),))),
    LinkEvent(time=0.3, side="reader", kind="response", data=H("63C2")),
    LinkEvent(time=0.4, side="reader", kind="command", data=Withheld(10**15, b"\x01" * 8)),
    LinkEvent(time=0.5, side="reader", kind="response", data=Withheld(2)),
    LinkEvent(time=0.6, side="reader", kind="command", data=H("00B0000000"), reader="A"),
    ChannelEvent(time=0.7, layer="scp03", side="card", protected=H("84B0000008"), plain=H("00B0000000"), target="A0"),
    FunctionEvent(time=0.8, layer="es5", name=HOSTILE, fields={HOSTILE: [HOSTILE] * 2_000}, outcome=HOSTILE),
    LinkEvent(time=0.9, side="reader", kind="response", data=H("419000"), reader="A"),
    BearerEvent(time=1, layer="sms", side="card", direction="to-card", name=HOSTILE, data=H("40") * 300),
    ForeignEvent(time=2, layer="moon", event=HOSTILE, extra={"z": HOSTILE}),
    LinkEvent(time=3, side="reader", kind="command", data=H("00B0000000")),  # without an answer
]


def test_all_kinds_of_events_are_shown_without_an_error(tmp_path: Path) -> None:
    require("tshark")
    path = tmp_path / "special.pcapng"
    path.write_bytes(written(SPECIAL))
    assert tshark(path, "-Y", WRONG) == []
    shown = tshark(path, "-V")
    assert len(tshark(path)) > len(SPECIAL) // 2
    assert not any(char in line for line in shown for char in "\x1b\x00\x7f\u202e")
    assert b"UNREDACTED" in path.read_bytes()[:300]


def test_all_kinds_of_events_come_back() -> None:
    back = read_back(written(SPECIAL))
    assert back[0] == to_line(HeaderEvent(time=SPECIAL[0].time, unredacted=True))
    assert back[1:] == [to_line(event) for event in SPECIAL]


def test_ten_thousand_recorded_apdus(tmp_path: Path) -> None:
    """Redacted and not: no packet is malformed, and what is read back is what was written."""
    require("tshark")
    events = recorded_exchanges(10_000)
    for name, redaction in (("plain", UNREDACTED), ("redacted", Redactor(salt=b"salt"))):
        path = tmp_path / f"{name}.pcapng"
        path.write_bytes(written(events, redaction))
        again = Redactor(salt=b"salt")
        expected = [to_line(event if redaction is UNREDACTED else again.redact(event)) for event in events]
        assert read_back(path.read_bytes())[1:] == expected
        assert tshark(path, "-Y", WRONG) == []
    frames = tshark(tmp_path / "plain.pcapng", "-Y", "gsm_sim")
    assert len(frames) > 5_000  # the others have a form that the dissector calls malformed


def test_the_dissector_sees_what_was_sent(tmp_path: Path) -> None:
    require("tshark")
    path = tmp_path / "fields.pcapng"
    path.write_bytes(written([*exchange("00A40004022FE2", "612A"), *exchange("00B000000A", "98" * 10 + "9000", 2.0)]))
    fields = ["-T", "fields", "-e", "gsm_sim.apdu.ins", "-e", "gsm_sim.apdu.sw", "-e", "gsm_sim.apdu.data"]
    assert tshark(path, *fields) == ["0xa4\t0x612a\t", "0xb0\t0x9000\t" + "98" * 10]
    comments = "".join(tshark(path, "-T", "fields", "-e", "frame.comment"))
    assert "> SELECT" in comments


def random_bytes(random: Random, size: int) -> bytes:
    return bytes(random.choice((0, 1, 2, 0x81, 0xFF, *random.randbytes(3))) for _ in range(size))


def toolkit(random: Random) -> bytes:
    """Data objects of the toolkit, inside a command or not, mostly well formed."""
    out = b""
    for _ in range(random.randrange(1, 5)):
        tag = random.choice((*range(1, 0x40), random.randrange(128))) | random.choice((0, 0x80))
        value = random_bytes(random, random.choice((0, 1, 2, 3, 5, 7, 17, random.randrange(30))))
        out += bytes((tag,)) + random.choice((b"", b"", b"\x81")) + bytes((len(value),)) + value
    size = bytes((len(out),)) if len(out) < 128 else bytes((0x81, len(out) & 255))
    return random.choice((out, bytes((random.choice((0xD0, 0xD1, 0xD6, 0xD7, 0xD3)),)) + size + out))


INSTRUCTIONS = H("1012142024 2C32707888 89A2A4B0B1 B2B3C0C2CA CBD6DCE2E6 D8F20444")


def random_exchange(random: Random, time: float) -> list[AnyEvent]:
    header = bytes((random.choice((0, 0x80, 0xA0, 0x84, 0x41, random.randrange(256))),))
    header += bytes((random.choice((*INSTRUCTIONS, random.randrange(256))),))
    header += bytes((random.choice((0, 3, 4, 8, 9, random.randrange(256))), random.choice((0, 4, 0x20, 0x0C))))
    body = random.choice((b"", random_bytes(random, random.randrange(60)), toolkit(random), toolkit(random)))[:255]
    size, sw = bytes((len(body),)), random.choice((H("9000"), H("6A82"), H("6110"), H("6C02"), random.randbytes(2)))
    answer = random_bytes(random, random.randrange(20))
    command, response = random.choice(
        (
            (header + size + body, sw),
            (header + size, body + sw),
            (header, sw),
            (header + size + body + b"\0", answer + sw),
            (header + b"\0\0" + size + body + b"\0\0", answer + sw),
        )
    )
    if random.random() < 0.1:
        command = command[: random.randrange(len(command) + 1)]
    return exchange(command.hex(), response.hex(), time)


def test_hostile_exchanges_are_shown_without_an_error(tmp_path: Path) -> None:
    require("tshark")
    random = Random(7)
    path = tmp_path / "hostile.pcapng"
    events = [event for n in range(count("tshark_exchanges")) for event in random_exchange(random, float(n))]
    path.write_bytes(written(events))
    assert tshark(path, "-Y", WRONG) == []
    assert len(tshark(path, "-Y", "gsm_sim")) > count("tshark_exchanges") // 2


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_a_capture_that_wireshark_reads_is_read(tmp_path: Path, form: str) -> None:
    """Built from the public layouts; both see the same."""
    require("tshark")
    payloads = ["A0A40000026F7E9F0F", "00B000000A" + "98" * 10 + "9000", "0020000108" + "31" * 8 + "9000"]
    frames = [ethernet(ipv4(udp(gsmtap(0, H(payload))))) for payload in payloads]
    frames.append(ethernet(ipv6(udp(gsmtap(0, H(payloads[0])))), 0x86DD))
    data = pcap(frames) if form == "pcap" else section() + interface(1) + b"".join(enhanced(0, 0, f) for f in frames)
    path = tmp_path / f"foreign.{form}"
    path.write_bytes(data)
    assert tshark(path, "-Y", WRONG) == []
    seen = tshark(path, "-T", "fields", "-e", "gsm_sim.apdu.ins", "-e", "gsm_sim.apdu.sw")
    assert detect(data).name == form
    ours = links(read(data))
    pairs = [(ours[at][1], ours[at + 1][1]) for at in range(0, len(ours), 2)]
    assert seen == [f"0x{command[2:4].lower()}\t0x{response[-4:].lower()}" for command, response in pairs]
    assert len(pairs) == len(frames)
