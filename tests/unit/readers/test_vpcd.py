# SPDX-License-Identifier: Apache-2.0
"""The card's end of vpcd: the protocol by bytes, and the runner against a driver that the test plays."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest

from apdu.errors import RemoteProtocolError
from emulator.atr import ATR
from emulator.factory.eum import Bootstrap
from emulator.readers.vpcd import Slot, SlotState, VpcdReader
from tests.support.fixtures import MakeLab, make_lab
from tests.support.lab import Lab
from tests.support.profile import subscriber

__all__ = ["make_lab"]

OFF, ON, RESET, GET_ATR = b"\x00", b"\x01", b"\x02", b"\x04"
SELECT_ECASD = bytes.fromhex("00A4040C10A0000005591010FFFFFFFF8900000200")
GET_EID = bytes.fromhex("80CA005A00")


def frame(*bodies: bytes) -> bytes:
    return b"".join(len(body).to_bytes(2, "big") + body for body in bodies)


def frames(data: bytes) -> list[bytes]:
    found = []
    while data:
        end = 2 + int.from_bytes(data[:2], "big")
        assert len(data) >= end
        found.append(data[2:end])
        data = data[end:]
    return found


@pytest.fixture
def lab(make_lab: MakeLab) -> Lab:
    made: Lab = make_lab()
    made.card.power_off()
    return made


# (what the driver sends, what it gets): each from a card without power
DIALOGUES: list[tuple[list[bytes], list[bytes]]] = [
    ([], []),
    ([GET_ATR], [ATR]),
    ([ON], []),
    ([GET_ATR, ON, GET_ATR, OFF, GET_ATR], [ATR, ATR, ATR]),
    ([ON, SELECT_ECASD], [b"\x90\x00"]),
    ([ON, SELECT_ECASD, GET_ATR, RESET, GET_EID], [b"\x90\x00", ATR, b"\x6d\x00"]),
    ([ON, SELECT_ECASD, OFF, ON, GET_EID], [b"\x90\x00", b"\x6d\x00"]),
    ([b"\x03", b"\x05", b"\xff", b"", GET_ATR], [ATR]),
    ([ON, b"\x00\xa4"], [b"\x67\x00"]),
    ([ON, bytes(65_007)], [b"\x67\x00"]),
]


def test_the_answers_that_the_dialogues_expect_of_a_card(lab: Lab) -> None:
    """Guards the table: what a session lost answers otherwise than while it lasts."""
    lab.card.power_on()
    assert lab.card.transmit(SELECT_ECASD) == b"\x90\x00"
    assert lab.card.transmit(GET_EID)[-2:] == b"\x90\x00"


@pytest.mark.parametrize("sent, answers", DIALOGUES, ids=map(str, range(len(DIALOGUES))))
def test_dialogue(lab: Lab, sent: list[bytes], answers: list[bytes]) -> None:
    slot = Slot(lab.card)
    whole = frame(*sent)
    got = frames(slot.receive(whole))
    assert [len(body) > 2 or body for body in got] == [len(body) > 2 or body for body in answers]
    assert got == answers


def test_a_command_without_power(lab: Lab) -> None:
    with pytest.raises(RemoteProtocolError, match="without power"):
        Slot(lab.card).receive(frame(GET_ATR, SELECT_ECASD))


@pytest.mark.parametrize("sent, answers", DIALOGUES[:-1], ids=map(str, range(len(DIALOGUES) - 1)))
def test_split_anywhere(lab: Lab, sent: list[bytes], answers: list[bytes]) -> None:
    whole = frame(*sent)
    for cut in range(len(whole) + 1):
        lab.card.power_off()
        slot = Slot(lab.card)
        assert frames(slot.receive(whole[:cut]) + slot.receive(whole[cut:])) == answers
    lab.card.power_off()
    slot = Slot(lab.card)
    assert frames(b"".join(slot.receive(bytes((byte,))) for byte in whole)) == answers


@pytest.mark.parametrize("command", ["00200001", "0020000A", "00708001"])
def test_a_command_of_four_bytes_may_come_with_a_fifth(make_lab: MakeLab, command: str) -> None:
    """pcscd and opensc append P3 = 00 for T=0 (ISO 7816-3 12.2.1): a command without data then looks like Le = 256."""
    lab = make_lab(bootstrap=Bootstrap(subscriber(1).package))
    answers = []
    for sent in (command, command + "00"):
        lab.card.reset()
        assert lab.send("0070000001") == "019000"
        answers.append(lab.send(sent))
    assert answers[0] == answers[1]
    assert answers[0][:2] in ("63", "69", "90")


# --- the runner


class Driver:
    """vpcd: listens, and serves one card at a time."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(10)
        self.port = self.listener.getsockname()[1]
        self.card: socket.socket | None = None

    def accept(self) -> None:
        self.card, _ = self.listener.accept()
        self.card.settimeout(10)

    def send(self, *bodies: bytes) -> None:
        assert self.card is not None
        for body in bodies:
            self.card.sendall(frame(body)[:2])
            self.card.sendall(body)

    def ask(self, body: bytes) -> bytes:
        self.send(body)
        return self.read(int.from_bytes(self.read(2), "big"))

    def read(self, count: int) -> bytes:
        assert self.card is not None
        data = b""
        while len(data) < count:
            more = self.card.recv(count - len(data))
            assert more
            data += more
        return data

    def close(self) -> None:
        if self.card is not None:
            self.card.close()
            self.card = None


class Running:
    """A runner in a thread."""

    def __init__(self, lab: Lab, port: int) -> None:
        self.states: list[SlotState] = []
        self.reader = VpcdReader(lab.card, "127.0.0.1", port, self.states.append)
        self.thread = threading.Thread(target=self.reader.run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.reader.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    monkeypatch.setattr("emulator.readers.vpcd._ABSENCE", 0.01)
    made = Driver()
    yield made
    made.close()
    made.listener.close()


@pytest.fixture
def run(lab: Lab, driver: Driver) -> Iterator[Callable[[], Running]]:
    started: list[Running] = []

    def start() -> Running:
        started.append(Running(lab, driver.port))
        return started[-1]

    yield start
    for each in started:
        each.stop()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_card_comes_back_after_its_driver_was_away(driver: Driver, run: Callable[[], Running]) -> None:
    running = run()
    for _ in range(3):
        driver.accept()
        assert driver.ask(GET_ATR) == ATR
        driver.send(ON)
        assert driver.ask(SELECT_ECASD) == b"\x90\x00"
        driver.close()
    until(lambda: running.states.count(SlotState.REMOVED) == 3)
    assert running.states == [SlotState.INSERTED, SlotState.REMOVED] * 3


def test_it_stops_at_whatever_moment_a_signal_handler_wants(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its thread waits for a driver that is not there, and stops itself between any two lines."""
    monkeypatch.setattr("emulator.readers.vpcd._RETRY", 0.001)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    lines = 0

    def stop_at(moment: int) -> None:
        nonlocal lines
        lines, reader = 0, VpcdReader(lab.card, "127.0.0.1", port, lambda state: None)

        def trace(frame: FrameType, event: str, argument: object) -> Any:
            nonlocal lines
            lines += 1
            if lines == moment:
                sys.settrace(None)
                reader.stop()
            return trace

        sys.settrace(trace)
        try:
            reader.run()
        finally:
            sys.settrace(None)

    for moment in range(1, 300):
        stop_at(moment)


def test_a_driver_that_is_not_there_yet(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = Running(lab, port)
    until(lambda: running.states == [SlotState.WAITING])
    with socket.create_server(("127.0.0.1", port)) as late:
        late.settimeout(10)
        connection, _ = late.accept()
        with connection:
            connection.sendall(frame(GET_ATR))
            assert connection.recv(100) == frame(ATR)
            running.stop()
            assert connection.recv(100) == b""
    assert running.states == [SlotState.WAITING, SlotState.INSERTED]


def test_removal_in_the_middle_of_a_message_ends_the_session(driver: Driver, run: Callable[[], Running]) -> None:
    run()
    for cut in range(1, len(frame(GET_EID))):
        driver.accept()
        driver.send(ON)
        assert driver.ask(SELECT_ECASD) == b"\x90\x00"
        assert driver.card is not None
        driver.card.sendall(frame(GET_EID)[:cut])
        driver.close()
    driver.accept()
    driver.send(ON)
    assert driver.ask(GET_EID) == b"\x6d\x00"


def test_a_card_leaves_when_it_gets_commands_without_power(driver: Driver, run: Callable[[], Running]) -> None:
    running = run()
    driver.accept()
    driver.send(GET_ATR, SELECT_ECASD)
    until(lambda: running.states == [SlotState.INSERTED, SlotState.REMOVED])
    driver.accept()
    driver.send(ON)
    assert driver.ask(SELECT_ECASD) == b"\x90\x00"


def test_power_off_before_the_answer_is_read(driver: Driver, run: Callable[[], Running]) -> None:
    run()
    driver.accept()
    driver.send(ON, SELECT_ECASD, OFF, ON, GET_EID)
    assert driver.read(8) == frame(b"\x90\x00", b"\x6d\x00")


def test_nobody_waits_for_late_acknowledgements(driver: Driver, run: Callable[[], Running]) -> None:
    """44 ms for each command without TCP_QUICKACK, of which 100 would take 4.4 s."""
    run()
    driver.accept()
    driver.send(ON)
    start = time.monotonic()
    for _ in range(100):
        driver.ask(SELECT_ECASD)
    assert time.monotonic() - start < 2


def test_a_slot_that_is_taken(driver: Driver, run: Callable[[], Running], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emulator.readers.vpcd._PATIENCE", 0.1)
    running = run()
    until(lambda: running.states == [SlotState.TAKEN])
    driver.accept()
    assert driver.ask(GET_ATR) == ATR
    time.sleep(0.3)  # longer than the patience with a driver that says nothing
    assert driver.ask(GET_ATR) == ATR
    assert running.states == [SlotState.TAKEN, SlotState.INSERTED]
