# SPDX-License-Identifier: Apache-2.0
"""The power fails at every commit of a session over HTTPS and of the notification after it; the SM-SR goes on."""

from __future__ import annotations

from apdu.gp.codes import LifeCycle
from apdu.gp.sgp02 import CreateIsdp, NotificationType
from apdu.ids import Aid
from apdu.ota.addressing import SmsAddressing
from emulator.factory.eum import Bootstrap
from emulator.memory import Flash, Moment, PowerCut
from emulator.sd.registry import isd_p_prefix
from tests.protocol.https_bench import Posted, Served, no_content, ok, script, trigger
from tests.protocol.sms_bench import SM_SR
from tests.support.lab import Lab
from tests.support.profile import subscriber

FIRST, SECOND, MADE = Aid.isd_p(0x10), Aid.isd_p(0x20), Aid.isd_p(0x30)
CREATE = CreateIsdp(aid=MADE).install().command().encode().hex()
ENABLE = f"80E28800153A03124F10{SECOND}"
NOTIFIED = 1
"""Sequence number of the change: the first attach was number 0."""


class Cutter:
    """Cuts the power at the n-th moment."""

    def __init__(self, at: int) -> None:
        self.left = at
        self.moment: Moment | None = None

    def __call__(self, moment: Moment) -> None:
        if self.left == 0:
            self.moment = moment
            raise PowerCut
        self.left -= 1


class SmSr:
    """Makes one ISD-P, enables another, confirms; whatever happened before, by what the card says of itself."""

    def __init__(self, lab: Lab, counter: int) -> None:
        self.lab = lab
        self.served = Served(lab, self._reply)
        self.terminal = self.served.terminal
        self.terminal.counter = counter
        self.packets: list[bytes] = []

    def _missing(self) -> list[str]:
        wanted = [] if self.lab.state_of(MADE) else [CREATE]
        return wanted if self.lab.state_of(SECOND) is LifeCycle.ENABLED else [*wanted, ENABLE]

    def _reply(self, posted: Posted) -> bytes:
        if posted.body is not None:
            assert posted.body.hex() in ("af8023030090000000", "af80230290000000")
        missing = self._missing()
        return ok(script(missing[0]), "/next") if missing else no_content()

    def _send(self, data: bytes) -> None:
        self.packets.append(self.terminal.packet(data, spi="1601"))
        self.terminal.deliver(self.packets[-1])

    def run(self) -> None:
        """To the end."""
        if self._missing():
            self._send(trigger().encode())
        self.lab.card.reset()
        self.terminal.power_up()
        sent = self.terminal.locate()
        pending = self.lab.card.registry.notification
        assert bool(sent) is (pending is not None)
        if pending is not None:
            assert (pending.kind, pending.sequence) == (NotificationType.PROFILE_CHANGED, NOTIFIED)
            raw = bytes.fromhex(f"80E28900073A08044E02{NOTIFIED:04X}00")
            self._send(b"\xaa" + bytes((len(raw) + 2, 0x22, len(raw))) + raw)


def prepared() -> tuple[Lab, Flash]:
    """A card that was attached once, with a second profile to be enabled."""
    address = SmsAddressing(address=SM_SR).encode()
    lab = Lab(bootstrap=Bootstrap(subscriber(1).package, FIRST), addressing=(address,))
    lab.put_isd_p(0x20, LifeCycle.DISABLED)
    lab.card.memory.put(f"{isd_p_prefix(SECOND)}/pkg", subscriber(2).package)
    lab.card.memory.commit()
    served = Served(lab, lambda posted: None)
    assert len(served.terminal.locate()) == 1
    served.terminal.deliver(served.terminal.packet(bytes.fromhex("AA0F220D80E28900073A08044E02000000"), spi="1601"))
    assert lab.card.registry.notification is None
    return lab, lab.flash.copy()


def attempt(lab: Lab, medium: Flash, at: int) -> Moment | None:
    """Cut at a moment, if there are so many; then the SM-SR goes on with a new card on what is left."""
    cutter = Cutter(at)
    lab.flash, lab.hook = medium.copy(), cutter
    lab.restart()
    first = SmSr(lab, 100)
    try:
        first.run()
    except PowerCut:
        lab.flash, lab.hook = Flash(bytes(lab.flash.data), lab.flash.blobs), None
        lab.restart()
    lab.hook = None
    second = SmSr(lab, 200)
    for packet in first.packets[:-1]:  # what was carried out, or cut off, before: never again
        second.terminal.deliver(packet)
    assert second.served.posted == []
    second.run()
    registry = lab.card.registry
    assert [record.aid for record in registry.isd_ps() if record.state is LifeCycle.ENABLED] == [SECOND]
    assert lab.state_of(MADE) is LifeCycle.SELECTABLE
    assert registry.notification is None
    assert registry.isd_r.sequence == NOTIFIED + 1
    assert lab.card.profile is not None
    assert lab.card.profile.aid == SECOND
    assert lab.recorder.errors == []
    return cutter.moment


def test_power_cut_at_every_commit_of_a_session_and_the_sm_sr_finishes() -> None:
    lab, medium = prepared()
    seen: list[Moment | None] = []
    while not seen or seen[-1] is not None:
        seen.append(attempt(lab, medium, len(seen)))
    assert len(seen) > 20
    assert {*seen} == {*Moment, None}
