# SPDX-License-Identifier: Apache-2.0
"""`euicc card serve` is killed while it works: the image opens again, every invariant holds, the flow goes on.

The test plays the driver of the reader, so this runs where there is no pcscd as well.
"""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emulator.memory import Flash, JournalBackend
from emulator.memory.image import ImageBackend
from tests.faults.test_power_cut import check_card
from tests.require import ROOT
from tests.scale import count
from tests.support.flow import Flow, Link, Seen, flow_lab
from tests.support.lab import Lab
from tests.support.profile import PIN1

_SERVE = "from tools.cli import main; main(prog_name='euicc')"
_ON, _RESET, _GET_ATR = b"\x01", b"\x02", b"\x04"


class Killed(Exception):
    """The process is gone."""


class Served:
    """`euicc card serve` with the driver's end of its connection."""

    def __init__(self, image: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(30)
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            command = [sys.executable, "-c", _SERVE, "card", "serve", str(image), "--vpcd", address]
            self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            self._card, _ = listener.accept()
        self._card.settimeout(30)
        self._card.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.send(_ON)

    def send(self, body: bytes) -> None:
        """One message."""
        self._card.sendall(len(body).to_bytes(2, "big") + body)

    def ask(self, body: bytes) -> bytes:
        """One message and its answer."""
        self.send(body)
        return self._read(int.from_bytes(self._read(2), "big"))

    def reset(self) -> bytes:
        """Reset; the ATR."""
        self.send(_RESET)
        return self.ask(_GET_ATR)

    def kill(self) -> None:
        """Without a warning."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)
        self._card.close()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._card.recv(size - len(data))
            assert more, "the card has left"
            data += more
        return data


class ServedLink(Link):
    """The flow's link to a served card, which is killed a moment after its n-th command was sent."""

    def __init__(self, lab: Lab, seen: Seen, served: Served, kill_at: int, delay: float) -> None:
        super().__init__(lab, seen)
        self._served = served
        self.left = kill_at
        self._delay = delay

    def transmit(self, command: bytes) -> bytes:
        self.left -= 1
        if self.left == 0:
            self._served.send(command)
            end = time.perf_counter() + self._delay
            while time.perf_counter() < end:
                pass
            self._served.kill()
            raise Killed
        answer = self._served.ask(command)
        self.seen.exchanges.append((command, answer))
        self._watch(command, answer)
        return answer

    def reset(self) -> bytes:
        return self._served.reset()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Path], Served]]:
    started: list[Served] = []

    def start(image: Path) -> Served:
        started.append(Served(image))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def make_image(path: Path, lab: Lab) -> None:
    path.unlink(missing_ok=True)
    with ImageBackend.create(path) as backend:
        backend.commit(lab.snapshot())


def commands_of_the_flow() -> int:
    flow = Flow(flow_lab())
    flow.run()
    return len(flow.seen.exchanges)


def test_kills_at_any_time(tmp_path: Path, serve: Callable[[Path], Served]) -> None:
    kills, total = count("kills"), commands_of_the_flow()
    path = tmp_path / "one.card"
    steps = set()
    for number in range(kills):
        chance = random.Random(number)
        kill_at = 1 + int((number + chance.random()) * (total - 1) / kills)
        delay = chance.choice((0.0, chance.random() * 1e-3, chance.random() * 1e-2))
        where = f"kill {number}: {delay * 1e6:.0f} us after command {kill_at} of {total}"
        lab = flow_lab()
        flow = Flow(lab)
        make_image(path, lab)
        flow.link = ServedLink(lab, flow.seen, serve(path), kill_at, delay)
        with pytest.raises(Killed):
            flow.run()
        steps.add(flow.step)
        with ImageBackend(path) as backend:
            items = dict(backend.items(""))
        assert [each.name for each in tmp_path.iterdir()] == ["one.card"], where
        lab.flash = Flash()
        JournalBackend(lab.flash).commit(items)
        lab.restart()
        check_card(lab, flow, where)
        flow.link = Link(lab, flow.seen)
        flow.run()
        check_card(lab, flow, where)
        assert lab.recorder.errors == [], where
    assert len(steps) > 3


def test_three_wrong_pins_with_a_kill_after_each(tmp_path: Path, serve: Callable[[Path], Served]) -> None:
    path = tmp_path / "one.card"
    make_image(path, flow_lab())
    served = serve(path)
    assert served.ask(bytes.fromhex("0028000108") + PIN1.encode().ljust(8, b"\xff")) == b"\x90\x00"  # ENABLE PIN
    served.kill()
    wrong = bytes.fromhex("0020000108") + b"0000\xff\xff\xff\xff"
    for answer in ("63C2", "63C1", "63C0", "6983"):
        served = serve(path)
        assert served.ask(wrong) == bytes.fromhex(answer)
        served.kill()
