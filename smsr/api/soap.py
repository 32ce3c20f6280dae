# SPDX-License-Identifier: Apache-2.0
"""The SOAP binding: typed messages to envelopes and back, without any input or output (SGP.02 v4.2 annex B).

Who calls is not in a request's body: FunctionRequester is the entity of `wsa:From`. Which message it is, the element in
the body says; its action must be the same function's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lxml import etree

from apdu.errors import DecodeError, EncodeError
from smsr.api.functions import Function, Message
from smsr.api.messages import Call, Request, Response
from smsr.api.xml_messages import BY_ELEMENT, BY_TYPE, REQUEST_HEAD, RESPONSE_HEAD, Rows
from smsr.api.xml_parts import RPS
from smsr.kit.soap.addressing import Addressing
from smsr.kit.soap.declare import Record, nested
from smsr.kit.soap.document import LIMITS, Limits, split_name
from smsr.kit.soap.envelope import Fault, FaultSubcode, SoapError, build_envelope, read_envelope
from smsr.kit.soap.signature import DS

__all__ = ["Received", "SoapBinding"]

_LIBERTIES: Final = re.compile(r"\s|Request$|Response$")


@dataclass(frozen=True, slots=True)
class Received:
    """A message that came; of a fault nobody knows the function but who asked for it."""

    addressing: Addressing
    message: Message | Fault
    function: Function | None = None


@dataclass(frozen=True, slots=True)
class _Element:
    """One element that can stand in a body."""

    name: str
    function: Function
    action: str
    message: type[Message]
    record: Record[Message]


class SoapBinding:
    """The messages of some functions."""

    def __init__(
        self,
        functions: Iterable[Function],
        by_type: Mapping[type[Message], Rows] = BY_TYPE,
        by_element: Mapping[str, Rows] = BY_ELEMENT,
        limits: Limits = LIMITS,
    ) -> None:
        self._limits = limits
        self._elements: dict[str, _Element] = {}
        for function in functions:
            for name, action, message in _messages(function):
                rows = (*_head(message), *by_element.get(name, by_type[message]))
                record = Record(_maker(message), rows, RPS)
                self._elements[name] = _Element(name, function, action, message, record)

    def build(self, function: Function, message: Message, addressing: Addressing) -> bytes:
        """The envelope of a request, response, callback or notification; the function gives it its action."""
        names = (function.request_element, function.response_element)
        known = (self._elements.get(name) for name in names)
        found = next((each for each in known if each is not None and each.message is type(message)), None)
        if found is None:
            raise EncodeError(f"{type(message).__name__} is no message of {function}")
        if isinstance(message, Request) and message.call.requester != addressing.sender.entity_id:
            raise EncodeError(f"a request of {message.call.requester} is not sent by {addressing.sender.entity_id}")
        body = found.record.write(f"{RPS.prefix}:{found.name}", message)
        return build_envelope(replace(addressing, action=found.action), body, (RPS, DS))

    def read(self, data: bytes) -> Received:
        """The message in an envelope; SoapError, with the fault to answer, for everything else."""
        addressing, body = read_envelope(data, self._limits)
        if addressing.sender.entity_id is None:
            raise SoapError("header From names no EntityId", subcode=FaultSubcode.INVALID_HEADER)
        if isinstance(body, Fault):
            return Received(addressing, body)
        found = self._find(body, addressing.action)
        try:
            values = found.record.read_values(body)
            if issubclass(found.message, Request):
                values["call.requester"] = addressing.sender.entity_id
            return Received(addressing, found.record.make(values), found.function)
        except DecodeError as error:
            raise SoapError(str(error.inside(found.name))) from None

    def _find(self, body: etree._Element, action: str) -> _Element:
        namespace, name = split_name(body)
        found = self._elements.get(name)
        if found is None or namespace != RPS.uri:
            raise SoapError(
                f"{name[:80]} of namespace {namespace[:80] or 'none'} is no message that is taken here",
                subcode=FaultSubcode.ACTION_NOT_SUPPORTED,
            )
        if _plain(action) != _plain(found.action):
            raise SoapError(f"action {action[:120]} is not that of {name}", subcode=FaultSubcode.ACTION_NOT_SUPPORTED)
        return found


def _messages(function: Function) -> Iterator[tuple[str, str, type[Message]]]:
    yield function.request_element, function.request_action, function.request
    if function.response is not None:
        yield function.response_element, function.response_action, function.response


def _head(message: type[Message]) -> Rows:
    if issubclass(message, Request):
        return REQUEST_HEAD
    return RESPONSE_HEAD if issubclass(message, Response) else ()


def _maker(message: type[Message]) -> Callable[[dict[str, object]], Message]:
    return nested(message, call=Call) if issubclass(message, Request) else nested(message)


def _plain(action: str) -> str:
    """An action without what peers are known to write in other ways."""
    return _LIBERTIES.sub("", action).replace("Managent", "Management")
