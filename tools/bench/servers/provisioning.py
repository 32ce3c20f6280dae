# SPDX-License-Identifier: Apache-2.0
"""ES2.DownloadProfile with activation, from an operator's call to the callback, for many cards at a time.

Three processes: the SM-SR with the cards, the SM-DP, and this one, which is the operator: it calls, and its own server
takes the callbacks and notifications.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import quantiles
from typing import Final

from apdu.ids import Eid
from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smdp.api.messages import DownloadProfileRequest
from smdp.api.xml_messages import BY_ELEMENT, BY_TYPE
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Function
from smsr.api.messages import Call, Request, Response
from smsr.api.notifications import Notification
from smsr.api.soap import SoapBinding
from smsr.kit.folder import PkiFolder
from smsr.kit.oid import ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR, Oid
from smsr.kit.tls import LiveTrust, client_context, server_context
from smsr.serving.client import Client
from smsr.serving.connections import Connections
from smsr.serving.http.app import App
from smsr.serving.http.limits import Limits
from smsr.serving.http.server import HttpServer, Tls
from smsr.serving.http.site import Site
from smsr.serving.parties import Parties, Party
from smsr.serving.service import Binding, Operation, ReplyTo
from tools.bench.measure import Better, Budget, Effort, Figure, Metric, Sample
from tools.bench.servers.child import Order
from tools.bench.servers.processes import ServerProcess, processors, running
from tools.errors import ToolError
from tools.lab.layout import HOST, PROFILE_TYPE, Lab

__all__ = ["Databases", "provisioning_metrics"]

_ROWS: Final = {str(each): each for each in (*SM_SR_FUNCTIONS, *SM_DP_FUNCTIONS)}
_DOWNLOAD: Final = _ROWS["ES2.DownloadProfile"]
_SOAP: Final = SoapBinding((*SM_DP_FUNCTIONS, *SM_SR_FUNCTIONS), BY_TYPE, BY_ELEMENT)
_PATIENCE: Final = 120.0
_WINDOWS: Final = 10
"""Parts of a run, for its spread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """Other databases than those of the lab."""

    sm_sr: str = ""
    sm_dp: str = ""


@dataclass(slots=True)
class _Download:
    """One card's."""

    begun: float
    over: threading.Event = field(default_factory=threading.Event)
    ended: float = 0.0
    response: Response | None = None


class _Operator:
    """What an operator does with what it is told (Service)."""

    def __init__(self, oid: Oid) -> None:
        self._oid = oid
        self.downloads: dict[str, _Download] = {}

    @property
    def oid(self) -> Oid:
        """Who it is."""
        return self._oid

    @property
    def functions(self) -> Sequence[Function]:
        """It has none."""
        return ()

    def call(self, function: Function, request: Request, reply: ReplyTo | None = None) -> Response | Operation:
        """Nobody calls it."""
        raise AssertionError(f"{function} of an operator")

    def operation(self, requester: Oid, id: str) -> Operation | None:
        """It has none."""
        return None

    def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
        """It takes note."""

    def answered(self, function: Function, response: Response, sender: Oid, relates_to: str) -> None:
        """A download is over."""
        found = self.downloads[relates_to]
        if not found.over.is_set():
            found.response, found.ended = response, time.perf_counter()
            found.over.set()


class _Run:
    """The operator's process."""

    def __init__(self, lab: Lab, binding: Binding) -> None:
        folder, now = PkiFolder(lab.pki), time.time()
        own, listening = client_context(folder, "operator", now), server_context(folder, "operator", now)
        trust = LiveTrust(folder, own, listening)
        self._lab = lab
        self._operator = _Operator(lab.oid("operator"))
        self._connections = Connections(own, trust.current)
        url = f"https://{HOST}:{lab.ports.operator}"
        party = Party(oid=self._operator.oid, role=ROLE_OPERATOR, url=url, binding=binding)
        self._client = Client(party, Parties(), self._connections, _SOAP)
        self._sm_dp = Party(
            oid=lab.oid("sm-dp"), role=ROLE_SM_DP, url=f"https://{HOST}:{lab.ports.sm_dp}", binding=binding
        )
        partners = Parties([self._sm_dp, Party(oid=lab.oid("sm-sr"), role=ROLE_SM_SR, binding=binding)])
        site = Site(
            title="operator",
            service=self._operator,
            soap=_SOAP,
            url=url,
            told=tuple(_ROWS.values()),
            parties=partners,
        )
        self._server = HttpServer(App(site), HOST, lab.ports.operator, Limits(), Tls(listening, trust))

    def provision(self, eids: Sequence[str], at_a_time: int) -> list[_Download]:
        """All of them, so many at a time; those that failed are a ToolError."""
        self._server.start()
        try:
            with ThreadPoolExecutor(at_a_time) as pool:
                downloads = list(pool.map(self._download, eids))
        finally:
            self._server.close()
            self._connections.close()
        failed = [each for each in downloads if each.response is None or not each.response.status.is_success]
        if failed:
            why = failed[0].response.status if failed[0].response is not None else "no callback"
            raise ToolError(f"{len(failed)} of {len(eids)} provisionings failed, the first with {why}")
        return downloads

    def _download(self, eid: str) -> _Download:
        oid = self._operator.oid
        request = DownloadProfileRequest(
            call=Call(oid, f"download-{eid}"),
            eid=Eid.from_string(eid),
            smsr_id=self._lab.oid("sm-sr"),
            profile_type=PROFILE_TYPE,
            enable_profile=True,
        )
        download = self._operator.downloads[request.call.identifier] = _Download(time.perf_counter())
        found = self._client.call(self._sm_dp, _DOWNLOAD, request)
        if isinstance(found, Response):
            download.response = found
        else:
            download.over.wait(_PATIENCE)
        return download


def provisioning_metrics(
    lab: Lab, effort: Effort, binding: Binding = Binding.JSON, databases: Databases = Databases(), suffix: str = ""
) -> Iterator[Metric]:
    """The SM-SR with its cards on one processor, the SM-DP on another; the operator on either."""
    downloads, cpu = _measure(lab, effort, binding, databases)
    ends = sorted(each.ended for each in downloads)
    begin = min(each.begun for each in downloads)
    rate = Sample(len(ends) / (ends[-1] - begin), Sample.of(_windows(begin, ends)).spread)
    yield Metric(f"provisioning{suffix}", Figure(rate, "/s"), Budget(20, Better.HIGHER))
    latencies = [each.ended - each.begun for each in downloads]
    whole, high = Sample.of(latencies), quantiles(latencies, n=20, method="inclusive")[-1]
    yield Metric(f"provisioning{suffix}_p50", Figure(whole, "s"))
    yield Metric(f"provisioning{suffix}_p95", Figure(Sample(high, 0.0), "s"), Budget(2, Better.LOWER))
    for name, seconds in zip(("sm_sr", "sm_dp", "operator"), cpu, strict=True):
        yield Metric(f"cpu_{name}{suffix}", Figure(Sample(seconds / len(ends) * 1e3, 0.0), "ms"))


def _measure(
    lab: Lab, effort: Effort, binding: Binding, databases: Databases
) -> tuple[list[_Download], tuple[float, ...]]:
    cpus = processors()
    count, folder = effort.provisionings, str(lab.path)
    orders = (
        Order(server="sm-sr", lab=folder, database=databases.sm_sr, binding=binding.value, cards=count, cpu=cpus[0]),
        Order(
            server="sm-dp", lab=folder, database=databases.sm_dp, binding=binding.value, profiles=count, cpu=cpus[-1]
        ),
    )
    with running(*orders) as (sm_sr, sm_dp):
        eids = sm_sr.wait()
        sm_dp.wait()
        before = _cpu(sm_sr, sm_dp)
        downloads = _Run(lab, binding).provision(eids, effort.at_a_time)
        after = _cpu(sm_sr, sm_dp)
    return downloads, tuple(end - begin for begin, end in zip(before, after, strict=True))


def _cpu(*servers: ServerProcess) -> tuple[float, ...]:
    return (*(each.cpu() for each in servers), time.process_time())


def _windows(begin: float, ends: list[float]) -> list[float]:
    """How many a second there were in the parts of a run."""
    size = max(1, len(ends) // _WINDOWS)
    edges = [begin, *ends[size - 1 :: size]]
    return [size / (end - start) for start, end in itertools.pairwise(edges)]
