# SPDX-License-Identifier: Apache-2.0
"""Every path of a server, what may come there, and what happens then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Final

import msgspec

from smsr.api.functions import Function, Interface
from smsr.kit.oid import Oid
from smsr.kit.trust import Peer
from smsr.serving.http.answers import JSON, Answer, Refusal, error, sentence, wrong_role
from smsr.serving.http.docs import documents
from smsr.serving.http.json_calls import JsonCalls
from smsr.serving.http.metrics import METRICS_TYPE, Metrics
from smsr.serving.http.site import Site
from smsr.serving.http.soap_calls import SoapCalls
from smsr.serving.paths import CALLBACK_URL, OPERATIONS, RELATES_TO, Kind, caller, json_path, soap_path
from smsr.serving.service import Binding
from smsr.serving.soap_headers import SOAP

__all__ = ["Route", "Sent", "observed_routes", "routes_of"]


@dataclass(frozen=True, slots=True)
class Sent:
    """What a caller sent."""

    peer: Peer | None
    path: str
    headers: Mapping[str, str]
    """By names in lower case."""
    body: bytes = b""

    @property
    def caller(self) -> Peer:
        """Who it is; Refusal where nobody showed a certificate."""
        if self.peer is None:
            raise wrong_role()
        return self.peer


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One path."""

    handle: Callable[[Sent], Answer]
    name: str
    """For log and metrics."""
    binding: str = "http"
    takes: str = ""
    """Type of the bodies that are sent there; empty: there are none, one only looks."""
    role: Oid | None = None
    """Who may, where it is one role."""
    refuse: Callable[[Refusal], Answer] = sentence
    reads: bool = False
    """Whether it only looks at what is in the database."""

    @property
    def method(self) -> str:
        """The one that there is."""
        return "POST" if self.takes else "GET"


def routes_of(site: Site) -> Mapping[str, Route]:
    """Of the listener with certificates. The one of `OPERATIONS` stands for all paths below it."""
    calls = JsonCalls(site.service, site.parties)
    routes = {json_path(function, kind): _json(calls, function, kind) for function, kind in site.messages()}
    soap = SoapCalls(site.service, site.parties, site.soap, site.url)
    soap.accept(site.messages())
    for interface in {function.interface for function, _ in site.messages()}:
        routes[soap_path(interface)] = Route(
            handle=lambda sent, interface=interface: soap.take(interface, sent.caller, sent.body),  # type: ignore[misc]
            name=interface,
            binding=Binding.SOAP,
            takes=SOAP,
            refuse=partial(soap.refusal, interface),
        )
    routes[OPERATIONS] = Route(handle=partial(_operation, calls), name="operation", binding=Binding.JSON, reads=True)
    for path, document in documents(site).items():
        routes[path] = Route(handle=partial(_constant, document), name="document")
    return {**routes, **observed_routes(site)}


def observed_routes(site: Site) -> Mapping[str, Route]:
    """Health and figures: for whoever runs the server."""
    alive = Answer(HTTPStatus.OK, msgspec.json.encode({"status": "alive"}), JSON)
    return {
        "/health/live": Route(handle=partial(_constant, alive), name="live"),
        "/health/ready": Route(handle=partial(_ready, site), name="ready"),
        "/metrics": Route(handle=partial(_metrics, site.metrics), name="metrics"),
    }


_HEADERS: Final = {Kind.REQUEST: CALLBACK_URL.lower(), Kind.CALLBACK: RELATES_TO.lower(), Kind.NOTIFICATION: ""}


def _json(calls: JsonCalls, function: Function, kind: Kind) -> Route:
    header = _HEADERS[kind]

    def take(sent: Sent) -> Answer:
        return calls.take(function, kind, sent.caller.oid, sent.body, sent.headers.get(header, ""))

    return Route(
        handle=take,
        name=str(function),
        binding=Binding.JSON,
        takes=JSON,
        role=caller(function, kind),
        reads=function.reads and function.interface is not Interface.ES2,  # those an SM-DP asks an SM-SR
        refuse=partial(calls.refused, function) if kind is Kind.REQUEST else sentence,
    )


def _operation(calls: JsonCalls, sent: Sent) -> Answer:
    return calls.operation(sent.caller.oid, sent.path.removeprefix(f"{OPERATIONS}/"))


def _constant(answer: Answer, _: Sent) -> Answer:
    return answer


def _ready(site: Site, _: Sent) -> Answer:
    if reason := site.ready():
        return error(HTTPStatus.SERVICE_UNAVAILABLE, reason)
    return Answer(HTTPStatus.OK, msgspec.json.encode({"status": "ready"}), JSON)


def _metrics(metrics: Metrics, _: Sent) -> Answer:
    return Answer(HTTPStatus.OK, metrics.text(), METRICS_TYPE)
