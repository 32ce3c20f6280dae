# SPDX-License-Identifier: Apache-2.0
"""Servers of both bindings on loopback with certificates, over a service that only keeps what it was asked."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Exchange, Function, Interface, Message
from smsr.api.json_codec import encode
from smsr.api.messages import Call, Request, Response
from smsr.api.notifications import Notification
from smsr.api.status import SUCCESS
from smsr.kit.folder import PkiFolder, read_certificate
from smsr.kit.oid import ROLE_EUM, ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR, Oid
from smsr.kit.pki import Authority, Identity
from smsr.kit.soap.addressing import Endpoint
from smsr.kit.tls import LiveTrust, client_context, server_context
from smsr.serving.client import Client
from smsr.serving.connections import Connections, Reply
from smsr.serving.http.app import App
from smsr.serving.http.limits import Limits
from smsr.serving.http.server import HttpServer, Tls
from smsr.serving.http.site import Site
from smsr.serving.parties import Parties, Party
from smsr.serving.paths import Kind, json_path, soap_path
from smsr.serving.service import Binding, Operation, OperationState, ReplyTo
from tests.unit.soap.samples import ADDRESSING, BINDING, samples
from tools.pkidir.operations import initialise
from tools.pkidir.vault import FILES

__all__ = ["NAMES", "OIDS", "Lab", "StubService", "caller_name", "requests_of", "sample_of"]

NAMES: Final = {ROLE_EUM: "eum", ROLE_SM_DP: "sm-dp", ROLE_SM_SR: "sm-sr", ROLE_OPERATOR: "operator"}
OIDS: Final = {name: Oid(f"2.999.10.{number}") for number, name in enumerate(NAMES.values(), start=2)}
_SIDES: Final = {
    "sm-sr": (SM_SR_FUNCTIONS, ()),
    "sm-dp": (SM_DP_FUNCTIONS, [each for each in SM_SR_FUNCTIONS if each.interface is Interface.ES3]),
    "operator": ((), [*SM_DP_FUNCTIONS, *(each for each in SM_SR_FUNCTIONS if each.interface is Interface.ES4)]),
}
"""What each server does, and what it is told about."""


def requests_of(functions: Sequence[Function]) -> list[Function]:
    """Those that somebody calls."""
    return [each for each in functions if each.exchange is not Exchange.NOTIFICATION]


def caller_name(interface: Interface) -> str:
    """Who calls the functions of an interface."""
    return {Interface.ES1: "eum", Interface.ES3: "sm-dp"}.get(interface, "operator")


def sample_of(function: Function, name: str, identifier: str) -> Request:
    """A request of a function by one of the parties."""
    request = samples(function.request)[0]
    assert isinstance(request, Request)
    return replace(request, call=Call(OIDS[name], identifier))


@dataclass(slots=True)
class StubService:
    """Answers what it was told to; keeps what came."""

    oid: Oid
    functions: Sequence[Function]
    respond: Callable[[Function, Request], Response] | None = None
    calls: list[tuple[Function, Request, ReplyTo | None]] = field(default_factory=list)
    notifications: list[tuple[Function, Notification, Oid]] = field(default_factory=list)
    answers: list[tuple[Function, Response, Oid, str]] = field(default_factory=list)
    operations: dict[str, Operation] = field(default_factory=dict)

    def call(self, function: Function, request: Request, reply: ReplyTo | None = None) -> Response | Operation:
        self.calls.append((function, request, reply))
        if function.exchange is Exchange.SYNCHRONOUS:
            return self._response(function, request)
        operation = Operation(
            id=f"op-{len(self.operations)}",
            function=function,
            requester=request.call.requester,
            identifier=request.call.identifier,
            state=OperationState.ACCEPTED,
            accepted=datetime.now(UTC),
        )
        self.operations[operation.id] = operation
        return operation

    def _response(self, function: Function, request: Request) -> Response:
        assert function.response is not None
        return self.respond(function, request) if self.respond is not None else function.response(status=SUCCESS)

    def finish(self, id: str, response: Response) -> None:
        """Say what became of an operation."""
        self.operations[id] = replace(self.operations[id], state=OperationState.DONE, response=response)

    def operation(self, requester: Oid, id: str) -> Operation | None:
        found = self.operations.get(id)
        return found if found is not None and found.requester == requester else None

    def notified(self, function: Function, notification: Notification, sender: Oid) -> None:
        self.notifications.append((function, notification, sender))

    def answered(self, function: Function, response: Response, sender: Oid, relates_to: str) -> None:
        self.answers.append((function, response, sender, relates_to))

    @property
    def untouched(self) -> bool:
        """Nothing came."""
        return not (self.calls or self.notifications or self.answers or self.operations)

    def forget(self) -> None:
        """As new."""
        for each in (self.calls, self.notifications, self.answers, self.operations):
            each.clear()


class _Known(Parties):
    """Those that listen by now."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(allowed=("https://also.example/in",))
        self._lab = lab

    def find(self, oid: Oid) -> Party | None:
        return next((self._lab.party(name) for name in self._lab.urls if OIDS[name] == oid), None)


class Lab:
    """A folder of certificates and the servers that run with it."""

    def __init__(self, path: Path) -> None:
        initialise(path, FILES)
        self.folder = PkiFolder(path)
        self.urls: dict[str, str] = {}
        self.services: dict[str, StubService] = {}
        self.known = _Known(self)
        self._talks: dict[str, Connections] = {}
        self._servers: list[HttpServer] = []
        self._connections: list[Connections] = []

    def site(self, name: str, limits: Limits | None = None) -> Site:
        """A server's site, not yet listening."""
        does, told = _SIDES[name]
        service = self.services.setdefault(name, StubService(OIDS[name], tuple(does)))
        return Site(
            title=name.upper(),
            service=service,
            soap=BINDING,
            url=f"https://{name}.example",
            told=tuple(told),
            parties=self.known,
            limits=limits or Limits(),
            gauges={"queue_length": lambda: 3.0},
        )

    def serve(self, name: str, limits: Limits | None = None, now: Callable[[], float] = time.time) -> str:
        """Let a server listen; its URL."""
        site = self.site(name, limits)
        context = server_context(self.folder, name, time.time())
        tls = Tls(context, LiveTrust(self.folder, context))
        server = HttpServer(App(site), "127.0.0.1", 0, site.limits, tls, now)
        host, port = server.start()
        self._servers.append(server)
        self.urls[name] = f"https://{host}:{port}"
        return self.urls[name]

    def party(self, name: str, binding: Binding = Binding.JSON) -> Party:
        """A server that listens."""
        role = next(role for role, each in NAMES.items() if each == name)
        return Party(oid=OIDS[name], role=role, url=self.urls.get(name, ""), binding=binding)

    def client(self, name: str, binding: Binding = Binding.JSON) -> Client:
        """Somebody who calls the others, and tells them in one binding."""
        context = client_context(self.folder, name, time.time())
        trust = LiveTrust(self.folder, context)
        connections = Connections(context, trust.current, timeout=10)
        self._connections.append(connections)
        parties = Parties([self.party(each, binding) for each in self.urls])
        return Client(self.party(name), parties, connections, BINDING)

    def body(self, function: Function, message: Message, binding: Binding, receiver: str) -> tuple[str, bytes, str]:
        """Path, body and type of a message."""
        kind = Kind.CALLBACK if isinstance(message, Response) else Kind.REQUEST
        if isinstance(message, Notification):
            kind = Kind.NOTIFICATION
        if binding is Binding.JSON:
            return json_path(function, kind), encode(message), "application/json"
        sender = message.call.requester if isinstance(message, Request) else OIDS["sm-sr"]
        at = replace(
            ADDRESSING, sender=Endpoint("https://a.example", sender), receiver=Endpoint("https://b", OIDS[receiver])
        )
        data = BINDING.build(function, message, replace(at, reply_to=""))
        return soap_path(function.interface), data, "application/soap+xml; charset=utf-8"

    def get(self, name: str, server: str, path: str) -> Reply:
        """What a party sees there."""
        return self._talk(name).send(OIDS[server], "GET", self.urls[server] + path, {}, None)

    def post(
        self, name: str, server: str, path: str, body: bytes, type: str, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """What a party is told when it sends that."""
        sent = {"Content-Type": type, **(headers or {})}
        return self._talk(name).send(OIDS[server], "POST", self.urls[server] + path, sent, body)

    def authority(self) -> Authority:
        """The CI, with its key."""
        certificate = read_certificate(self.folder.path / "ci/1/x509.pem")
        return Authority(Oid("2.999.10.1"), certificate, FILES.files(self.folder.path / "ci/1").open("x509"))

    def context_of(self, made: Identity, path: Path) -> ssl.SSLContext:
        """For a client with a certificate that is not in the folder."""
        (path / "tls.pem").write_bytes(made.certificate.public_bytes(Encoding.PEM))
        form = PrivateFormat.PKCS8, NoEncryption()
        (path / "tls.key").write_bytes(made.key.key.private_bytes(Encoding.PEM, *form))
        context = ssl.create_default_context(cafile=self.folder.authorities()[0])
        context.load_cert_chain(path / "tls.pem", path / "tls.key")
        return context

    def touch_lists(self) -> None:
        """So that a server looks at everything again."""
        for path in self.folder.lists():
            os.utime(path)

    def connect(self, name: str, server: str, timeout: float = 5) -> ssl.SSLSocket:
        """A connection on which anything can be sent."""
        context = client_context(self.folder, name, time.time())
        host, _, port = self.urls[server].removeprefix("https://").partition(":")
        return context.wrap_socket(socket.create_connection((host, int(port)), timeout), server_hostname=host)

    def raw(self, name: str, server: str, data: bytes) -> bytes:
        """Everything that comes back for bytes, until the server ends the connection or says nothing for a while."""
        with self.connect(name, server, timeout=1) as connection:
            found = b""
            try:
                connection.sendall(data)
                while part := connection.recv(65536):
                    found += part
            except (TimeoutError, ConnectionError, ssl.SSLError):
                pass
            return found

    def _talk(self, name: str) -> Connections:
        if name not in self._talks:
            context = client_context(self.folder, name, time.time())
            self._talks[name] = Connections(context, LiveTrust(self.folder, context).current, timeout=10)
        return self._talks[name]

    def close(self) -> None:
        """Stop them all."""
        for connections in (*self._connections, *self._talks.values()):
            connections.close()
        for server in self._servers:
            server.close()
