# SPDX-License-Identifier: Apache-2.0
"""The SOAP binding: envelopes to a `Service` and back (SGP.02 v4.2 annex B). Blocks; runs in threads.

A function is answered in the same exchange (200), an asynchronous one with 202 and a callback later; callbacks and
notifications get 202. What cannot be read gets a fault; a function that is refused gets its response, so that the
caller sees a status.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from apdu.errors import SecurityError
from smsr.api.functions import Function, Interface
from smsr.api.messages import Request, Response
from smsr.api.notifications import Notification
from smsr.api.soap import Received, SoapBinding
from smsr.kit.soap.addressing import Addressing, Endpoint, MessageId
from smsr.kit.soap.envelope import Fault, FaultCode, FaultSubcode, SoapError, build_fault, read_envelope
from smsr.kit.trust import Peer
from smsr.serving.http.answers import Answer, Refusal, busy, impostor, response_of, unreadable, wrong_role
from smsr.serving.parties import Parties
from smsr.serving.paths import Kind, caller, soap_path
from smsr.serving.service import Binding, Operation, Overloaded, ReplyTo, Service
from smsr.serving.soap_headers import SOAP, new_id, related_call

__all__ = ["SoapCalls"]

_ANONYMOUS: Final = "http://www.w3.org/2005/08/addressing/anonymous"
_UNKNOWN: Final = Addressing(
    sender=Endpoint(_ANONYMOUS), receiver=Endpoint(_ANONYMOUS), message_id=MessageId(""), relates_to=""
)
_UNSPECIFIED: Final = "http://www.w3.org/2005/08/addressing/unspecified"
"""RelatesTo of a fault to a message whose identifier could not be read (ws-addr-core 3.2)."""


@dataclass(frozen=True, slots=True)
class _Heard:
    """A message of a caller, with what it is here."""

    addressing: Addressing
    function: Function
    kind: Kind


class SoapCalls:
    """The messages of one service."""

    def __init__(self, service: Service, parties: Parties, binding: SoapBinding, url: str) -> None:
        """`url`: where the service is, without the path of an interface."""
        self._service = service
        self._parties = parties
        self._binding = binding
        self._url = url
        self._kinds: dict[tuple[Function, type[object]], Kind] = {}

    def accept(self, functions: Iterable[tuple[Function, Kind]]) -> None:
        """Which messages are taken; all others are none of this server's."""
        for function, kind in functions:
            message = function.response if kind is Kind.CALLBACK else function.request
            assert message is not None
            self._kinds[function, message] = kind

    def take(self, interface: Interface, peer: Peer, data: bytes) -> Answer:
        """A message that came to the path of an interface."""
        try:
            received = self._binding.read(data)
            heard = self._heard(interface, received)
        except SoapError as refused:
            return self._fault(interface, _addressing(data), refused.fault)
        identifier = received.message.call.identifier if isinstance(received.message, Request) else ""
        try:
            self._check(peer, heard)
            answer = self._hand_over(heard, received, peer)
        except Refusal as refusal:
            answer = self._refused(heard, refusal)
        except Overloaded as overload:
            wait = busy(overload)
            answer = self._fault(interface, heard.addressing, Fault(FaultCode.RECEIVER, wait.message))
            answer = replace(answer, status=wait.http, headers=wait.headers)
        return replace(answer, function=str(heard.function), identifier=identifier)

    def _heard(self, interface: Interface, received: Received) -> _Heard:
        function = received.function
        kind = self._kinds.get((function, type(received.message))) if function is not None else None
        if function is None or kind is None or function.interface is not interface:
            raise SoapError("this message is not taken here", subcode=FaultSubcode.ACTION_NOT_SUPPORTED)
        return _Heard(received.addressing, function, kind)

    def _check(self, peer: Peer, heard: _Heard) -> None:
        if heard.addressing.sender.entity_id != peer.oid:
            raise impostor()
        if caller(heard.function, heard.kind) != peer.role:
            raise wrong_role()

    def _hand_over(self, heard: _Heard, received: Received, peer: Peer) -> Answer:
        message = received.message
        if isinstance(message, Request):
            result = self._service.call(heard.function, message, self._reply(heard, peer))
            return self._accepted(heard, result)
        if isinstance(message, Response):
            self._service.answered(heard.function, message, peer.oid, related_call(heard.addressing))
        else:
            assert isinstance(message, Notification)
            self._service.notified(heard.function, message, peer.oid)
        return Answer(HTTPStatus.ACCEPTED, outcome="taken")

    def _reply(self, heard: _Heard, peer: Peer) -> ReplyTo | None:
        if Kind.told(heard.function) is not Kind.CALLBACK:
            return None
        at = heard.addressing
        wanted = "" if at.reply_to == _ANONYMOUS else at.reply_to
        try:
            self._parties.check_callback(peer.oid, wanted or at.sender.url)
            url = wanted or at.sender.url
        except SecurityError as refused:
            if wanted:
                raise unreadable(HTTPStatus.BAD_REQUEST, str(refused)) from None
            url = ""  # From only says who it is: the configured address is used
        return ReplyTo(
            binding=Binding.SOAP,
            url=url,
            message_id=at.message_id.text,
            transaction_id=at.message_id.transaction_id,
            context_id=at.message_id.context_id,
        )

    def _accepted(self, heard: _Heard, result: Response | Operation) -> Answer:
        if isinstance(result, Operation):
            return Answer(HTTPStatus.ACCEPTED, outcome=result.state.value)
        return self._response(heard, result)

    def _response(self, heard: _Heard, response: Response) -> Answer:
        body = self._binding.build(heard.function, response, self._headers(heard.function.interface, heard.addressing))
        outcome = f"{response.status.status} {response.status.code or ''}".rstrip()
        return Answer(HTTPStatus.OK, body, f"{SOAP}; charset=utf-8", outcome=outcome)

    def _refused(self, heard: _Heard, refusal: Refusal) -> Answer:
        if heard.kind is Kind.REQUEST:
            return self._response(heard, response_of(heard.function, refusal.status))
        fault = Fault(FaultCode.SENDER, refusal.message)
        return replace(self._fault(heard.function.interface, heard.addressing, fault), status=refusal.http)

    def _fault(self, interface: Interface, at: Addressing, fault: Fault) -> Answer:
        status = HTTPStatus.BAD_REQUEST if fault.code is FaultCode.SENDER else HTTPStatus.INTERNAL_SERVER_ERROR
        body = build_fault(self._headers(interface, at), fault)
        return Answer(status, body, f"{SOAP}; charset=utf-8", outcome=f"fault: {fault.reason}")

    def refusal(self, interface: Interface, refusal: Refusal) -> Answer:
        """For a message that nobody looked at."""
        code = FaultCode.SENDER if refusal.http < HTTPStatus.INTERNAL_SERVER_ERROR else FaultCode.RECEIVER
        answer = self._fault(interface, _UNKNOWN, Fault(code, refusal.message))
        return replace(answer, status=refusal.http, headers=refusal.headers)

    def _headers(self, interface: Interface, at: Addressing) -> Addressing:
        asked = at.message_id
        return Addressing(
            sender=Endpoint(f"{self._url}{soap_path(interface)}", self._service.oid),
            receiver=at.sender,
            message_id=new_id(self._service.oid, datetime.now(UTC), asked.transaction_id, asked.context_id),
            relates_to=asked.text or _UNSPECIFIED,
        )


def _addressing(data: bytes) -> Addressing:
    """The headers of a message that was refused, as far as they can be read."""
    try:
        return read_envelope(data)[0]
    except SoapError:
        return _UNKNOWN
