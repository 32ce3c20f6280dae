# SPDX-License-Identifier: Apache-2.0
"""CC-OC-01, -06 and what else is refused before a function runs: each time nothing has reached the service."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Exchange, Function
from smsr.api.json_codec import decode, encode, schemas
from smsr.api.messages import Request, Response
from smsr.api.status import Status
from smsr.kit.soap.addressing import Endpoint
from smsr.kit.soap.envelope import Fault
from smsr.serving.connections import Reply
from smsr.serving.paths import Kind, json_path, soap_path
from smsr.serving.service import Binding
from tests.support.serving import OIDS, Lab, caller_name, requests_of, sample_of
from tests.unit.soap.samples import ADDRESSING, BINDING, samples

CALLED = [pytest.param("sm-sr", each, id=f"sm-sr-{each}") for each in requests_of(SM_SR_FUNCTIONS)]
CALLED += [pytest.param("sm-dp", each, id=f"sm-dp-{each}") for each in requests_of(SM_DP_FUNCTIONS)]
NOTIFICATIONS = [each for each in SM_SR_FUNCTIONS if each.exchange is Exchange.NOTIFICATION]
WRONG: dict[str, Any] = {"string": [7], "integer": "many", "boolean": "perhaps", "array": "none", "object": 9}


def _smallest(function: Function) -> Request:
    """With nothing in it that may be missing."""
    name = caller_name(function.interface)
    found = [each for each in samples(function.request) if isinstance(each, Request)]
    request = min(found, key=lambda each: len(encode(each)))
    return replace(request, call=replace(request.call, requester=OIDS[name], identifier="1"))


# --- JSON


def _json_mutants(function: Function) -> Iterator[tuple[str, bytes, str]]:
    """What was done, the body, and the reason code that it must get."""
    message = json.loads(encode(_smallest(function)))
    (reference,), components = schemas([function.request])
    schema = components[reference["$ref"].rpartition("/")[2]]
    for name in schema["required"]:
        yield f"{name} missing", _json({key: value for key, value in message.items() if key != name}), "2.2"
    yield "unknown member", _json({**message, "surplus": 1}), "2.1"
    for name, each in schema["properties"].items():
        yield f"{name} of another type", _json({**message, name: _wrong(each, components)}), "2.1"
        yield f"{name} null", _json({**message, name: None}), "2.1" if name in schema["required"] else ""
    yield "a list", b"[]", "2.1"
    yield "nothing", b"", "2.1"
    yield "half of it", _json(message)[:-5], "2.1"
    yield "more behind it", _json(message) + b"{}", "2.1"
    yield "every member twice", _json(message)[:-1] + b"," + _json(message)[1:], "2.1"
    yield "no UTF-8", _json(message).replace(b'"', b"\xff", 1), "2.1"
    yield "deep", b'{"eid":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "2.1"
    yield "a large number", _json({**message, "validity_period": 10**400}), "2.1"


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _wrong(schema: dict[str, Any], components: dict[str, Any]) -> Any:
    if "anyOf" in schema:
        return _wrong(schema["anyOf"][0], components)
    if "$ref" in schema:
        return _wrong(components[schema["$ref"].rpartition("/")[2]], components)
    return WRONG[schema["type"]]


@pytest.mark.parametrize("provider, function", CALLED)
def test_cc_oc_01_json_that_is_no_request(lab: Lab, provider: str, function: Function) -> None:
    count = 0
    for what, body, reason in _json_mutants(function):
        if not reason:
            continue
        count += 1
        answer = lab.post(
            caller_name(function.interface), provider, json_path(function, Kind.REQUEST), body, "application/json"
        )
        assert answer.status == 400, what
        status = _refusal(function, answer)
        assert (status.status, str(status.code)) == (Status.FAILED, f"1.3.1/{reason}"), what
        assert 0 < len(status.message) < 300, what
        assert "Traceback" not in status.message
        assert lab.services[provider].untouched, what
    assert count > 10


def _refusal(function: Function, answer: Reply) -> Any:
    assert function.response is not None
    assert answer.type == "application/json"
    return decode(function.response, answer.body).status


# --- SOAP


def _soap_mutants(function: Function) -> Iterator[tuple[str, bytes]]:
    request = _smallest(function)
    data = BINDING.build(function, request, _at(request))
    count = len(etree.fromstring(data)[1][0])
    for at in range(count):
        yield f"element {at} missing", _changed(data, lambda body, at=at: body.remove(body[at]))  # type: ignore[misc]
        yield f"element {at} twice", _changed(data, lambda body, at=at: body.insert(at, _copy(body[at])))  # type: ignore[misc]
        yield f"element {at} of another type", _changed(data, lambda body, at=at: _spoil(body[at]))  # type: ignore[misc]
    yield "unknown element", _changed(data, lambda body: body.append(etree.Element("surplus")))
    yield "unknown attribute", _changed(data, lambda body: body.set("surplus", "1"))
    yield "text", _changed(data, lambda body: setattr(body, "text", "surplus"))
    yield "another namespace", data.replace(b"esim-messaging/3", b"esim-messaging/4")
    yield "half of it", data[: len(data) // 2]
    yield "nothing", b""
    yield "no From", _without_header(data, "From")
    yield "no MessageID", _without_header(data, "MessageID")
    yield "another action", data.replace(function.request_action.encode(), b"http://gsma.com/ES3/Other/ES3-Nothing")
    yield (
        "SOAP 1.1",
        data.replace(b"http://www.w3.org/2003/05/soap-envelope", b"http://schemas.xmlsoap.org/soap/envelope/"),
    )


def _at(request: Request) -> Any:
    sender = Endpoint("https://a.example", request.call.requester)
    return replace(ADDRESSING, sender=sender, reply_to="")


def _changed(data: bytes, change: Callable[[etree._Element], object]) -> bytes:
    document = etree.fromstring(data)
    change(document[1][0])
    return etree.tostring(document)


def _copy(element: etree._Element) -> etree._Element:
    return etree.fromstring(etree.tostring(element))


def _spoil(element: etree._Element) -> None:
    """A simple element gets an element in it, others a text."""
    if len(element):
        element.text = "surplus"
    else:
        etree.SubElement(element, "surplus")


def _without_header(data: bytes, name: str) -> bytes:
    document = etree.fromstring(data)
    header = document[0]
    header.remove(next(each for each in header if etree.QName(each).localname == name))
    return etree.tostring(document)


@pytest.mark.parametrize("provider, function", CALLED)
def test_cc_oc_01_soap_that_is_no_request(lab: Lab, provider: str, function: Function) -> None:
    count = 0
    for what, body in _soap_mutants(function):
        count += 1
        answer = lab.post(
            caller_name(function.interface), provider, soap_path(function.interface), body, "application/soap+xml"
        )
        assert answer.status == (500 if what == "SOAP 1.1" else 400), what
        fault = BINDING.read(answer.body)
        assert isinstance(fault.message, Fault), what
        assert 0 < len(fault.message.reason) < 300, what
        assert fault.addressing.relates_to, what
        assert lab.services[provider].untouched, what
    assert count > 10


@pytest.mark.parametrize("function", NOTIFICATIONS, ids=str)
def test_cc_oc_01_notifications_that_are_none(lab: Lab, function: Function) -> None:
    server = "sm-dp" if function.interface == "ES3" else "operator"
    message = json.loads(encode(samples(function.request)[0]))
    path = json_path(function, Kind.NOTIFICATION)
    for body in (b"", b"{}", _json({**message, "surplus": 1}), _json({**message, "completion_timestamp": 7})):
        answer = lab.post("sm-sr", server, path, body, "application/json")
        assert answer.status == 400
        assert list(json.loads(answer.body)) == ["error"]
    assert lab.services[server].untouched


# --- who


@pytest.mark.parametrize("binding", Binding)
@pytest.mark.parametrize("provider, function", CALLED)
def test_cc_oc_06_the_message_names_another_requester(
    lab: Lab, provider: str, function: Function, binding: Binding, caplog: pytest.LogCaptureFixture
) -> None:
    name = caller_name(function.interface)
    other = OIDS["eum" if name != "eum" else "operator"]
    stranger = replace(_smallest(function), call=replace(_smallest(function).call, requester=other))
    answer = lab.post(name, provider, *lab.body(function, stranger, binding, provider))
    if binding is Binding.JSON:
        assert answer.status == 403
        response = decode(function.response or Response, answer.body)
    else:
        found = BINDING.read(answer.body).message
        assert isinstance(found, Response)
        response = found
    assert (response.status.status, str(response.status.code)) == (Status.FAILED, "1.1/1.1")
    assert lab.services[provider].untouched
    noted = [each for each in caplog.records if each.levelname == "WARNING"]
    assert len(noted) == 1
    assert vars(noted[0])["m2m_fields"]["caller"] == OIDS[name]
    assert vars(noted[0])["m2m_fields"]["function"] == str(function)


def test_cc_oc_06_a_callback_and_a_notification_of_another(lab: Lab) -> None:
    callback = next(each for each in SM_SR_FUNCTIONS if str(each) == "ES3.CreateISDP")
    response, notification = samples(callback.response or Response)[0], samples(NOTIFICATIONS[0].request)[0]
    for function, message in ((callback, response), (NOTIFICATIONS[0], notification)):
        at = replace(ADDRESSING, sender=Endpoint("https://a.example", OIDS["operator"]))
        data = BINDING.build(function, message, at)
        answer = lab.post("sm-sr", "sm-dp", "/soap/es3", data, "application/soap+xml")
        assert answer.status == 403
        assert isinstance(BINDING.read(answer.body).message, Fault)
    assert lab.services["sm-dp"].untouched


@pytest.mark.parametrize("binding", Binding)
@pytest.mark.parametrize("provider, function", CALLED)
def test_each_function_has_one_role(lab: Lab, provider: str, function: Function, binding: Binding) -> None:
    for name, oid in OIDS.items():
        if name == caller_name(function.interface):
            continue
        request = replace(_smallest(function), call=replace(_smallest(function).call, requester=oid))
        answer = lab.post(name, provider, *lab.body(function, request, binding, provider))
        if binding is Binding.JSON:
            assert answer.status == 403
            response = decode(function.response or Response, answer.body)
        else:
            found = BINDING.read(answer.body).message
            assert isinstance(found, Response)
            response = found
        assert str(response.status.code) == "1.1/1.2"
    assert lab.services[provider].untouched


def test_only_the_other_side_tells(lab: Lab) -> None:
    callback = next(each for each in SM_SR_FUNCTIONS if str(each) == "ES3.CreateISDP")
    body = encode(samples(callback.response or Response)[0])
    for name in ("eum", "operator", "sm-dp"):
        answer = lab.post(name, "sm-dp", json_path(callback, Kind.CALLBACK), body, "application/json")
        assert answer.status == 403
        assert list(json.loads(answer.body)) == ["error"]
    assert lab.services["sm-dp"].untouched


@pytest.mark.parametrize("header", ["X-SSL-Client-S-DN", "X-Forwarded-Client-Cert", "X-Client-Cert", "m2m.peer"])
def test_atk_35_a_header_makes_nobody_somebody_else(lab: Lab, header: str) -> None:
    function = next(each for each in SM_SR_FUNCTIONS if str(each) == "ES4.GetEIS")
    body = encode(sample_of(function, "operator", "1"))
    more = {header: str(OIDS["operator"]), "Function-Requester": str(OIDS["operator"])}
    answer = lab.post("sm-dp", "sm-sr", "/es4/GetEIS", body, "application/json", more)
    assert answer.status == 403
    assert lab.services["sm-sr"].untouched


# --- messages that belong elsewhere


def test_a_message_of_another_port_is_not_taken(lab: Lab) -> None:
    by_name = {str(each): each for each in SM_SR_FUNCTIONS}
    sent = [
        ("operator", "/soap/es3", by_name["ES4.GetEIS"], sample_of(by_name["ES4.GetEIS"], "operator", "1")),
        ("sm-dp", "/soap/es4", by_name["ES3.GetEIS"], sample_of(by_name["ES3.GetEIS"], "sm-dp", "1")),
        ("sm-dp", "/soap/es3", by_name["ES3.GetEIS"], samples(by_name["ES3.GetEIS"].response or Response)[0]),
        ("sm-sr", "/soap/es3", NOTIFICATIONS[0], samples(NOTIFICATIONS[0].request)[0]),
    ]
    for name, path, function, message in sent:
        at = replace(ADDRESSING, sender=Endpoint("https://a.example", OIDS[name]))
        answer = lab.post(name, "sm-sr", path, BINDING.build(function, message, at), "application/soap+xml")
        found = BINDING.read(answer.body).message
        assert isinstance(found, Fault)
        assert (answer.status, found.subcode) == (400, "ActionNotSupported")
    assert lab.services["sm-sr"].untouched


@pytest.mark.parametrize(
    "path",
    ["/", "/es3", "/es3/", "/es3/Nothing", "/ES3/GetEIS", "/es3/GetEIS/", "//es3/GetEIS", "/es3/../es3/GetEIS",
     "/es3/GetEIS%00", "/es3/GetEIS;a=b", "/docs/../es3/GetEIS", "/docs/%2e%2e/%2e%2e/etc/passwd", "/docs/",
     "/docs/swagger-ui.js", "/es7/HandoverEUICC", "/es3/callback/CreateISDP", "/soap/es7", "/soap", "/operations",
     "/es3\\GetEIS", "/.env", "/operations/../health/live"],
)  # fmt: skip
def test_paths_that_lead_nowhere(lab: Lab, path: str) -> None:
    body = encode(sample_of(next(each for each in SM_SR_FUNCTIONS if str(each) == "ES3.GetEIS"), "sm-dp", "1"))
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n"
    found = lab.raw("sm-dp", "sm-sr", f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert found.split(b" ", 2)[1] in (b"400", b"404", b"405")
    assert found.count(b"HTTP/1.1") == 1
    assert lab.services["sm-sr"].untouched


def test_other_methods_are_told_which_there_is(lab: Lab) -> None:
    assert lab.get("sm-dp", "sm-sr", "/es3/GetEIS").status == 405
    assert lab.get("sm-dp", "sm-sr", "/soap/es3").status == 405
    assert lab.post("sm-dp", "sm-sr", "/openapi.json", b"", "application/json").status == 405


@pytest.mark.parametrize(
    "type",
    ["", "text/plain", "application/xml", "text/xml", "application/x-www-form-urlencoded",
     "application/json; charset=latin-1", "application/jsonp", "multipart/form-data; boundary=a",
     "application/octet-stream", "application/json, text/html"],
)  # fmt: skip
def test_other_types_of_content(lab: Lab, type: str) -> None:
    function = next(each for each in SM_SR_FUNCTIONS if str(each) == "ES3.GetEIS")
    request = sample_of(function, "sm-dp", "1")
    for binding in Binding:
        path, body, _ = lab.body(function, request, binding, "sm-sr")
        assert lab.post("sm-dp", "sm-sr", path, body, type).status == 415
    path, body, right = lab.body(function, request, Binding.JSON, "sm-sr")
    assert lab.post("sm-dp", "sm-sr", path, body, right, {"Content-Encoding": "gzip"}).status == 415
    assert lab.services["sm-sr"].untouched


@pytest.mark.parametrize(
    "type", ["application/json", "application/json; charset=utf-8", 'Application/JSON; charset="UTF-8"']
)
def test_types_of_content_that_are_the_same(lab: Lab, type: str) -> None:
    function = next(each for each in SM_SR_FUNCTIONS if str(each) == "ES3.GetEIS")
    path, body, _ = lab.body(function, sample_of(function, "sm-dp", "1"), Binding.JSON, "sm-sr")
    assert lab.post("sm-dp", "sm-sr", path, body, type).status == 200


@pytest.mark.parametrize("size", [2 * 1024 * 1024 + 1, 12 * 1024 * 1024])
def test_too_large_a_body_is_not_kept(lab: Lab, size: int) -> None:
    for path, type in (("/es3/GetEIS", "application/json"), ("/soap/es3", "application/soap+xml")):
        assert lab.post("sm-dp", "sm-sr", path, b" " * size, type).status == 413
    chunks = b"".join(b"10000\r\n" + b" " * 0x10000 + b"\r\n" for _ in range(size // 0x10000 + 1))
    head = (
        "POST /es3/GetEIS HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert lab.raw("sm-dp", "sm-sr", head.encode() + chunks + b"0\r\n\r\n").startswith(b"HTTP/1.1 413 ")
    assert lab.services["sm-sr"].untouched


def test_who_asks_before_it_sends_too_much_is_told_at_once(lab: Lab) -> None:
    head = "POST /es3/GetEIS HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nExpect: 100-continue\r\n"
    found = lab.raw("sm-dp", "sm-sr", f"{head}Content-Length: 9999999\r\n\r\n".encode())
    assert found.startswith(b"HTTP/1.1 413 ")
