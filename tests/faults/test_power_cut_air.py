# SPDX-License-Identifier: Apache-2.0
"""The card's power fails at every moment of every commit of a provisioning over the air; the SM-SR finishes it anyhow.

To the SM-SR a power cut is silence: the session is gone, and when the device is on again the card knows what its memory
says. Nobody tells the SM-SR: it finds out by patience, and by asking.
"""

from __future__ import annotations

from functools import cache

import pytest

from apdu.errors import M2mError
from emulator.memory import Flash, Moment, PowerCut
from smsr.api.eis_parts import ProfileState
from smsr.ota.carrier import Way
from tests.e2e.test_over_the_air import SECOND, check, executions, provision
from tests.scale import count
from tests.support.air import EID, FIRST, Air

_LONG = 1200.0
_CONFIRMATION = bytes.fromhex("3A08")
"""ES5.HandleNotificationConfirmation: a card that lost the power in it notifies again, and is confirmed again."""


class Ticking:
    """Counts the moments, and cuts at one of them."""

    def __init__(self, at: int = -1) -> None:
        self.at = at
        self.seen = 0

    def __call__(self, moment: Moment) -> None:
        if self.seen == self.at:
            raise PowerCut
        self.seen += 1


class Outage(Air):
    """An air in which the device is switched on again after its card lost its power."""

    cuts = 0

    def step(self) -> bool:
        try:
            return super().step()
        except PowerCut:
            self.cuts += 1
            assert self.channels is not None
            self.channels.drop()
            self.hook = None
            self.flash = Flash(bytes(self.flash.data), self.flash.blobs)
            self.start_device()
            return True


def outage(way: Way, at: int = -1) -> tuple[Outage, Ticking]:
    """Everything settled, and a cut that waits."""
    ticking = Ticking()
    air = Outage(way=way, seed="outage", hook=ticking)
    air.settle(60)
    ticking.seen, ticking.at = 0, at
    return air, ticking


@cache
def moments(way: Way) -> int:
    """How many there are in an undisturbed run."""
    air, ticking = outage(way)
    provision(air)
    return ticking.seen


def finish(air: Air) -> None:
    """What an operator does: look, remove what is half there, do it again."""
    air.settle(_LONG)
    air.audit()
    iccid = air.subscribers[2].iccid
    entry = air.eis.find(iccid)
    if entry is not None and entry.state not in (ProfileState.DISABLED, ProfileState.ENABLED):
        assert air.smsr.delete_isdp(air.profile(iccid)).status.is_success
        entry = None
    if entry is None:
        air.smdp.install(air.order())
    if air.present != 2:
        air.smdp.enable(EID, iccid)


@pytest.mark.parametrize("way", [Way.HTTPS, Way.SMS])
def test_the_power_cut_at_every_moment(way: Way, monkeypatch: pytest.MonkeyPatch) -> None:
    assert moments(way) > 100
    failed = 0
    for at in range(0, moments(way), count("air_cut_stride")):
        air, _ = outage(way, at)
        with executions(monkeypatch) as ran:
            try:
                provision(air)
            except M2mError:
                failed += 1
        assert air.cuts == 1, at
        twice = [script.hex() for script, times in ran.items() if times > 1 and _CONFIRMATION not in script]
        assert twice == [], at
        assert list(air.states().values()).count("ENABLED") == 1, at
        if air.present != 2:
            finish(air)
        air.settle(_LONG)
        assert air.states() == {FIRST: "DISABLED", SECOND: "ENABLED"}, at
        assert not any(key.startswith("stage/") for key in dict(air.card.memory.items(""))), at
        air.audit()
        check(air)
    assert failed
