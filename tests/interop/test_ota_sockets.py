# SPDX-License-Identifier: Apache-2.0
"""The whole provisioning over HTTPS through real sockets: the server in its own thread, the device in this one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from apdu.trace import Clock
from emulator.device.channels import Channels
from emulator.device.device import Device, Surroundings
from emulator.device.link import VirtualLink
from emulator.device.settings import Settings
from emulator.device.waiting import Waiting
from smsr.ota.carrier import Way
from smsr.scripts.audit import isd_p_states
from tests.support.admin_server import ServerThread
from tests.support.air import EID, FIRST, Air
from tests.support.profile import PIN1

_PATIENCE = 20.0


class SocketAir(Air):
    """Everybody, in real time."""

    def __post_init__(self) -> None:
        super().__post_init__()
        offset = self.clock() - time.time()
        self.real: Clock = lambda: time.time() + offset
        self.ota.dispatcher.clock = self.real
        self.threaded = self.ota.bearer(EID, way=self.way)
        assert self.ota.https is not None
        self.ota.https._clock = self.ota.sms._clock = self.real
        self.thread = ServerThread(self.ota.https, self.real, tick=self.ota.dispatcher.tick)
        self.ota.https.settings = replace(self.ota.https.settings, port=self.thread.port, hold=2.0)
        self.waiting = Waiting()
        around = Surroundings(network=self.device.network, bip=Channels(self.real, self.waiting))
        settings = Settings(pin=PIN1, poll=None)
        self.device = Device(VirtualLink(self.card), clock=self.real, settings=settings, surroundings=around)
        self.device.power_up()

    def wait(self, done: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE
        while not done():
            assert time.monotonic() < end, "nothing comes of this waiting"
            if not self.step():
                self.waiting.turn(0.002)

    def settle(self, seconds: float = 0.3) -> None:
        end = time.monotonic() + seconds
        self.wait(lambda: time.monotonic() >= end)


@pytest.fixture
def air() -> Iterator[SocketAir]:
    made = SocketAir(way=Way.HTTPS)
    yield made
    made.thread.stop()
    made.waiting.close()
    assert made.recorder.errors == []
    assert made.thread.errors == []


def test_install_enable_and_audit(air: SocketAir) -> None:
    air.settle()
    air.smdp.install(air.order())
    air.smdp.enable(EID, air.subscribers[2].iccid)
    assert air.states()[FIRST] == "DISABLED"
    assert air.present == 2
    assert air.ota.notifications.confirmed(EID) == 2
    air.audit()
    assert len(air.eis.profiles) == 2


def test_a_thread_that_waits_is_woken(air: SocketAir) -> None:
    """The bearer without a pump of its own: the device lives in another thread."""
    air.settle()
    found: list[object] = []
    waiting = threading.Thread(target=lambda: found.append(air.threaded.run(isd_p_states())))
    waiting.start()
    air.wait(lambda: bool(found))
    waiting.join(_PATIENCE)
    (states,) = found
    assert [each.aid for each in states] == [FIRST]  # type: ignore[attr-defined]
