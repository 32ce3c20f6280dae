# SPDX-License-Identifier: Apache-2.0
"""A foreign SOAP stack that knows GSMA's WSDLs only: what it writes is read, and what is written it reads."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from lxml import etree

from smsr.api import messages as m
from smsr.api.functions import Exchange, Function, Message
from smsr.api.xml_parts import RPS
from smsr.kit.soap.writer import Namespace
from tests.require import require, schemas_path
from tests.unit.kit.world import EID, SM_DP_OID
from tests.unit.soap.samples import ADDRESSING, BINDING, FUNCTIONS, every_message

require("zeep")

import zeep  # noqa: E402  # after it is known to be there
from zeep.helpers import serialize_object  # noqa: E402

WSA = Namespace("http://www.w3.org/2005/08/addressing", "wsa")
WSDLS = ("ES1_SMSR", "ES2_SMDP", "ES2_MNO", "ES3_SMSR", "ES3_SMDP", "ES4_SMSR", "ES4_MNO")


@cache
def _client(name: str) -> zeep.Client:
    return zeep.Client(str(schemas_path() / f"{name}.wsdl"))


@cache
def _operations() -> dict[str, tuple[zeep.Client, Any, str]]:
    """Client, service and operation for each element that is sent to a port."""
    found = {}
    for client in map(_client, WSDLS):
        for service in client.wsdl.services.values():
            for port in service.ports.values():
                bound = client.bind(service.name, port.name)
                for operation in port.binding.all().values():
                    found[operation.input.body.qname.localname] = (client, bound, operation.name)
    return found


def _from() -> etree._Element:
    sender = etree.Element(f"{{{WSA.uri}}}From")
    etree.SubElement(sender, f"{{{WSA.uri}}}Address").text = str(ADDRESSING.sender)
    return sender


def _values(client: zeep.Client, element: str, body: etree._Element) -> dict[str, Any]:
    """What zeep makes of an element."""
    kind = client.wsdl.types.get_element(f"{{{RPS.uri}}}{element}")
    values = serialize_object(kind.parse(body, client.wsdl.types), dict)
    assert isinstance(values, dict)
    return _with_empty(values)


def _with_empty(values: dict[str, Any]) -> dict[str, Any]:
    """An element with nothing in it is None to zeep, which then misses it."""
    for name, value in values.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                _with_empty(each)
        if value is None and name in ("SubscriptionAddress", "newSubscriptionAddress", "pol2"):
            values[name] = {}
    return values


SENT = [
    pytest.param(function, element, message, id=f"{element}-{at}")
    for at, (function, element, message) in enumerate(every_message())
    if function.in_schema
]


def _is_answer(function: Function, element: str) -> bool:
    """Answers of synchronous functions are no operation of any WSDL; those of ES2 and ES4 callbacks are missing."""
    return element == function.response_element and (
        function.exchange is Exchange.SYNCHRONOUS or function.interface != "ES3"
    )


def _same(came: object, message: Message) -> bool:
    """zeep writes what is signed anew, where it must with other prefixes: what the octets say is the same."""
    if isinstance(message, m.RegisterEisRequest | m.EisResponse) and message.eis is not None:
        assert isinstance(came, type(message))
        assert came.eis is not None
        assert came.eis.info == message.eis.info
        return replace(came, eis=replace(came.eis, signed=message.eis.signed)) == message
    return came == message


@pytest.mark.parametrize("function, element, message", SENT)
def test_each_message(function: Function, element: str, message: Message) -> None:
    data = BINDING.build(function, message, ADDRESSING)
    _, (body,) = etree.fromstring(data)
    if _is_answer(function, element):
        client, _, _ = _operations()[function.request_element]
        document = etree.fromstring(data)
        values = _values(client, element, body)
        kind = client.wsdl.types.get_element(f"{{{RPS.uri}}}{element}")
        document[1].clear()
        kind.render(document[1], kind(**values))
        assert _same(BINDING.read(etree.tostring(document)).message, message)
        return
    client, bound, operation = _operations()[element]
    sent = client.create_message(bound, operation, **_values(client, element, body), _soapheaders=[_from()])
    received = BINDING.read(etree.tostring(sent))
    assert _same(received.message, message)
    assert received.function is function
    assert received.addressing.action.startswith("http://gsma.com/")


def test_a_request_written_by_hand() -> None:
    client, bound, operation = _operations()["ES3-CreateISDPRequest"]
    values = {"FunctionCallIdentifier": "dp-7", "ValidityPeriod": 3600, "Eid": str(EID), "Iccid": "8988211000000123451"}
    more = {"Mno-id": "1.2.3", "RequiredMemory": 65536, "MoreToDo": True}
    sent = client.create_message(bound, operation, **values, **more, _soapheaders=[_from()])
    received = BINDING.read(etree.tostring(sent))
    assert isinstance(received.message, m.CreateIsdpRequest)
    assert received.message.call == m.Call(SM_DP_OID, "dp-7", 3600)
    assert (received.message.required_memory, received.message.more_to_do) == (65536, True)
    assert received.addressing.receiver.url == "http://gsma.org/esim-messaging/3/ES3/ES3SmSrService"


def test_a_synchronous_answer_is_read_as_one() -> None:
    function = next(each for each in FUNCTIONS if str(each) == "ES4.GetEIS")
    answers = [every[2] for every in every_message() if every[1] == function.response_element]
    _, bound, name = _operations()[function.request_element]
    operation = bound._binding.get(name)
    for answer in answers:
        assert isinstance(answer, m.EisResponse)
        data = BINDING.build(function, answer, replace(ADDRESSING, relates_to="//1.2.3/1"))
        read = operation.process_reply(etree.fromstring(data))
        body = getattr(read, "body", read)
        assert body.FunctionExecutionStatus.Status == answer.status.status.value
        assert (body.Eis is None) == (answer.eis is None)
        if answer.eis is not None:
            assert body.Eis.EumSignedInfo.Eid.upper() == str(EID).upper()
            assert len(body.Eis.ProfileInfo) == len(answer.eis.profiles)
