# SPDX-License-Identifier: Apache-2.0
"""A production line for the benchmarks: parties and a profile made once, cards and servers new for every round."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

from emulator.card import Card
from emulator.device.link import VirtualLink
from smdp.server import Installation, Order
from smsr.api.eis_parts import SubscriptionAddress
from smsr.api.messages import AuditEisRequest, Call
from smsr.kit.pki import Authority
from smsr.ota.carrier import Way
from tools.air import Air
from tools.entropy import Source
from tools.errors import ToolError
from tools.pki import make_eum, make_parties
from tools.rig import (
    Servers,
    Station,
    make_live_station,
    make_servers,
    make_station,
    number_of,
    reach,
    reach_by_air,
    register,
)
from tools.subscription import PreparedProfile, draw_profile, read_file, read_profile

__all__ = ["AirJob", "Job", "Line", "function_caches"]

_SEED: Final = 1
_QUIET: Final = 5.0
"""Seconds after a session, in which a card closes its channel."""
_PACKAGES: Final = ("apdu", "emulator", "smsr", "smdp")


@dataclass(frozen=True, slots=True)
class Job:
    """A card that is registered and a profile that is prepared for it: what is left is provisioning."""

    servers: Servers
    station: Station
    profile: PreparedProfile
    installation: Installation

    def provision(self) -> Card:
        """CreateISDP, key set, download, enable with REFRESH and reset, audit; the card with its profile."""
        installation, servers, eid = self.installation, self.servers, self.station.eid
        installation.create_isdp()
        installation.establish_keyset()
        installation.download()
        installation.complete()
        servers.sm_dp.enable(eid, self.profile.iccid)
        request = AuditEisRequest(call=Call(servers.parties.operator, "audit"), eid=eid)
        servers.sm_sr.audit_eis(request).check("ES4.AuditEIS")
        return self.station.card


@dataclass(frozen=True, slots=True)
class AirJob:
    """A job whose card is reached over HTTPS."""

    job: Job
    air: Air

    def provision(self) -> None:
        """From the trigger to the confirmed notification and the audits."""
        self.job.provision()
        if self.air.number != number_of(self.job.profile):
            raise ToolError("the card did not attach with its new profile: this is a fault of the emulator")


class Line:
    """Makes cards and jobs from one seed."""

    def __init__(self, profile: Path | None = None) -> None:
        self._source = Source(_SEED)
        self._parties = make_parties(self._source.entropy("PKI"), self._source.clock())
        self._factory = make_eum(self._parties, self._source.entropy("EUM"))
        if profile is None:
            self.profile = draw_profile(self._source.entropy("subscription"))
        else:
            self.profile = read_profile(read_file(profile))

    @property
    def eum(self) -> Authority:
        """Who signs the EIS of its cards."""
        return self._parties.eum

    def clock(self) -> float:
        """The line's time."""
        return self._source.clock()

    def card(self) -> Station:
        """A new card, powered, its terminal profile sent."""
        return make_station(self._factory, self._source, VirtualLink)

    def job(self) -> Job:
        """A new card with servers of its own, up to the point where provisioning begins."""
        servers, station = make_servers(self._parties, self._source), self.card()
        register(servers, station, self._source.clock)
        reach(servers, station, self._source)
        return self._ordered(servers, station)

    def air_job(self) -> AirJob:
        """The same with a card in a device that is attached, and the SM-SR's server on a port of loopback."""
        servers = make_servers(self._parties, self._source)
        air = Air(servers.store, self._source, Way.HTTPS)
        station = make_live_station(self._factory, self._source, VirtualLink, air, self._first)
        register(servers, station, self._source.clock)
        reach_by_air(servers, station, air)
        air.wait(lambda: air.ota.notifications.confirmed(station.eid) > 0)
        air.settle(_QUIET)
        air.subscribe(self.profile, number_of(self.profile))
        return AirJob(self._ordered(servers, station), air)

    @cached_property
    def _first(self) -> PreparedProfile:
        """What cards leave the factory with."""
        return draw_profile(self._source.entropy("provisioning"))

    def _ordered(self, servers: Servers, station: Station) -> Job:
        profile = self.profile
        number = str(number_of(profile)).lstrip("+")
        order = Order(
            eid=station.eid,
            iccid=profile.iccid,
            mno_id=self._parties.operator,
            package=profile.package,
            profile_type=profile.name,
            subscription=SubscriptionAddress(profile.imsi, number),
        )
        return Job(servers, station, profile, servers.sm_dp.begin(order))


def function_caches() -> Callable[[], None]:
    """What empties every functools cache of the project's modules."""
    found = [
        each
        for each in gc.get_objects()
        if isinstance(each, functools._lru_cache_wrapper)
        and str(getattr(each, "__module__", "")).partition(".")[0] in _PACKAGES
    ]

    def clear() -> None:
        for each in found:
            each.cache_clear()

    return clear
