# SPDX-License-Identifier: Apache-2.0
"""The JSON binding: bodies to typed messages for a `Service`, and what it says to bodies. Blocks; runs in threads."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus

from apdu.errors import DecodeError, SecurityError
from smsr.api.functions import Function
from smsr.api.json_codec import encode, receive
from smsr.api.messages import Request, Response
from smsr.api.notifications import Notification
from smsr.kit.oid import Oid
from smsr.serving.http.answers import (
    JSON,
    Answer,
    Refusal,
    busy,
    error,
    impostor,
    malformed,
    response_of,
    sentence,
    unreadable,
)
from smsr.serving.operations import encode_operation
from smsr.serving.parties import Parties
from smsr.serving.paths import OPERATIONS, Kind
from smsr.serving.service import Binding, Operation, Overloaded, ReplyTo, Service

__all__ = ["JsonCalls"]


class JsonCalls:
    """The messages of one service."""

    __slots__ = ("_parties", "_service")

    def __init__(self, service: Service, parties: Parties) -> None:
        self._service = service
        self._parties = parties

    def take(self, function: Function, kind: Kind, sender: Oid, body: bytes, told: str) -> Answer:
        """A message that came; `told` is the header that belongs to its kind: the callback's address, or the call."""
        if kind is Kind.REQUEST:
            return self._request(function, sender, body, told)
        try:
            if kind is Kind.CALLBACK:
                assert function.response is not None
                self._service.answered(function, receive(function.response, body), sender, told)
            else:
                assert issubclass(function.request, Notification)
                self._service.notified(function, receive(function.request, body), sender)
        except DecodeError as found:
            return sentence(malformed(found))
        except Overloaded as overload:
            return sentence(busy(overload))
        return Answer(HTTPStatus.NO_CONTENT, outcome="taken")

    def _request(self, function: Function, requester: Oid, body: bytes, callback: str) -> Answer:
        identifier = ""
        try:
            request = _read(function, requester, body)
            identifier = request.call.identifier
            reply = self._reply(function, request, callback)
            result = self._service.call(function, request, reply)
        except Refusal as refusal:
            return replace(self.refused(function, refusal), identifier=identifier)
        except Overloaded as overload:
            return replace(self.refused(function, busy(overload)), identifier=identifier)
        return replace(_operation(result) if isinstance(result, Operation) else _answer(result), identifier=identifier)

    def _reply(self, function: Function, request: Request, callback: str) -> ReplyTo | None:
        if Kind.told(function) is not Kind.CALLBACK:
            return None
        if callback:
            try:
                self._parties.check_callback(request.call.requester, callback)
            except SecurityError as refused:
                raise unreadable(HTTPStatus.BAD_REQUEST, str(refused)) from None
        return ReplyTo(binding=Binding.JSON, url=callback, message_id=request.call.identifier)

    def refused(self, function: Function, refusal: Refusal) -> Answer:
        """A function that did not run."""
        answer = _answer(response_of(function, refusal.status))
        return replace(answer, status=refusal.http, headers=refusal.headers)

    def operation(self, requester: Oid, id: str) -> Answer:
        """How far an operation is; those of others are not there."""
        found = self._service.operation(requester, id)
        if found is None:
            return error(HTTPStatus.NOT_FOUND, "no such operation")
        return replace(_operation(found), status=HTTPStatus.OK)


def _read(function: Function, requester: Oid, body: bytes) -> Request:
    assert issubclass(function.request, Request)
    try:
        request = receive(function.request, body, requester)
    except DecodeError as found:
        raise malformed(found) from None
    if request.call.requester != requester:
        raise impostor()
    return request


def _answer(response: Response) -> Answer:
    return Answer(HTTPStatus.OK, encode(response), JSON, outcome=_outcome(response))


def _operation(found: Operation) -> Answer:
    headers = {"Location": f"{OPERATIONS}/{found.id}"}
    done = found.response is not None
    outcome = _outcome(found.response) if found.response is not None else found.state.value
    return Answer(HTTPStatus.OK if done else HTTPStatus.ACCEPTED, encode_operation(found), JSON, headers, outcome)


def _outcome(response: Response) -> str:
    status = response.status
    return " ".join(filter(None, (status.status.value, str(status.code or ""))))
