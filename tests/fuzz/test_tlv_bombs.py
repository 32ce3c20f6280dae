# SPDX-License-Identifier: Apache-2.0
"""ATK-41: objects nested a thousand deep, absurd lengths, endless tags, wherever the card takes BER-TLV.

Refused with a legal status word, nothing written, in bounded time and memory.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import pytest

from apdu.command.apdu import CommandApdu
from apdu.command.exchange import exchange
from apdu.keys.ec import Curve
from emulator.memory import Moment
from tests.fuzz.runner import LEGAL
from tests.fuzz.stages import challenge_of, quiet_lab, recorded, stages
from tests.fuzz.trees import Coding, length_bytes
from tests.support.lab import Lab
from tests.support.sm_dp import Crt, SmDp, certificate, dgi, point, private_key, run

MEMORY = 16 << 20
SECONDS = 5.0


def nested(tag: bytes, depth: int, inside: bytes = b"") -> bytes:
    """Definite lengths, all right."""
    value = inside
    for _ in range(depth):
        value = tag + length_bytes(len(value), Coding.BER) + value
    return value


def bombs(tag: bytes) -> dict[str, bytes]:
    """Values for the place of one object."""
    found = {
        "nested 1000 deep": nested(tag, 1000),
        "nested 33 deep": nested(b"\xe1", 33),
        "nested 5000 deep, indefinite": (tag + b"\x80") * 5000,
        "nested 1000 deep in another tag": nested(b"\xbf\x7f", 1000),
        "20000 empty objects": tag + b"\x82\x9c\x40" + b"\x4f\x00" * 20000,
        "a tag without end": b"\x7f" + b"\xff" * 3000,
        "a tag of five bytes": b"\x7f\x81\x82\x83\x04\x00",
        "no length": tag,
        "only a length": b"\x84",
        "zeros": bytes(60000),
        "ones": b"\xff" * 60000,
    }
    for length in (
        "80",
        "8100",
        "81FF",
        "82FFFF",
        "83FFFFFF",
        "84FFFFFFFF",
        "8400000000",
        "847FFFFFFF",
        "85FFFFFFFFFF",
        "FF",
    ):
        found[f"length {length}"] = tag + bytes.fromhex(length)
        found[f"length {length} and some bytes"] = tag + bytes.fromhex(length) + b"\x4f\x10" * 40
    return found


NAMES = list(bombs(b"\xa6"))


def _store(data: bytes, p1: int = 0x88) -> CommandApdu:
    return CommandApdu(0x80, 0xE2, p1, 0x00, data, 256)


def _dgi(tag: int) -> Callable[[bytes], CommandApdu]:
    return lambda bomb: _store(dgi(tag, bomb[:0xFFF0]))


def _raw(cla: int, ins: int, p1: int, p2: int) -> Callable[[bytes], CommandApdu]:
    return lambda bomb: CommandApdu(cla, ins, p1, p2, bomb, 256)


def _install(bomb: bytes) -> CommandApdu:
    fields = (
        "10A0000005591010FFFFFFFF8900000D00",
        "10A0000005591010FFFFFFFF8900000E00",
        "10A0000005591010FFFFFFFF8900001500",
    )
    data = b"".join(map(bytes.fromhex, (*fields, "0380C000")))
    return CommandApdu(0x80, 0xE6, 0x0C, 0x00, data + bytes((min(len(bomb), 127),)) + bomb[:127] + b"\x00", 256)


PLACES: dict[str, tuple[str, Callable[[bytes], CommandApdu], bytes]] = {
    "3A01": ("certificate", lambda bomb: _store(dgi(0x3A01, bomb[:0xFFF0]), 0x09), b"\x7f\x21"),
    "3A02": ("challenged", lambda bomb: CommandApdu(0x80, 0xE2, 0x89, 1, dgi(0x3A02, bomb[:0xFFF0]), 256), b"\xa6"),
    "3A03": ("isd-r", _dgi(0x3A03), b"\x4f"),
    "3A04": ("isd-r", _dgi(0x3A04), b"\x4f"),
    "3A05": ("isd-r", _dgi(0x3A05), b"\x4f"),
    "3A07 of the ISD-R": ("isd-r", _dgi(0x3A07), b"\xa3"),
    "3A08": ("isd-r", _dgi(0x3A08), b"\x4e"),
    "DELETE": ("isd-r", _raw(0x80, 0xE4, 0x00, 0x40), b"\x4f"),
    "DELETE reference": (
        "isd-r",
        lambda bomb: CommandApdu(0x80, 0xE4, 0, 0x40, b"\x4f\x05" + bytes(5) + bomb),
        b"\xb6",
    ),
    "GET STATUS": ("isd-r", _raw(0x80, 0xF2, 0x40, 0x02), b"\x4f"),
    "GET STATUS tags": ("isd-r", lambda bomb: CommandApdu(0x80, 0xF2, 0x40, 0x02, b"\x4f\x00" + bomb, 256), b"\x5c"),
    "GET DATA BF30": ("isd-r", _raw(0x80, 0xCA, 0xBF, 0x30), b"\x5c"),
    "INSTALL parameters": ("isd-r", _install, b"\xef"),
    "0070 of an ISD-P": ("isd-p", _dgi(0x0070), b"\x42"),
    "3A07 of an ISD-P": ("isd-p", _dgi(0x3A07), b"\xa0"),
    "SCP03t": ("scp03t", lambda bomb: _store(bomb, 0x91), b"\x86"),
    "00B9 of an MNO-SD": ("mno-sd", lambda bomb: _store(dgi(0xB9, bomb[:0xF000]) + dgi(0x8113, bytes(16))), b"\xb9"),
    "0070 of an MNO-SD": ("mno-sd", _dgi(0x0070), b"\x73"),
    "INSTALL of an MNO-SD": ("mno-sd", _install, b"\xef"),
    "TERMINAL RESPONSE": ("uicc", _raw(0x80, 0x14, 0, 0), b"\x81"),
    "ENVELOPE": ("uicc", _raw(0x80, 0xC2, 0, 0), b"\xd6"),
    "TERMINAL CAPABILITY": ("uicc", _raw(0x80, 0xAA, 0, 0), b"\xa9"),
}
NO_BOMBS = {"length 8100", "length 8400000000"}
"""BER allows more length bytes than needed: an empty object, which some places may have."""
TAG_LISTS = {"nested 1000 deep", "20000 empty objects"}
"""In a tag list these are tags, as good as any."""


class Bench:
    """A card in a state, with its writes counted."""

    def __init__(self, stage: str) -> None:
        self.writes = 0
        self.lab: Lab = quiet_lab(self._count)
        self.lab.flash = recorded().media[stages()[stage].medium].copy()
        self.lab.restart()
        self.host = stages()[stage].prepare(self.lab)

    def _count(self, moment: Moment) -> None:
        self.writes += moment is Moment.BEFORE

    def send(self, command: CommandApdu) -> int:
        if self.host is None:
            return exchange(self.lab.card, command).sw
        return self.host.command(command).sw


@pytest.mark.parametrize("place", PLACES)
def test_atk_41_bombs(place: str) -> None:
    stage, build, tag = PLACES[place]
    for name, bomb in bombs(tag).items():
        bench = Bench(stage)
        writes = bench.writes
        started = time.perf_counter()
        sw = bench.send(build(bomb))
        assert time.perf_counter() - started < SECONDS, name
        assert not bench.lab.recorder.errors, f"{name}: {bench.lab.recorder.errors!r}"
        assert sw >> 8 in LEGAL, f"{name}: {sw:04X}"
        if place == "SCP03t" or name in NO_BOMBS or (place == "GET STATUS tags" and name in TAG_LISTS):
            continue  # SCP03t refuses in a TLV of its own (9F4x) inside 9000
        assert sw >> 8 not in (0x90, 0x91, 0x61), f"{name}: {sw:04X}"
        assert bench.writes == writes, name


@pytest.mark.parametrize("name", ["nested 1000 deep", "20000 empty objects", "zeros", "length 84FFFFFFFF"])
def test_atk_41_memory(name: str) -> None:
    bench = Bench("isd-r")
    command = PLACES["3A07 of the ISD-R"][1](bombs(b"\xa3")[name])
    tracemalloc.start()
    bench.send(command)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MEMORY


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_a_bomb_in_many_blocks(size: int) -> None:
    """STORE DATA chains are bounded: 256 blocks, 64 KB, and no grouping that never ends."""
    bench = Bench("isd-r")
    writes = bench.writes
    first = b"\x3a\x07\xff\xff\xff"[:size] if size < 5 else b"\x3a\x07\xff\xff\xff" + b"\xa3" * (size - 5)
    sw = 0x9000
    for number in range(300):
        assert sw == 0x9000 or number
        sw = bench.send(CommandApdu(0x80, 0xE2, 0x08, number & 0xFF, first if not number else b"\xa3" * 200))
        if sw != 0x9000:
            break
    assert sw != 0x9000
    assert bench.writes == writes


def test_a_certificate_full_of_bombs() -> None:
    """Signed by the CI, so that everything inside is really read."""
    for name, bomb in bombs(b"\x73").items():
        bench = Bench("certificate")
        dp = SmDp(bench.lab)
        parts = [(tag, value) for tag, value in dp.parts() if tag != 0x73]
        parts.insert(5, (0x73, bomb[:60000]))
        sw = bench.send(_store(dgi(0x3A01, certificate(parts, dp.ci)[:65000]), 0x09))
        assert sw != 0x9000, name
        assert not bench.lab.recorder.errors, name


def test_a_control_reference_full_of_bombs() -> None:
    """Signed by the SM-DP over the card's challenge: only the contents are wrong."""
    for name, bomb in bombs(b"\xa6").items():
        bench = Bench("challenged")
        dp = SmDp(bench.lab, crt=Crt(more=bomb[:30000]))
        assert bench.host is not None
        answer = run(bench.host, dp.store(dp.payload(challenge_of(bench.lab)), p1=0x89, p2=1))
        assert answer == "6A80", name
        assert not bench.lab.recorder.errors, name


def test_ephemeral_keys_of_any_size() -> None:
    for size in (0, 1, 63, 66, 1000, 60000):
        bench = Bench("challenged")
        dp = SmDp(bench.lab)
        key = (point(private_key(b"\x11" * 32, Curve.P256)) * 1000)[:size]
        payload = dp.payload(challenge_of(bench.lab), key=key)
        assert bench.send(CommandApdu(0x80, 0xE2, 0x89, 1, payload, 256)) in (0x6A80, 0x6A84)
