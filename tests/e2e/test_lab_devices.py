# SPDX-License-Identifier: Apache-2.0
"""`euicc lab devices`: cards of a lab in devices, provisioned by servers of the test over the lab's SMSC and HTTPS."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from apdu.errors import M2mError
from apdu.ids import Aid, Eid, Iccid
from emulator.card import Card
from emulator.memory.image import ImageBackend
from emulator.memory.store import Memory
from smsr.api.eis import Eis
from tests.support.labservers import LabServers
from tests.support.program import Program
from tests.support.smsc import wait_for
from tools.entropy import SystemEntropy
from tools.lab.create import create
from tools.lab.layout import HOST, Lab, open_lab
from tools.lab.state import read_state

FIRST, SECOND = map(Aid.isd_p, (0x10, 0x11))


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    create(tmp_path / "lab", 2, 2)
    return open_lab(tmp_path / "lab")


@contextmanager
def smsc(lab: Lab) -> Iterator[Program]:
    with Program(lab.path, "smsc", "serve", "--bind", f"{HOST}:{lab.ports.smsc}") as centre:
        centre.until("listening")
        yield centre


def fleet(lab: Lab, *options: str) -> Program:
    return Program(lab.path, "lab", "devices", str(lab.path), *options)


def devices(lab: Lab) -> list[dict[str, Any]]:
    state = read_state(lab.run("devices"))
    return [] if state is None else list(state["devices"])


def bound(lab: Lab) -> bool:
    found = devices(lab)
    return len(found) == len(lab.file.cards) and all(each["bound"] and each["service"] == "normal" for each in found)


def held(lab: Lab, eid: Eid) -> dict[Aid, str]:
    """What a card holds and in which state, from its image."""
    with ImageBackend(lab.image(str(eid))) as image:
        card = Card(Memory(image), entropy=SystemEntropy(), clock=time.time)
        return {each.aid: each.state.name for each in card.registry.isd_ps()}


def known(eis: Eis) -> dict[Aid, str]:
    """The same from the EIS."""
    return {each.isd_p_aid: each.state.name for each in eis.profiles}


def test_provisioning_over_the_service_centre_and_https(lab: Lab, tmp_path: Path) -> None:
    eid = Eid.from_string(lab.file.cards[0].eid)
    profile = lab.file.profiles[0]
    with smsc(lab), LabServers(lab, tmp_path / "journal") as servers:
        servers.register()
        with fleet(lab, "--json") as running:
            wait_for(lambda: servers.air.ota.notifications.confirmed(eid) == 1, 30)
            servers.sm_dp.install(servers.order(eid, profile))
            servers.sm_dp.enable(eid, Iccid.from_string(profile.iccid))
            servers.audit(eid)
            found = servers.eis(eid)
            assert found.enabled is not None
            assert str(found.enabled.iccid) == profile.iccid
            wait_for(lambda: bound(lab), 30)
            (device,) = [each for each in devices(lab) if each["eid"] == str(eid)]
            assert (device["iccid"], device["number"]) == (profile.iccid, f"+{profile.msisdn}")
            assert device["resets"] == 1
            assert running.interrupt() == 0, running.text
            events = [json.loads(line) for line in running.text.splitlines()]
            assert {each["device"] for each in events} == {card.eid for card in lab.file.cards}
            assert not [each for each in events if each["event"] == "error"]
    assert not lab.run("devices").exists()
    assert held(lab, eid) == {FIRST: "DISABLED", SECOND: "ENABLED"}


def test_killed_in_a_session_the_image_is_whole_and_the_fleet_goes_on(lab: Lab, tmp_path: Path) -> None:
    eid = Eid.from_string(lab.file.cards[0].eid)
    first, second = lab.file.profiles
    times = {"patience": 2, "reach": 5, "sms_timeout": 2, "sms_attempts": 2}
    with smsc(lab), LabServers(lab, tmp_path / "journal", **times) as servers:
        servers.register()
        with fleet(lab) as running:
            wait_for(lambda: servers.air.ota.notifications.confirmed(eid) == 1, 30)
            servers.sm_dp.install(servers.order(eid, first))
            broken = Background(lambda: servers.sm_dp.install(servers.order(eid, second)))
            wait_for(lambda: len(servers.eis(eid).profiles) == 3, 30)  # the SM-DP is at the keys, or further
            running.process.send_signal(signal.SIGKILL)
            running.process.wait()
        before = held(lab, eid)  # it opens: the image is whole
        assert (before[FIRST], before[SECOND]) == ("ENABLED", "DISABLED")
        with fleet(lab) as running:
            wait_for(lambda: bound(lab), 30)
            broken.wait()  # it failed, or went on where the card was: what is true the card says
            servers.audit(eid)
            servers.sm_dp.enable(eid, Iccid.from_string(first.iccid))
            assert running.interrupt() == 0
    after = held(lab, eid)
    assert after == known(servers.eis(eid))
    assert (after.pop(FIRST), after.pop(SECOND)) == ("DISABLED", "ENABLED")
    assert set(after.values()) <= {"DISABLED"}


class Background:
    """Something that may go wrong in a thread of its own."""

    def __init__(self, action: Callable[[], object]) -> None:
        self._action = action
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(M2mError):
            self._action()

    def wait(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()


def test_devices_outlast_the_service_centre(lab: Lab) -> None:
    with fleet(lab) as running:
        with smsc(lab) as centre:
            wait_for(lambda: bound(lab), 30)
            centre.process.kill()
            wait_for(lambda: devices(lab) and not any(each["bound"] for each in devices(lab)), 30)
        with smsc(lab):
            wait_for(lambda: bound(lab), 30)
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(10) == 0
        assert "Traceback" not in running.text
        assert "  error  " not in running.text
