# SPDX-License-Identifier: Apache-2.0
"""Traces that were cut, shuffled and changed, given to every source: never an exception, and nothing kept."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final

import pytest

from apdu.errors import DecodeError
from apdu.trace.redact import Redactor
from apdu.trace.sinks.pcapng import PcapngWriter
from apdu.trace.sources import FORMATS, Damage, Source, detect
from tests.scale import count
from tests.support.capture import cooked, enhanced, ethernet, gsmtap, interface, ipv4, ipv6, pcap, section, udp
from tests.unit.trace.test_jsonl import CASES
from tests.unit.trace.test_sources import PCSCD, PCSCD_COLOUR, PCSCD_DEBUG, SIMTRACE1, SIMTRACE2

H = bytes.fromhex
FRAMES = [
    ethernet(ipv4(udp(gsmtap(0, H("A0A40000026F7E9F0F"))))),
    cooked(ipv4(udp(gsmtap(4, H("00A4000402"))))),
    ipv6(udp(gsmtap(7, H("9000")))),
    gsmtap(1, H("3B9F96801FC78031A073BE21136743200718000001A5")),
]


def own_capture() -> bytes:
    out = bytearray()
    writer = PcapngWriter(out.extend)
    for event, _ in CASES:
        writer(event)
    writer.end()
    return bytes(out)


SEEDS: Final = {
    "jsonl": ["\n".join(line for _, line in CASES).encode()],
    "pcscd log": [PCSCD, PCSCD_COLOUR, PCSCD_DEBUG],
    "SIMtrace log": [SIMTRACE1, SIMTRACE2],
    "hexadecimal lines": [b"> 00A40004023F00\n< 9000\n# ATR 3B9F\n0020000102....\n6A82\n"],
    "pcap": [
        pcap(FRAMES[:1] * 3),
        pcap(FRAMES[1:2] * 2, 113, order=">"),
        pcap(FRAMES[2:3], 101),
        pcap(FRAMES[3:], 147, nano=True),
    ],
    "pcapng": [
        own_capture(),
        section() + interface(1) + interface(101, (9, b"\x09")) + enhanced(0, 0, FRAMES[0]) + enhanced(1, 0, FRAMES[2]),
        section(order=">") + interface(113, order=">") + enhanced(0, 1, FRAMES[1], (1, b"x"), order=">") * 3,
    ],
}
BYTES: Final = (b"\n", b"\0", b"\xff", b"{", b'"', b"[" * 60, b"\x06\0\0\0", b"\n\r\r\n", b"e999", b"\x1b[2J", b"x" * 9)


def mutate(data: bytes, random: Random) -> bytes:
    for _ in range(random.randrange(1, 5)):
        at, size = random.randrange(len(data) + 1), random.randrange(1, 40)
        match random.randrange(7):
            case 0:
                data = data[:at] + random.randbytes(1) + data[at + 1 :]
            case 1:
                data = data[:at]
            case 2:
                data = data[:at] + data[at + size :]
            case 3:
                data = data[:at] + random.choice(BYTES) + data[at:]
            case 4:
                data = data[:at] + data[at : at + size] * 2 + data[at + size :]
            case 5:
                data = data[at:] + data[:at]
            case _:
                data = data[:at] + random.randbytes(size) + data[at + size :]
    return data


def take(source: Source, data: bytes, random: Random, redactor: Redactor) -> int:
    """Feed in pieces, redact and print all that comes; how many events came."""
    events, at = 0, 0
    while at < len(data):
        size = random.choice((1, 7, 64, 4096))
        for item in source.feed(data[at : at + size]):
            events += _seen(item, redactor)
        at += size
    return events + sum(_seen(item, redactor) for item in source.end())


def _seen(item: object, redactor: Redactor) -> int:
    if isinstance(item, Damage):
        assert str(item).isprintable()
        assert len(str(item)) < 400
        return 0
    redactor.redact(item)  # type: ignore[arg-type]  # an event
    return 1


@pytest.mark.parametrize("name", sorted(SEEDS))
def test_mutated_traces(name: str) -> None:
    """A sixth of the inputs each; every one goes to the source of its format, whatever it looks like now."""
    random, redactor, events = Random(name), Redactor(), 0
    make = next(form.make for form in FORMATS if form.name == name)
    for number in range(count("fuzz_traces") // len(SEEDS)):
        data = mutate(random.choice(SEEDS[name])[: random.choice((80, 300, 5000))], random)
        events += take(make(), data, random, redactor)
        if number % 20 == 0:
            detected(data)
    assert events > count("fuzz_traces") // len(SEEDS) // 4


def detected(data: bytes) -> None:
    with suppress(DecodeError):
        detect(data[:4096]).make()


_LINE: Final = '{"event":"link","time":1.5,"layer":"apdu","side":"reader","kind":"%s","data":"%s"}\n'
HUGE: Final[dict[str, Callable[[], bytes]]] = {
    "jsonl": lambda: (_LINE % ("command", "00B000000A") + _LINE % ("response", "98" * 10 + "9000")).encode() * 300,
    "one line": lambda: b"{" + b"x" * 65536,
    "deep": lambda: b'{"a":' * 13_000,
    "damage": lambda: b'{"event":"link","time":1.5}\n' * 1000,
    "hexadecimal": lambda: b"> 00B000000A\n< " + b"98" * 10 + b"9000\n",
    "pcapng": lambda: enhanced(0, 0, FRAMES[0]) * 300,
    "zeros": lambda: bytes(65536),
}


@pytest.mark.parametrize("name", sorted(HUGE))
def test_huge_traces_take_little_memory(name: str, tmp_path: Path) -> None:
    """Written while it is read: the process may not have more than 600 MB of addresses, and needs far less."""
    piece = HUGE[name]()
    start = {"pcapng": section() + interface(1), "zeros": section(), "hexadecimal": piece}.get(name, b"{}\n")
    code = "from tools.cli import main; main(prog_name='euicc')"
    limit = 600_000 * 1024
    process = subprocess.Popen(
        [sys.executable, "-c", code, "trace", "convert", "-", "-o", str(tmp_path / "out.jsonl")],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )
    assert process.stdin is not None
    process.stdin.write(start)
    for _ in range(count("huge_trace_bytes") // len(piece)):
        process.stdin.write(piece)
    peak = _peak(process.pid)
    process.stdin.close()
    assert process.stderr is not None
    told = process.stderr.read()
    assert process.wait() == 0, told[-2000:]
    assert peak < 120 * 1024, peak
    assert len(told) < 2000


def _peak(process: int) -> int:
    """The most memory that it has had, in kilobytes."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
