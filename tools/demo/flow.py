# SPDX-License-Identifier: Apache-2.0
"""The main job, step by step, each through the objects that do it elsewhere too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import ClassVar, Final, TypeVar

from apdu.gp.codes import ISD_P_KVN
from apdu.keys.ec import PrivateKey
from apdu.keys.secret import SecretKey
from emulator.card import Card
from emulator.device.link import CardLink, PyscardLink
from emulator.factory.eum import Eum, ManufacturedCard
from emulator.memory import Backend
from emulator.network.attach import attach
from emulator.network.auc import AuC
from emulator.profile import loader as _loader  # noqa: F401 - a card loads it at its first download, which is timed here
from emulator.readers.inprocess import VirtualReader
from smdp.server import Installation, Order
from smsr.api.eis_parts import SubscriptionAddress
from smsr.bearers.bearer import Bearer
from tools.cards.make import CardFiles
from tools.demo.link import WatchedLink
from tools.demo.report import NetworkStatus, Report, Status, Step
from tools.demo.stock import take_stock
from tools.demo.view import View
from tools.demo.watch import Watch
from tools.entropy import Source
from tools.meter import Meter
from tools.pki import Parties, make_eum, make_parties
from tools.rig import Servers, Station, make_servers, make_station, reach, register
from tools.subscription import PreparedProfile, ProfileFile, draw_profile, read_profile
from tools.text import thousands
from tools.tracefile import TraceFile

__all__ = ["Demo", "Wishes"]

T = TypeVar("T")

_READER: Final = "m2m-euicc demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a run is made with, and where it goes to."""

    profile: ProfileFile | None = None
    timings: bool = False
    trace: TraceFile | None = None
    files: CardFiles | None = None


class Demo:
    """One run with the card in a reader. Its report grows as it goes: a run that fails has told its steps."""

    attempts: ClassVar[int] = 1
    """How often the SM-DP begins a step whose answer was lost."""

    def __init__(self, source: Source, view: View, report: Report, wishes: Wishes) -> None:
        self.report = report
        self.made: ManufacturedCard | None = None
        """The card, once it is made."""
        self.codes: Mapping[str, str] = {}
        """PINs and ADM keys of the profile."""
        self._files = wishes.files
        self._source = source
        self._view = view
        self._profile = wishes.profile
        self._timings = wishes.timings
        self._trace = wishes.trace
        self._watch = Watch(wishes.trace)
        self._link: WatchedLink | None = None
        self._under_way = ExitStack()
        self._meter: Meter | None = None
        self._name, self._before, self._start = "", 0, 0.0

    def run(self) -> None:
        """All steps; M2mError where one fails."""
        parties = self._step("pki", self._make_parties)
        servers, station = self._step("register", lambda: self._register(parties))
        profile, installation = self._step("prepare", lambda: self._prepare(servers, station))
        self._step("create-isdp", lambda: self._create(installation))
        self._step("establish-keyset", lambda: self._establish(servers, station, installation))
        self._step("download", lambda: self._download(installation, profile))
        self._step("enable", lambda: self._enable(servers, station, profile))
        network = self._step("attach", lambda: self._attach(station, profile))
        status = self._step("audit", lambda: self._audit(servers, station, profile, network))
        self.report.status = status
        self._view.status(status)

    def _step(self, name: str, action: Callable[[], tuple[T, str]]) -> T:
        """Run an action, which returns its result and what to say about it, as one step."""
        with ExitStack() as self._under_way:
            self._begin(name)
            result, detail = action()
            self._finish(detail)
        return result

    def _begin(self, name: str) -> None:
        self._view.begin(name)
        self._name, self._before = name, self._apdus
        self._meter = Meter() if self._timings else None
        self._start = time.perf_counter()
        if self._meter is not None:
            self._under_way.enter_context(self._meter.watch())

    def _next(self, detail: str, name: str) -> None:
        """The step under way ends in the middle of an action, and another one begins."""
        self._finish(detail)
        self._begin(name)

    def _finish(self, detail: str) -> None:
        seconds = time.perf_counter() - self._start
        self._under_way.close()
        self._watch.check()
        usages = tuple(self._meter.usages()) if self._meter is not None else ()
        apdus = self._apdus - self._before
        step = Step(name=self._name, detail=detail, seconds=seconds, apdus=apdus, operations=usages)
        self.report.steps.append(step)
        self._view.end(step)

    @property
    def _apdus(self) -> int:
        return self._link.commands if self._link is not None else 0

    # --- the steps

    def _make_parties(self) -> tuple[Parties, str]:
        parties = make_parties(self._source.entropy("PKI"), self._source.clock())
        self._hide(parties.ci.key, parties.eum.key)
        self._hide(*(key for server in (parties.sm_sr, parties.sm_dp) for key in (server.key, server.tls_key)))
        if self._files is not None:
            self._files.write_trust(parties)
        return parties, "CI root; EUM, SM-SR, SM-DP certificates"

    def _register(self, parties: Parties) -> tuple[tuple[Servers, Station], str]:
        servers = make_servers(parties, self._source, self._watch)
        eum = make_eum(parties, self._source.entropy("EUM"))
        station = self._make_card(servers, eum)
        self.report.eid = station.eid
        self.made = station.made
        self._hide(*_keys_of(station.made))
        register(servers, station, self._source.clock)
        self._reach(servers, station)
        return (servers, station), "card made, EIS signed and verified"

    @property
    def _image(self) -> Backend | None:
        return self._files.image if self._files is not None else None

    def _make_card(self, servers: Servers, eum: Eum) -> Station:
        return make_station(eum, self._source, self._insert, self._watch, self._image)

    def _reach(self, servers: Servers, station: Station) -> Bearer:
        return reach(servers, station, self._source, self._watch)

    def _insert(self, card: Card) -> CardLink:
        """Put the card into a reader of this process, and connect to that as any PC/SC program would."""
        connection = VirtualReader(_READER, card).createConnection()
        connection.connect()
        self._link = WatchedLink(PyscardLink(connection), self._watch, self._source.clock)
        return self._link

    def _prepare(self, servers: Servers, station: Station) -> tuple[tuple[PreparedProfile, Installation], str]:
        if self._profile is None:
            profile = draw_profile(self._source.entropy("subscription"))
        else:
            profile = read_profile(self._profile)
        self._hide(*profile.secrets)
        self.codes = profile.codes
        order = Order(
            eid=station.eid,
            iccid=profile.iccid,
            mno_id=servers.parties.operator,
            package=profile.package,
            profile_type=profile.name,
            subscription=SubscriptionAddress(profile.imsi, self._number(profile)),
            attempts=self.attempts,
        )
        detail = f"{profile.elements} elements, {thousands(len(profile.package))} bytes, card eligible"
        return (profile, servers.sm_dp.begin(order)), detail

    def _number(self, profile: PreparedProfile) -> str:
        return profile.msisdn

    def _create(self, installation: Installation) -> tuple[None, str]:
        isd_p = installation.create_isdp()
        return None, f"ISD-P {isd_p.pix[-3:-1].hex().upper()}, selectable"

    def _establish(self, servers: Servers, station: Station, installation: Installation) -> tuple[None, str]:
        installation.establish_keyset()
        keys = servers.keys.get(station.eid, installation.isd_p, ISD_P_KVN)
        if keys is not None:
            self._hide(keys.enc, keys.mac, keys.dek)
        return None, "keys agreed (ECKA), receipt verified"

    def _download(self, installation: Installation, profile: PreparedProfile) -> tuple[None, str]:
        installed = installation.download(self._view.progress)
        installation.complete()
        left_out = f", {len(installed.warnings)} warnings" if installed.warnings else ""
        return None, f"{thousands(len(profile.package))} bytes, installed{left_out}"

    def _enable(self, servers: Servers, station: Station, profile: PreparedProfile) -> tuple[None, str]:
        servers.sm_dp.enable(station.eid, profile.iccid)
        asked = "REFRESH fetched, card reset" if station.modem.resets else "card reset"
        return None, f"{asked}, state audited"

    def _attach(self, station: Station, profile: PreparedProfile) -> tuple[NetworkStatus, str]:
        auc = AuC(self._source.entropy("AuC"))
        auc.add(profile.subscriber)
        found = attach(station.modem, auc, pin=profile.pin)
        algorithm = profile.algorithm
        network = NetworkStatus(
            imsi=found.imsi, algorithm=algorithm, attached=True, resynchronised=found.resynchronised
        )
        return network, f"{algorithm}, both sides authentic"

    def _audit(
        self, servers: Servers, station: Station, profile: PreparedProfile, network: NetworkStatus
    ) -> tuple[Status, str]:
        bearer = self._reach(servers, station)  # what attached took the channel
        status = take_stock(servers, station, bearer, profile, network)
        return status, "card and EIS agree"

    def _hide(self, *keys: PrivateKey | SecretKey | bytes) -> None:
        """Tell the trace which values are secret."""
        if self._trace is not None:
            self._trace.register(*map(_value, keys))


def _value(key: PrivateKey | SecretKey | bytes) -> bytes:
    if isinstance(key, PrivateKey):
        return key.to_bytes()
    return key.reveal() if isinstance(key, SecretKey) else key


def _keys_of(card: ManufacturedCard) -> Iterator[SecretKey]:
    """What EUM and SM-SR, or a bench engineer, know of a card."""
    for keys in (card.scp80, card.lab):
        if keys is not None:
            yield from (keys.enc, keys.mac, keys.dek)
    yield from card.scp81[1:]
