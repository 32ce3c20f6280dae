# SPDX-License-Identifier: Apache-2.0
"""The main job over the air: the card is in a device that attached with a profile from the factory."""

from __future__ import annotations

from typing import ClassVar, Final

from apdu.gp.sgp02 import NotificationType
from apdu.ids import ISD_R
from apdu.trace.decode.words import coded
from apdu.trace.unwrap import DomainKeys, KeyRing
from apdu.trace.unwrap.keys import PresharedKey
from emulator.factory.eum import Eum
from smdp.server import Installation
from smsr.bearers.bearer import Bearer
from smsr.ota.carrier import Way
from tools.air import Air, Milestone
from tools.demo.flow import Demo, Wishes
from tools.demo.report import NetworkStatus, Report, Status
from tools.demo.stock import take_stock
from tools.demo.view import View
from tools.entropy import Source
from tools.rig import Servers, Station, make_live_station, number_of, reach_by_air
from tools.subscription import PreparedProfile, draw_profile

__all__ = ["AirDemo"]

_QUIET: Final = 5.0
"""Seconds after a session, in which the card closes its channel."""
_PATIENCE: Final = 3600.0
"""Seconds for the first notification, which the card tries five times."""
_LAST: Final = "audit"
_ENABLED: Final = "ES5.EnableProfile"


class AirDemo(Demo):
    """One run over `sms` or `https`."""

    attempts: ClassVar[int] = 5

    def __init__(self, source: Source, view: View, report: Report, wishes: Wishes, *, way: Way, loss: float) -> None:
        super().__init__(source, view, report, wishes)
        self._way = way
        self._loss = loss
        self._air: Air | None = None

    @property
    def air(self) -> Air:
        """What is between servers and card, once it is there."""
        assert self._air is not None
        return self._air

    def run(self) -> None:
        """All steps; M2mError where one fails."""
        try:
            self._run()
        finally:
            self._watch.close()
            if self._air is not None:
                self._air.close()

    def _run(self) -> None:
        parties = self._step("pki", self._make_parties)
        servers, station = self._step("register", lambda: self._register(parties))
        self._step("first-attach", lambda: self._first_attach(station))
        profile, installation = self._step("prepare", lambda: self._prepare(servers, station))
        self.air.subscribe(profile, number_of(profile))
        self._step("trigger" if self._way is Way.HTTPS else "create-isdp", lambda: self._create_by_air(installation))
        self._step("establish-keyset", lambda: self._establish(servers, station, installation))
        self._step("download", lambda: self._download(installation, profile))
        status = self._step("enable", lambda: self._switch(servers, station, profile))
        self.report.status = status
        self._view.status(status)

    # --- the steps

    def _make_card(self, servers: Servers, eum: Eum) -> Station:
        first = draw_profile(self._source.entropy("provisioning"))
        self._hide(*first.secrets)
        air = self._air = Air(servers.store, self._source, self._way, loss=self._loss, observer=self._watch)
        return make_live_station(eum, self._source, self._insert, air, first, self._watch, self._image)

    def _reach(self, servers: Servers, station: Station) -> Bearer:
        made = station.made
        kvn, psk, _ = made.scp81
        if self._trace is not None:
            preshared = PresharedKey(psk, bytes(made.eid), kvn, 0x01)
            self._watch.follow(KeyRing(packets=[DomainKeys(bytes(ISD_R), made.scp80)], preshared=[preshared]))
        return reach_by_air(servers, station, self.air)

    def _number(self, profile: PreparedProfile) -> str:
        return str(number_of(profile)).lstrip("+")

    def _first_attach(self, station: Station) -> tuple[None, str]:
        """The device attached as it was switched on; the card tells its SM-SR of that."""
        air, eid = self.air, station.eid
        deadline = air.clock() + _PATIENCE
        confirmed = air.ota.notifications.confirmed
        air.wait(lambda: confirmed(eid) > 0 or air.clock() >= deadline)
        air.settle(_QUIET)
        heard = "notification confirmed" if confirmed(eid) else "no notification confirmed"
        return None, f"factory profile, {heard}"

    def _create_by_air(self, installation: Installation) -> tuple[None, str]:
        """Over HTTPS the card has to be called first: its session stays open for all that follows."""
        if self._way is Way.HTTPS:
            self.air.expect(
                Milestone(
                    lambda: self.air.linked, lambda: self._next("SMS taken, the card opens a TCP channel", "session")
                ),
                Milestone(lambda: self.air.ota.dispatcher.carriers[Way.HTTPS].open_to(installation.eid), self._opened),
            )
        return self._create(installation)

    def _opened(self) -> None:
        server = self.air.server
        suites = server.cipher_suites if server is not None else ()
        self._next(f"TLS 1.2, {suites[-1]}" if suites else "open", "create-isdp")

    def _switch(self, servers: Servers, station: Station, profile: PreparedProfile) -> tuple[Status, str]:
        """Enable: the rest happens by itself, and the SM-SR asks the card in the end."""
        air, eid = self.air, station.eid
        heard, resets = len(air.notifications), air.refreshes
        confirmed = air.ota.notifications.confirmed
        before, number = confirmed(eid), number_of(profile)
        air.expect(
            Milestone(lambda: _ENABLED in self._watch.done, lambda: self._next("switched, REFRESH is due", "refresh")),
            Milestone(lambda: air.refreshes > resets, lambda: self._next("fetched, card reset", "attach")),
            Milestone(
                lambda: air.number == number,
                lambda: self._next(f"{profile.algorithm}, both sides authentic", "notify"),
            ),
            Milestone(lambda: len(air.notifications) > heard, self._notified),
            Milestone(lambda: confirmed(eid) > before, lambda: self._next("the card has it, the EIS too", _LAST)),
        )
        servers.sm_dp.enable(eid, profile.iccid)
        air.expect()
        if self._name != _LAST:
            self._next("not in time: the card is asked", _LAST)
        bearer = self._reach(servers, station)
        network = NetworkStatus(
            imsi=profile.imsi,
            algorithm=profile.algorithm,
            attached=air.number == number,
            resynchronised=air.resynchronised,
        )
        status = take_stock(servers, station, bearer, profile, network)
        return status, "card and EIS agree"

    def _notified(self) -> None:
        notification = self.air.notifications[-1]
        kind = coded(NotificationType, notification.type)
        self._next(f"{kind}, number {notification.sequence}", "confirm")
