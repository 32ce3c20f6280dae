# SPDX-License-Identifier: Apache-2.0
"""Every message is what GSMA's schema wants, comes back as it went, and has the action of GSMA's WSDL."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from apdu.errors import EncodeError
from smsr.api.functions import Exchange, Function, Message
from smsr.api.xml_parts import RPS
from smsr.kit.soap.envelope import SoapError
from tests.require import schemas_path
from tests.unit.soap.samples import ADDRESSING, BINDING, FUNCTIONS, every_message

WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
ACTION = "{http://www.w3.org/2007/05/addressing/metadata}Action"


@cache
def schema() -> etree.XMLSchema:
    """The bodies: GSMA's root schema does not compile, so its parts are included in one of ours (offcard.md 3.5)."""
    folder = schemas_path() / "xsd"
    includes = "".join(f'<xs:include schemaLocation="euicc.request.ES{number}.xsd"/>' for number in (1, 2, 3, 4))
    text = (
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{RPS.uri}" '
        f'elementFormDefault="qualified">{includes}</xs:schema>'
    )
    return etree.XMLSchema(etree.fromstring(text, base_url=str(folder / "all.xsd")))


@cache
def headers_schema() -> etree.XMLSchema:
    """WS-Addressing."""
    return etree.XMLSchema(etree.parse(str(schemas_path() / "xsd" / "import" / "ws-addr.xsd")))


@pytest.mark.parametrize(
    "function, element, message",
    [pytest.param(*each, id=f"{each[1]}-{at}") for at, each in enumerate(every_message())],
)
def test_each_message(function: Function, element: str, message: Message) -> None:
    relates = "" if element == function.request_element else "//1.2.3/urn:uuid:9?TransactionId=a&b=c"
    data = BINDING.build(function, message, replace(ADDRESSING, relates_to=relates))
    received = BINDING.read(data)
    assert received.message == message
    assert received.function is function
    assert replace(received.addressing, action="") == replace(ADDRESSING, relates_to=relates)
    header, (body,) = etree.fromstring(data)
    assert body.tag == f"{{{RPS.uri}}}{element}"
    for block in header:
        headers_schema().assertValid(etree.fromstring(etree.tostring(block)))
    if function.in_schema:
        schema().assertValid(etree.fromstring(etree.tostring(body)))


def _elements() -> set[str]:
    folder = schemas_path() / "xsd"
    parsed = (etree.parse(str(folder / f"euicc.request.ES{number}.xsd")) for number in (1, 2, 3, 4))
    return {str(each.get("name")) for tree in parsed for each in tree.getroot().iterchildren("{*}element")}


def test_what_the_schemas_have_is_there_and_nothing_is_said_to_be_in_them_that_is_not() -> None:
    ours = {function.request_element for function in FUNCTIONS if function.in_schema}
    ours |= {function.response_element for function in FUNCTIONS if function.in_schema and function.response}
    sm_sr_change = {name for name in _elements() if re.search("SMSRChange", name)}
    assert ours == _elements() - sm_sr_change
    later = {function.request_element for function in FUNCTIONS if not function.in_schema}
    assert later.isdisjoint(_elements())


def _wsdl_actions(path: Path) -> dict[str, list[str]]:
    """Action by element, of one WSDL: requests, responses, callbacks."""
    root = etree.parse(str(path)).getroot()
    elements = {
        str(message.get("name")): str(next(message.iterchildren(f"{WSDL}part")).get("element")).partition(":")[2]
        for message in root.findall(f"{WSDL}message")
    }
    found: dict[str, list[str]] = {}
    for end in root.iterfind(f"{WSDL}portType/{WSDL}operation/*"):
        element = elements[str(end.get("message")).partition(":")[2]]
        found.setdefault(element, []).append(str(end.get(ACTION)))
    return found


def _ours() -> dict[str, str]:
    found = {function.request_element: function.request_action for function in FUNCTIONS}
    return found | {function.response_element: function.response_action for function in FUNCTIONS if function.response}


def test_actions_are_those_of_the_wsdls() -> None:
    checked = 0
    for path in sorted(schemas_path().glob("ES[1-4]*.wsdl")):
        for element, actions in _wsdl_actions(path).items():
            if "SMSRChange" in element:
                continue
            assert actions == [_ours()[element]]
            checked += 1
    assert checked > 50


def test_ports_are_those_of_the_wsdls() -> None:
    for path in sorted(schemas_path().glob("ES[1-4]*.wsdl")):
        (port,) = (each.get("name") for each in etree.parse(str(path)).getroot().iter(f"{WSDL}port"))
        here = [each for each in FUNCTIONS if each.in_schema and port in (each.port, each.callback_port)]
        elements = {each.request_element for each in here if each.port == port}
        elements |= {each.response_element for each in here if each.exchange is Exchange.SYNCHRONOUS}
        elements |= {each.response_element for each in here if each.callback_port == port and each.interface == "ES3"}
        assert elements == {name for name in _wsdl_actions(path) if "SMSRChange" not in name}


def test_what_cannot_be_sent() -> None:
    function = next(each for each in FUNCTIONS if str(each) == "ES1.RegisterEIS")
    (request, *_), other = (every[2] for every in every_message() if every[0] is function), FUNCTIONS[0]
    with pytest.raises(EncodeError, match=r"no message of ES2\.GetEIS"):
        BINDING.build(other, request, ADDRESSING)
    stranger = replace(ADDRESSING, sender=ADDRESSING.receiver)
    with pytest.raises(EncodeError, match="is not sent by"):
        BINDING.build(function, request, stranger)


def test_an_eis_that_came_is_read() -> None:
    """What an EUM signed has to be an EumSignedInfo, whatever else is right."""
    for function, _, message in every_message():
        if getattr(message, "eis", None) is None:
            continue
        data = BINDING.build(function, message, ADDRESSING)
        assert b"ProductionDate>" in data
        with pytest.raises(SoapError):
            BINDING.read(data.replace(b"ProductionDate>", b"Productiondate>"))
