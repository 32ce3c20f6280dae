# SPDX-License-Identifier: Apache-2.0
"""A foreign SOAP client that knows GSMA's WSDLs calls every function of our servers over mutual TLS.

What goes back, and what our servers tell others, is valid against GSMA's schemas.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Exchange, Function, Interface
from smsr.api.messages import Request, Response
from smsr.api.notifications import Notification
from smsr.api.xml_parts import RPS
from smsr.serving.connections import Connections
from smsr.serving.paths import Kind, soap_path
from smsr.serving.service import Binding, ReplyTo
from tests.interop import test_zeep as by_zeep
from tests.require import require
from tests.support.serving import OIDS, Lab, caller_name, requests_of
from tests.unit.soap.samples import ADDRESSING, BINDING, samples
from tests.unit.soap.test_messages import headers_schema, schema

require("zeep")

import requests  # noqa: E402  # zeep's
import zeep  # noqa: E402

CALLED = [pytest.param("sm-sr", each, id=str(each)) for each in requests_of(SM_SR_FUNCTIONS) if each.in_schema]
CALLED += [pytest.param("sm-dp", each, id=str(each)) for each in requests_of(SM_DP_FUNCTIONS) if each.in_schema]
TOLD = [each for each in (*SM_SR_FUNCTIONS, *SM_DP_FUNCTIONS) if each.in_schema and Kind.told(each) is not None]
LISTENERS = {Interface.ES2: "operator", Interface.ES3: "sm-dp", Interface.ES4: "operator"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """An SM-SR, an SM-DP and an operator."""
    lab = Lab(tmp_path_factory.mktemp("zeep") / "pki")
    try:
        for name in ("sm-sr", "sm-dp", "operator"):
            lab.serve(name)
        yield lab
    finally:
        lab.close()


@pytest.fixture
def lab(servers: Lab) -> Lab:
    """The servers, with nothing kept."""
    for service in servers.services.values():
        service.forget()
    return servers


def test_each_function_that_the_schemas_have_is_among_them() -> None:
    asked = {each.request_element for each in (*SM_SR_FUNCTIONS, *SM_DP_FUNCTIONS) if each.in_schema}
    known = {name for name in by_zeep._operations() if "SMSRChange" not in name and name.endswith("Request")}
    assert known <= asked


@pytest.mark.parametrize("provider, function", CALLED)
def test_each_function(lab: Lab, provider: str, function: Function) -> None:
    name, service = caller_name(function.interface), lab.services[provider]
    foreign = _Foreign(lab, name, function, provider)
    for request in samples(function.request):
        assert isinstance(request, Request)
        request = replace(request, call=replace(request.call, requester=OIDS[name]))
        for response in samples(function.response or Response):
            assert isinstance(response, Response)
            service.forget()
            service.respond = lambda *_, given=response: given
            answer = foreign.call(request)
            assert len(service.calls) == 1
            called, came, reply = service.calls[0]
            assert called is function
            assert by_zeep._same(came, request)
            if function.exchange is Exchange.ASYNCHRONOUS:
                assert (answer.status_code, answer.content) == (202, b"")
                assert reply is not None
                assert reply.binding is Binding.SOAP
                break
            assert answer.status_code == 200
            assert _checked(answer.content) == function.response_element
            status = foreign.last.FunctionExecutionStatus
            assert status.Status == response.status.status.value
            data = status.StatusCodeData
            assert (data and (data.Subject, data.Reason)) == _pair(response)


def _pair(response: Response) -> tuple[str, str] | None:
    code = response.status.code
    return None if code is None else (code.subject, code.reason)


class _Foreign:
    """zeep with a certificate."""

    def __init__(self, lab: Lab, name: str, function: Function, provider: str) -> None:
        session = requests.Session()
        session.trust_env = False
        party = lab.folder.path / name / "1"
        session.cert = str(party / "tls.pem"), str(party / "tls.key")
        session.verify = str(lab.folder.authorities()[0])
        session.hooks["response"].append(self._keep)
        self._client, bound, self._operation = by_zeep._operations()[function.request_element]
        self._function, self._name = function, name
        own = zeep.Client(self._client.wsdl.location, transport=zeep.Transport(session=session))
        url = lab.urls[provider] + soap_path(function.interface)
        self._service = own.create_service(str(bound._binding.name), url)
        self.last: Any = None

    def _keep(self, response: requests.Response, *_: object, **__: object) -> None:
        self._response = response

    def call(self, request: Request) -> requests.Response:
        """By the WSDL: values and not XML, and headers that the WSDL does not make."""
        at = replace(ADDRESSING, sender=replace(ADDRESSING.sender, entity_id=OIDS[self._name]))
        _, (body,) = etree.fromstring(BINDING.build(self._function, request, at))
        values = by_zeep._values(self._client, self._function.request_element, body)
        sender = etree.Element(f"{{{by_zeep.WSA.uri}}}From")
        etree.SubElement(
            sender, f"{{{by_zeep.WSA.uri}}}Address"
        ).text = f"https://a.example?EntityId={OIDS[self._name]}"
        found = getattr(self._service, self._operation)(**values, _soapheaders=[sender])
        self.last = getattr(found, "body", found)
        return self._response


@pytest.mark.parametrize("function", TOLD, ids=str)
def test_each_callback_and_notification(lab: Lab, function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    original = Connections.send

    def recorded(self: Connections, receiver: str, method: str, url: str, headers: object, body: bytes) -> object:
        sent.append(body)
        return original(self, receiver, method, url, headers, body)  # type: ignore[arg-type]

    monkeypatch.setattr(Connections, "send", recorded)
    listener = LISTENERS[function.interface]
    client = lab.client("sm-dp" if function.interface is Interface.ES2 else "sm-sr", Binding.SOAP)
    reply = ReplyTo(binding=Binding.SOAP, message_id="//1.2.3/a?TransactionId=t&b=c", transaction_id="t")
    for message in samples(function.response or function.request):
        if isinstance(message, Notification):
            client.notify(OIDS[listener], function, message)
        else:
            assert isinstance(message, Response)
            client.answer(OIDS[listener], function, message, reply)
        expected = function.request_element if isinstance(message, Notification) else function.response_element
        assert _checked(sent[-1]) == expected


def _checked(data: bytes) -> str:
    """The name of the element in the body of an envelope that GSMA's schemas and that of WS-Addressing find valid."""
    header, body = etree.fromstring(data)
    for block in header:
        headers_schema().assertValid(block)
    message = etree.fromstring(etree.tostring(body[0]))
    schema().assertValid(message)
    assert etree.QName(message).namespace == RPS.uri
    return etree.QName(message).localname
