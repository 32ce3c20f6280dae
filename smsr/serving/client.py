# SPDX-License-Identifier: Apache-2.0
"""Clients of other servers: functions called, operations looked at, callbacks and notifications delivered.

Blocking, for any thread. A call whose answer is lost may be made again: it has the same FunctionCallIdentifier, and so
one effect and one answer (SGP.02 v4.2 5.1.5). The transaction of a call is named by that identifier too, so that its
callback finds it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from apdu.errors import DecodeError, M2mError, RemoteProtocolError
from smsr.api.functions import Exchange, Function
from smsr.api.json_codec import encode, receive
from smsr.api.messages import Request, Response
from smsr.api.notifications import Notification
from smsr.api.soap import SoapBinding
from smsr.kit.oid import Oid
from smsr.kit.soap.addressing import Addressing, Endpoint
from smsr.kit.soap.envelope import Fault, SoapError
from smsr.serving.connections import Connections, Reply
from smsr.serving.operations import decode_operation
from smsr.serving.parties import Parties, Party
from smsr.serving.paths import CALLBACK_URL, OPERATIONS, RELATES_TO, Kind, json_path, soap_path
from smsr.serving.service import Binding, Operation, OperationState, Overloaded, ReplyTo
from smsr.serving.soap_headers import SOAP, new_id

__all__ = ["Client", "NoAddress"]

_JSON: Final = "application/json"
_WAIT: Final = 5
"""Seconds before the next try, where a server that has no room does not say."""
_POLL: Final = (0.05, 2.0)
"""Seconds between two looks at an operation: at first, and at most."""


class NoAddress(M2mError):
    """There is nowhere to send it: the party only calls, and looks for its answers itself."""


@dataclass(frozen=True, slots=True)
class _Target:
    """Whom a message goes to, and how."""

    receiver: Oid
    binding: Binding
    url: str
    """Of the party, or, where `exact`, of the message."""
    exact: bool = False

    def path(self, function: Function, kind: Kind) -> str:
        if self.exact:
            return self.url
        at = soap_path(function.interface) if self.binding is Binding.SOAP else json_path(function, kind)
        return self.url.rstrip("/") + at


class Client:
    """This server as a client of others."""

    def __init__(self, own: Party, parties: Parties, connections: Connections, soap: SoapBinding) -> None:
        self._own = own
        self._parties = parties
        self._connections = connections
        self._soap = soap

    # --- functions

    def call(self, receiver: Party, function: Function, request: Request, callback: str = "") -> Response | Operation:
        """Call a function: its response, also one that says it was refused; or the operation that was accepted.

        `callback`: where the callback goes, if not to the configured address. Unreachable; Overloaded, with seconds;
        RemoteProtocolError for what is no answer. With SOAP an operation cannot be looked at: its `id` is empty.
        """
        if receiver.binding is Binding.SOAP:
            return self._call_soap(receiver, function, request, callback)
        headers = {CALLBACK_URL: callback} if callback else {}
        target = _Target(receiver.oid, receiver.binding, receiver.url)
        reply = self._post(target, function, Kind.REQUEST, encode(request), _JSON, headers)
        _check_room(reply)
        assert function.response is not None
        try:
            if function.exchange is Exchange.ASYNCHRONOUS and reply.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED):
                return decode_operation(reply.body, function, request.call.requester)
            if reply.type == _JSON:
                return receive(function.response, reply.body)
        except DecodeError as error:
            raise RemoteProtocolError(f"{function}: status {reply.status}, {error}") from None
        raise RemoteProtocolError(f"{function}: status {reply.status} without a response")

    def _call_soap(self, receiver: Party, function: Function, request: Request, callback: str) -> Response | Operation:
        target = _Target(receiver.oid, receiver.binding, receiver.url)
        headers = self._headers(target, function, Kind.REQUEST, request.call.identifier, reply_to=callback)
        body = self._soap.build(function, request, headers)
        reply = self._post(target, function, Kind.REQUEST, body, SOAP, {})
        _check_room(reply)
        if function.exchange is Exchange.ASYNCHRONOUS and reply.status == HTTPStatus.ACCEPTED:
            call, now = request.call, datetime.now(UTC)
            return Operation(
                id="",
                function=function,
                requester=call.requester,
                identifier=call.identifier,
                state=OperationState.ACCEPTED,
                accepted=now,
            )
        return self._read(function, headers, reply)

    def _read(self, function: Function, sent: Addressing, reply: Reply) -> Response:
        try:
            received = self._soap.read(reply.body)
        except SoapError as error:
            raise RemoteProtocolError(f"{function}: status {reply.status}, {error}") from None
        message = received.message
        if isinstance(message, Fault):
            raise RemoteProtocolError(f"{function}: {message.reason}")
        at = received.addressing
        if at.sender.entity_id != sent.receiver.entity_id or at.relates_to not in ("", sent.message_id.text):
            raise RemoteProtocolError(f"{function}: an answer of another server, or to another request")
        if received.function is not function or not isinstance(message, Response):
            raise RemoteProtocolError(f"{function}: the answer is another message")
        return message

    def operation(self, receiver: Party, found: Operation) -> Operation:
        """How far an operation is now."""
        url = f"{receiver.url.rstrip('/')}{OPERATIONS}/{found.id}"
        reply = self._connections.send(receiver.oid, "GET", url, {}, None)
        _check_room(reply)
        if reply.status != HTTPStatus.OK:
            raise RemoteProtocolError(f"operation {found.id}: status {reply.status}")
        try:
            return decode_operation(reply.body, found.function, found.requester)
        except DecodeError as error:
            raise RemoteProtocolError(f"operation {found.id}: {error}") from None

    def wait(self, receiver: Party, found: Operation, seconds: float) -> Operation:
        """Look at an operation until it is done, or the time is over."""
        end, pause = time.monotonic() + seconds, _POLL[0]
        while found.state is not OperationState.DONE and time.monotonic() < end:
            time.sleep(pause)
            found, pause = self.operation(receiver, found), min(2 * pause, _POLL[1])
        return found

    # --- what others are told

    def answer(self, receiver: Oid, function: Function, response: Response, reply: ReplyTo) -> None:
        """Deliver the callback of an asynchronous function.

        When this returns the receiver has it; NoAddress when it has none, every other M2mError: try again later.
        """
        target = self._target(receiver, reply)
        headers: dict[str, str] = {}
        if target.binding is Binding.JSON:
            body = encode(response)
            if reply.message_id:
                headers[RELATES_TO] = reply.message_id
        else:
            at = self._headers(
                target,
                function,
                Kind.CALLBACK,
                reply.transaction_id,
                context_id=reply.context_id,
                relates_to=reply.message_id,
            )
            body = self._soap.build(function, response, at)
        self._deliver(target, function, Kind.CALLBACK, body, headers)

    def notify(self, receiver: Oid, function: Function, notification: Notification) -> None:
        """Deliver a notification; as `answer`."""
        target = self._target(receiver)
        body = encode(notification)
        if target.binding is Binding.SOAP:
            body = self._soap.build(function, notification, self._headers(target, function, Kind.NOTIFICATION))
        self._deliver(target, function, Kind.NOTIFICATION, body, {})

    def _target(self, receiver: Oid, reply: ReplyTo | None = None) -> _Target:
        if reply is not None and reply.url:
            self._parties.check_callback(receiver, reply.url)  # the configuration may be another one by now
            return _Target(receiver, reply.binding, reply.url, exact=True)
        party = self._parties.find(receiver)
        if party is None or not party.url:
            raise NoAddress(f"{receiver} has no address")
        return _Target(receiver, party.binding if reply is None else reply.binding, party.url)

    def _deliver(self, target: _Target, function: Function, kind: Kind, body: bytes, headers: dict[str, str]) -> None:
        type = SOAP if target.binding is Binding.SOAP else _JSON
        reply = self._post(target, function, kind, body, type, headers)
        _check_room(reply)
        if not HTTPStatus.OK <= reply.status < HTTPStatus.MULTIPLE_CHOICES:
            raise RemoteProtocolError(f"{function}, {kind.value} to {target.receiver}: status {reply.status}")

    # --- both

    def _post(
        self, target: _Target, function: Function, kind: Kind, body: bytes, type: str, headers: dict[str, str]
    ) -> Reply:
        content = f"{type}; charset=utf-8" if target.binding is Binding.SOAP else type
        sent = {"Content-Type": content, **headers}
        return self._connections.send(target.receiver, "POST", target.path(function, kind), sent, body)

    def _headers(
        self,
        target: _Target,
        function: Function,
        kind: Kind,
        transaction_id: str = "",
        *,
        context_id: str = "",
        relates_to: str = "",
        reply_to: str = "",
    ) -> Addressing:
        own = self._own
        at = f"{own.url.rstrip('/')}{soap_path(function.interface)}" if own.url else f"urn:oid:{own.oid}"
        return Addressing(
            sender=Endpoint(at, own.oid, own.name),
            receiver=Endpoint(target.path(function, kind), target.receiver),
            message_id=new_id(own.oid, datetime.now(UTC), transaction_id, context_id),
            relates_to=relates_to,
            reply_to=reply_to,
        )


def _check_room(reply: Reply) -> None:
    if reply.status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
        raise Overloaded("the other server has no room for another call", reply.retry_after or _WAIT)
