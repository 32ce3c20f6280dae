# SPDX-License-Identifier: Apache-2.0
"""The main job, step by step, each through the objects that do it elsewhere too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Final, TypeVar

from apdu.gp.codes import ISD_P_KVN
from apdu.keys.ec import PrivateKey
from apdu.keys.secret import SecretKey
from apdu.trace import Event
from emulator.card import Card
from emulator.device.link import CardLink, PyscardLink
from emulator.factory.eum import ManufacturedCard
from emulator.network.attach import attach
from emulator.network.auc import AuC
from emulator.profile import loader as _loader  # noqa: F401 - a card loads it at its first download, which is timed here
from emulator.readers.inprocess import VirtualReader
from smdp.server import Installation, Order
from smsr.api.eis_parts import SubscriptionAddress
from tools.cards.make import CardFiles
from tools.demo.link import WatchedLink
from tools.demo.report import NetworkStatus, Report, Status, Step
from tools.demo.stock import take_stock
from tools.demo.view import View
from tools.entropy import Source
from tools.errors import ToolError
from tools.meter import Meter
from tools.pki import Parties, make_eum, make_parties
from tools.rig import Servers, Station, make_servers, make_station, reach, register
from tools.subscription import PreparedProfile, ProfileFile, draw_profile, read_profile
from tools.text import thousands
from tools.tracefile import TraceFile

__all__ = ["Demo"]

T = TypeVar("T")

_READER: Final = "m2m-euicc demo"


class _Watch:
    """The observer of all parties: events go to the trace, if there is one; what a card says about itself is kept."""

    def __init__(self, trace: TraceFile | None) -> None:
        self._trace = trace
        self._fault: BaseException | None = None

    def event(self, event: Event) -> None:
        """Write it."""
        if self._trace is not None:
            self._trace.write(event)

    def internal_error(self, error: BaseException) -> None:
        """Keep the first: those that follow come of it."""
        self._fault = self._fault or error

    def check(self) -> None:
        """Raise what went wrong in a place that could not."""
        if self._fault is not None:
            name = type(self._fault).__name__
            raise ToolError(f"the card failed inside ({name}: {self._fault}): this is a fault of the emulator")
        if self._trace is not None:
            self._trace.check()


class Demo:
    """One run. What is known goes into the report as it comes, so that a run that fails has told its steps."""

    def __init__(
        self,
        source: Source,
        view: View,
        report: Report,
        *,
        profile: ProfileFile | None,
        timings: bool,
        trace: TraceFile | None,
        files: CardFiles | None = None,
    ) -> None:
        self.report = report
        self.made: ManufacturedCard | None = None
        """The card, once it is made."""
        self.codes: Mapping[str, str] = {}
        """PINs and ADM keys of the profile."""
        self._files = files
        self._source = source
        self._view = view
        self._profile = profile
        self._timings = timings
        self._trace = trace
        self._watch = _Watch(trace)
        self._link: WatchedLink | None = None

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
        self._view.begin(name)
        meter = Meter() if self._timings else None
        before = self._apdus
        start = time.perf_counter()
        with meter.watch() if meter is not None else nullcontext():
            result, detail = action()
        seconds = time.perf_counter() - start
        self._watch.check()
        usages = tuple(meter.usages()) if meter is not None else ()
        step = Step(name=name, detail=detail, seconds=seconds, apdus=self._apdus - before, operations=usages)
        self.report.steps.append(step)
        self._view.end(step)
        return result

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
        image = self._files.image if self._files is not None else None
        station = make_station(eum, self._source, self._insert, self._watch, image)
        self.report.eid = station.eid
        self.made = station.made
        self._hide(*_keys_of(station.made))
        register(servers, station, self._source.clock)
        reach(servers, station, self._source, self._watch)
        return (servers, station), "card made, EIS signed and verified"

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
            subscription=SubscriptionAddress(profile.imsi, profile.msisdn),
        )
        detail = f"{profile.elements} elements, {thousands(len(profile.package))} bytes, card eligible"
        return (profile, servers.sm_dp.begin(order)), detail

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
        bearer = reach(servers, station, self._source, self._watch)  # the attach took the channel
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
