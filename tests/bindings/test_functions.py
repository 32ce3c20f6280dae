# SPDX-License-Identifier: Apache-2.0
"""Every function, callback and notification over mutual TLS in both bindings: what one side says the other hears."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from smdp.api.functions import FUNCTIONS as SM_DP_FUNCTIONS
from smsr.api.functions import FUNCTIONS as SM_SR_FUNCTIONS
from smsr.api.functions import Exchange, Function, Interface
from smsr.api.messages import Request, Response
from smsr.api.notifications import Notification
from smsr.kit.oid import Oid
from smsr.serving.client import NoAddress
from smsr.serving.connections import Unreachable
from smsr.serving.parties import Parties, Party
from smsr.serving.paths import Kind, json_path
from smsr.serving.service import Binding, Operation, OperationState, Overloaded, ReplyTo
from tests.support.serving import OIDS, Lab, caller_name, requests_of, sample_of
from tests.unit.soap.samples import samples

CALLED = [("sm-sr", each) for each in requests_of(SM_SR_FUNCTIONS)]
CALLED += [("sm-dp", each) for each in requests_of(SM_DP_FUNCTIONS)]
LISTENERS = {Interface.ES2: "operator", Interface.ES3: "sm-dp", Interface.ES4: "operator"}
TOLD = [each for each in (*SM_SR_FUNCTIONS, *SM_DP_FUNCTIONS) if Kind.told(each) is not None]


def _id(value: object) -> str | None:
    return str(value) if isinstance(value, Function | Binding | str) else None


@pytest.mark.parametrize("binding", Binding, ids=_id)
@pytest.mark.parametrize("provider, function", CALLED, ids=_id)
def test_each_function(lab: Lab, provider: str, function: Function, binding: Binding) -> None:
    name, service = caller_name(function.interface), lab.services[provider]
    client, party = lab.client(name, binding), lab.party(provider, binding)
    assert function.response is not None
    for request in samples(function.request)[:3]:
        assert isinstance(request, Request)
        request = replace(request, call=replace(request.call, requester=OIDS[name]))
        for response in samples(function.response):
            assert isinstance(response, Response)
            service.forget()
            service.respond = lambda *_, given=response: given
            result = client.call(party, function, request)
            assert [each[:2] for each in service.calls] == [(function, request)]
            if function.exchange is Exchange.SYNCHRONOUS:
                assert result == response
                assert service.calls[0][2] is None
            else:
                assert isinstance(result, Operation)
                assert (result.state, result.identifier) == (OperationState.ACCEPTED, request.call.identifier)


@pytest.mark.parametrize("binding", Binding, ids=_id)
@pytest.mark.parametrize("function", TOLD, ids=_id)
def test_each_callback_and_notification(lab: Lab, function: Function, binding: Binding) -> None:
    listener = LISTENERS[function.interface]
    sender = "sm-dp" if function.interface is Interface.ES2 else "sm-sr"
    client, service = lab.client(sender, binding), lab.services[listener]
    reply = ReplyTo(binding=binding, message_id="dp <1>" if binding is Binding.JSON else "//1.2.3/a?TransactionId=dp-1")
    for message in samples(function.response or function.request):
        service.forget()
        if isinstance(message, Notification):
            client.notify(OIDS[listener], function, message)
            assert service.notifications == [(function, message, OIDS[sender])]
        else:
            assert isinstance(message, Response)
            client.answer(OIDS[listener], function, message, reply)
            relates = "dp <1>" if binding is Binding.JSON else "dp-1"
            assert service.answers == [(function, message, OIDS[sender], relates)]


def test_cc_oc_04_a_callback_belongs_to_the_call_by_relates_to_or_else_by_its_transaction(lab: Lab) -> None:
    function = _function("ES3.CreateISDP")
    asked = lab.client("sm-dp", Binding.SOAP)
    asked.call(lab.party("sm-sr", Binding.SOAP), function, sample_of(function, "sm-dp", "dp-77"))
    _, _, reply = lab.services["sm-sr"].calls[0]
    assert reply is not None
    assert reply.transaction_id == "dp-77"
    assert "TransactionId=dp-77" in reply.message_id
    response = samples(function.response or Response)[0]
    assert isinstance(response, Response)
    told = lab.client("sm-sr", Binding.SOAP)
    told.answer(OIDS["sm-dp"], function, response, reply)
    told.answer(OIDS["sm-dp"], function, response, replace(reply, message_id=""))
    told.answer(OIDS["sm-dp"], function, response, replace(reply, message_id="urn:other", transaction_id="dp-77"))
    assert [each[3] for each in lab.services["sm-dp"].answers] == ["dp-77"] * 3


def test_an_operation_can_be_looked_at_until_it_is_done(lab: Lab) -> None:
    function = _function("ES3.CreateISDP")
    client, party, service = lab.client("sm-dp"), lab.party("sm-sr"), lab.services["sm-sr"]
    found = client.call(party, function, sample_of(function, "sm-dp", "dp-1"))
    assert isinstance(found, Operation)
    assert client.operation(party, found) == found
    assert client.wait(party, found, 0.2) == found
    response = samples(function.response or Response)[-1]
    assert isinstance(response, Response)
    service.finish(found.id, response)
    done = client.wait(party, found, 5)
    assert (done.state, done.response) == (OperationState.DONE, response)


def test_an_operation_of_another_is_not_there(lab: Lab) -> None:
    function = _function("ES4.EnableProfile")
    found = lab.client("operator").call(lab.party("sm-sr"), function, sample_of(function, "operator", "1"))
    assert isinstance(found, Operation)
    assert lab.get("operator", "sm-sr", f"/operations/{found.id}").status == 200
    other = lab.get("sm-dp", "sm-sr", f"/operations/{found.id}")
    assert (other.status, other.body) == (404, b'{"error":"no such operation"}')
    assert lab.get("sm-dp", "sm-sr", "/operations/op-99").body == other.body


def test_a_callback_goes_to_the_address_that_was_asked_for(lab: Lab) -> None:
    function = _function("ES3.CreateISDP")
    response = samples(function.response or Response)[0]
    assert isinstance(response, Response)
    for binding in Binding:
        at = lab.urls["sm-dp"] + ("/soap/es3" if binding is Binding.SOAP else json_path(function, Kind.CALLBACK))
        client, party = lab.client("sm-dp", binding), lab.party("sm-sr", binding)
        client.call(party, function, sample_of(function, "sm-dp", "dp-1"), callback=at)
        _, _, reply = lab.services["sm-sr"].calls[-1]
        assert reply is not None
        assert (reply.binding, reply.url) == (binding, at)
        lab.client("sm-sr", Binding.JSON).answer(OIDS["sm-dp"], function, response, reply)
    assert [each[3] for each in lab.services["sm-dp"].answers] == ["dp-1", "dp-1"]


def test_nobody_is_told_who_has_no_address(lab: Lab) -> None:
    function = next(each for each in TOLD if each.exchange is Exchange.NOTIFICATION)
    message = samples(function.request)[0]
    assert isinstance(message, Notification)
    with pytest.raises(NoAddress, match=r"1\.2\.3 has no address"):
        lab.client("sm-sr").notify(Oid("1.2.3"), function, message)


def test_a_server_that_is_somebody_else_is_not_spoken_to(lab: Lab) -> None:
    function = _function("ES3.GetEIS")
    wrong = replace(lab.party("sm-dp"), oid=OIDS["sm-sr"])
    with pytest.raises(Unreachable, match=r"it is 2\.999\.10\.3 that answers there"):
        lab.client("sm-dp").call(wrong, function, sample_of(function, "sm-dp", "1"))


@pytest.mark.parametrize(
    "url, text",
    [
        ("https://127.0.0.1:1", "connection refused"),
        ("https://nowhere.invalid", "nowhere.invalid"),
    ],
)
def test_a_server_that_is_not_there(lab: Lab, url: str, text: str) -> None:
    function = _function("ES3.GetEIS")
    with pytest.raises(Unreachable, match=text) as caught:
        lab.client("sm-dp").call(replace(lab.party("sm-sr"), url=url), function, sample_of(function, "sm-dp", "1"))
    assert "object at" not in str(caught.value)


@pytest.mark.parametrize("binding", Binding, ids=_id)
def test_no_room_says_when_to_come_back(lab: Lab, binding: Binding) -> None:
    function, service = _function("ES3.GetEIS"), lab.services["sm-sr"]

    def full(*_: Any) -> Response:
        raise Overloaded("the queue is full", 7)

    service.respond = full
    with pytest.raises(Overloaded) as caught:
        lab.client("sm-dp", binding).call(lab.party("sm-sr", binding), function, sample_of(function, "sm-dp", "1"))
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("binding", Binding, ids=_id)
def test_what_breaks_inside_stays_inside(lab: Lab, binding: Binding, caplog: pytest.LogCaptureFixture) -> None:
    function = _function("ES3.GetEIS")

    def broken(*_: Any) -> Response:
        raise RuntimeError("table eis_profile, password hunter2")

    lab.services["sm-sr"].respond = broken
    path, body, type = lab.body(function, sample_of(function, "sm-dp", "1"), binding, "sm-sr")
    answer = lab.post("sm-dp", "sm-sr", path, body, type)
    assert answer.status == 500
    assert b"something went wrong here" in answer.body
    assert b"hunter2" not in answer.body
    assert "hunter2" in caplog.text


def test_two_parties_and_their_addresses() -> None:
    party = Party(oid=OIDS["sm-dp"], role=Oid("1.2"), url="https://dp.example")
    assert Parties([party]).find(OIDS["sm-dp"]) is party
    assert Parties([party]).find(OIDS["sm-sr"]) is None


def _function(name: str) -> Function:
    return next(each for _, each in CALLED if str(each) == name)
