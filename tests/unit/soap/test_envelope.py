# SPDX-License-Identifier: Apache-2.0
"""Envelopes and headers: what is read, what is forgiven, and which fault all else gets."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from apdu.errors import DecodeError
from smsr.kit.oid import Oid
from smsr.kit.soap.addressing import Endpoint, MessageId
from smsr.kit.soap.envelope import Fault, FaultCode, FaultSubcode, SoapError, build_fault
from tests.require import schemas_path
from tests.support.xml import REGISTER_EIS, refused, register_request, register_text
from tests.unit.kit.world import SM_DP_OID, SM_SR_OID
from tests.unit.soap.samples import ADDRESSING, BINDING, MOMENT

ACTION = "http://gsma.com/ES1/eUICCManagement/ES1-RegisterEISRequest"
TEXT = register_text()


def _header(name: str) -> str:
    start, end = TEXT.index(f"<wsa:{name}>"), TEXT.index(f"</wsa:{name}>")
    return TEXT[start : end + len(f"</wsa:{name}>")]


def _swap(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


SENDER, VERSION, UNDERSTAND = FaultCode.SENDER, FaultCode.VERSION_MISMATCH, FaultCode.MUST_UNDERSTAND
REQUIRED, INVALID = FaultSubcode.HEADER_REQUIRED, FaultSubcode.INVALID_HEADER
UNSUPPORTED = FaultSubcode.ACTION_NOT_SUPPORTED
REFUSED: list[tuple[str, Callable[[], str], FaultCode, FaultSubcode | None]] = [
    ("nothing", lambda: "", SENDER, None),
    ("no XML", lambda: "{}", SENDER, None),
    ("cut", lambda: TEXT[:-1], SENDER, None),
    ("more", lambda: TEXT + "<a/>", SENDER, None),
    (
        "SOAP 1.1",
        lambda: TEXT.replace("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"),
        VERSION,
        None,
    ),
    ("no envelope", lambda: TEXT.replace("env:Envelope", "env:Letter"), SENDER, None),
    ("no header", lambda: _swap(TEXT[TEXT.index("<env:Header>") : TEXT.index("<env:Body>")], ""), SENDER, None),
    (
        "body first",
        lambda: TEXT.replace("env:Header", "env:B").replace("env:Body", "env:Header").replace("env:B>", "env:Body>"),
        SENDER,
        None,
    ),
    ("two headers", lambda: _swap("<env:Body>", "<env:Header></env:Header><env:Body>"), SENDER, None),
    ("behind the body", lambda: _swap("</env:Body>", "</env:Body><a/>"), SENDER, None),
    ("text in the envelope", lambda: _swap("<env:Header>", "a<env:Header>"), SENDER, None),
    ("text in the body", lambda: _swap("<env:Body>", "<env:Body>a"), SENDER, None),
    ("text in the header", lambda: _swap("<env:Header>", "<env:Header>a"), SENDER, None),
    ("empty body", lambda: TEXT[: TEXT.index("<env:Body>")] + "<env:Body/></env:Envelope>", SENDER, None),
    ("no From", lambda: _swap(_header("From"), ""), SENDER, REQUIRED),
    ("no To", lambda: _swap(_header("To"), ""), SENDER, REQUIRED),
    ("no MessageID", lambda: _swap(_header("MessageID"), ""), SENDER, REQUIRED),
    ("no Action", lambda: _swap(_header("Action"), ""), SENDER, REQUIRED),
    ("From twice", lambda: _swap(_header("From"), _header("From") * 2), SENDER, INVALID),
    ("Action twice", lambda: _swap(_header("Action"), _header("Action") * 2), SENDER, INVALID),
    ("From without EntityId", lambda: _swap("EntityId", "Entity"), SENDER, INVALID),
    ("From with two EntityIds", lambda: _swap("?EntityId", "?EntityId=1.2.3&amp;EntityId"), SENDER, INVALID),
    ("an EntityId that is none", lambda: _swap(f"EntityId={SM_DP_OID}", "EntityId=1..3"), SENDER, INVALID),
    (
        "From without address",
        lambda: _swap("wsa:Address", "wsa:Addres").replace("/wsa:Address", "/wsa:Addres", 1),
        SENDER,
        INVALID,
    ),
    ("a blank in an address", lambda: _swap("https://dp.example", "https://dp .example"), SENDER, INVALID),
    ("an attribute", lambda: _swap("<wsa:To>", '<wsa:To a="1">'), SENDER, INVALID),
    ("an unknown header of addressing", lambda: _swap("<wsa:To>", "<wsa:FaultTo/><wsa:To>"), UNDERSTAND, None),
    ("a header to be understood", lambda: _swap("<wsa:To>", '<a env:mustUnderstand="1"/><wsa:To>'), UNDERSTAND, None),
    ("another action", lambda: _swap(ACTION, ACTION.replace("ES1-RegisterEIS", "ES3-GetEIS")), SENDER, UNSUPPORTED),
    ("another namespace", lambda: TEXT.replace("esim-messaging/3", "esim-messaging/1"), SENDER, UNSUPPORTED),
    ("another element", lambda: TEXT.replace("ES1-RegisterEISRequest", "ES1-RegisterEIS"), SENDER, UNSUPPORTED),
    ("a missing element", lambda: _swap("<rps:RemainingMemory>524288</rps:RemainingMemory>", ""), SENDER, None),
    (
        "an element twice",
        lambda: _swap("<rps:RemainingMemory>", "<rps:RemainingMemory>1</rps:RemainingMemory><rps:RemainingMemory>"),
        SENDER,
        None,
    ),
    ("an unknown element", lambda: _swap("<rps:RemainingMemory>", "<rps:More/><rps:RemainingMemory>"), SENDER, None),
    (
        "an element of another namespace",
        lambda: _swap(
            "<rps:RemainingMemory>524288</rps:RemainingMemory>", "<wsa:RemainingMemory>1</wsa:RemainingMemory>"
        ),
        SENDER,
        None,
    ),
    (
        "elements in another order",
        lambda: _swap("<rps:ValidityPeriod>3600</rps:ValidityPeriod>", "").replace(
            "<rps:FunctionCallIdentifier>", "<rps:ValidityPeriod>3600</rps:ValidityPeriod><rps:FunctionCallIdentifier>"
        ),
        SENDER,
        None,
    ),
    ("a validity period of nothing", lambda: _swap(">3600<", ">0<"), SENDER, None),
    ("a number that is none", lambda: _swap(">524288<", ">1e3<"), SENDER, None),
    ("a digit of another script", lambda: _swap(">524288<", ">\u0665<"), SENDER, None),
    ("a truth that is none", lambda: _swap(">true<", ">TRUE<"), SENDER, None),
    ("a state of nobody", lambda: _swap(">Created<", ">In-Creation<"), SENDER, None),
    ("an odd digit", lambda: _swap('type="88"', 'type="8"'), SENDER, None),
]


@pytest.mark.parametrize("make, code, subcode", [each[1:] for each in REFUSED], ids=[each[0] for each in REFUSED])
def test_what_is_refused(make: Callable[[], str], code: FaultCode, subcode: FaultSubcode | None) -> None:
    assert make() != TEXT
    fault = refused(make())
    assert (fault.code, fault.subcode) == (code, subcode), fault


FORGIVEN: list[tuple[str, Callable[[], str]]] = [
    ("without Request", lambda: _swap(f"{ACTION}<", f"{ACTION.removesuffix('Request')}<")),
    ("a blank", lambda: _swap(ACTION, ACTION.replace("ES1-R", "ES1- R"))),
    ("a misspelling", lambda: _swap(ACTION, ACTION.replace("Management", "Managent"))),
    ("other prefixes", lambda: TEXT.replace("env:", "s:").replace("xmlns:env", "xmlns:s")),
    (
        "headers in another order",
        lambda: _swap(_header("From"), "").replace("</env:Header>", _header("From") + "</env:Header>"),
    ),
    ("a header of others", lambda: _swap("<wsa:To>", '<a b="c"><d/></a><wsa:To>')),
    ("a header for others", lambda: _swap("<wsa:To>", '<a env:mustUnderstand="1" env:role="http://x"/><wsa:To>')),
    ("headers to be understood", lambda: _swap("<wsa:To>", '<wsa:To env:mustUnderstand="true">')),
    ("blanks around values", lambda: _swap(">3600<", "> 3600\n<").replace(">524288<", ">\t+524288 <", 1)),
    ("blanks between elements", lambda: _swap("<rps:Eis>", "\n <rps:Eis>\n").replace("<env:Body>", "<env:Body>\n ")),
    ("numbers for truth", lambda: _swap("FallbackAttribute>true<", "FallbackAttribute>1<")),
    ("small letters", lambda: _swap('type="88" value="', 'type="88" value="').replace("0A940BB5", "0a940bb5")),
]


@pytest.mark.parametrize("make", [each[1] for each in FORGIVEN], ids=[each[0] for each in FORGIVEN])
def test_what_is_forgiven(make: Callable[[], str]) -> None:
    text = make()
    assert text != TEXT
    received = BINDING.read(text.encode())
    assert received.message == register_request()
    assert received.addressing.sender == ADDRESSING.sender


# --- addresses


def test_entities_travel_in_addresses() -> None:
    assert (
        str(Endpoint("https://a/b", Oid("1.2.3"), "A & B=C?"))
        == "https://a/b?EntityId=1.2.3&EntityName=A%20%26%20B%3DC%3F"
    )
    assert Endpoint.parse("https://a/b?UserName=n&EntityId=1.2.3") == Endpoint("https://a/b", Oid("1.2.3"))
    assert Endpoint.parse("https://a/b") == Endpoint("https://a/b")
    for text in ("", "a b", "a\n", "a<", "é", "a?b", "a?b=%ff", "a?EntityId=1.2&EntityId=1.2", "a" * 3000):
        with pytest.raises(DecodeError):
            Endpoint.parse(text)


def test_message_identifiers() -> None:
    made = MessageId.create(SM_SR_OID, "urn:uuid:1", MOMENT, transaction_id="tx-1", context_id="c&d")
    assert str(made) == (
        f"//{SM_SR_OID}/urn:uuid:1?TransactionId=tx-1&ContextId=c%26d&MessageDate=2026-11-23T08:00:09Z"
    )
    assert (made.transaction_id, made.context_id, made.date) == ("tx-1", "c&d", MOMENT)
    assert MessageId.parse("urn:uuid:5") == MessageId("urn:uuid:5")
    with pytest.raises(DecodeError):
        MessageId.parse("//1.2.3/1?MessageDate=yesterday")


# --- faults


@pytest.mark.parametrize("code", FaultCode)
@pytest.mark.parametrize("subcode", [None, *FaultSubcode])
def test_faults(code: FaultCode, subcode: FaultSubcode | None) -> None:
    fault = Fault(code, 'why <not> & "so"', subcode)
    data = build_fault(replace(ADDRESSING, action="http://www.w3.org/2005/08/addressing/fault"), fault)
    received = BINDING.read(data)
    assert (received.message, received.function) == (fault, None)


def test_faults_are_what_the_schema_of_soap_wants(tmp_path: Path) -> None:
    """The schema imports xml:lang from the network; here it is beside it."""
    text = (schemas_path() / "xsd" / "import" / "soap-12.xsd").read_text()
    (tmp_path / "xml.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="http://www.w3.org/XML/1998/namespace">'
        '<xs:attribute name="lang" type="xs:language"/></xs:schema>'
    )
    (tmp_path / "soap.xsd").write_text(re.sub('schemaLocation="[^"]*"', 'schemaLocation="xml.xsd"', text))
    schema = etree.XMLSchema(etree.parse(str(tmp_path / "soap.xsd")))
    data = build_fault(replace(ADDRESSING, action="a"), Fault(FaultCode.SENDER, "why", FaultSubcode.INVALID_HEADER))
    assert schema.validate(etree.fromstring(data)), schema.error_log


def test_damaged_faults() -> None:
    data = build_fault(replace(ADDRESSING, action="a"), Fault(FaultCode.SENDER, "why")).decode()
    for old, new in (("env:Sender", "env:Nobody"), ("env:Reason", "env:Cause"), ("env:Code", "env:Cod")):
        assert refused(data.replace(old, new)).code is FaultCode.SENDER


def test_the_error_says_where() -> None:
    with pytest.raises(SoapError, match="ES1-RegisterEISRequest/Eis/Isd-r/Keyset/Version"):
        BINDING.read(_swap("<rps:Version>64<", "<rps:Version>200<").encode())
    assert REGISTER_EIS.name == "RegisterEIS"
