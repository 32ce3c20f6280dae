# SPDX-License-Identifier: Apache-2.0
"""ATK-33: a signature that verifies over one thing while another is used. What is registered is what was signed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha1, sha256

import pytest

from smsr.api.messages import Call, RegisterEisRequest
from smsr.api.status import Code
from smsr.kit.soap.document import canonical, parse_document
from smsr.kit.soap.envelope import SoapError
from smsr.kit.soap.simple import BASE64
from tests.support.xml import REGISTER_EIS, refused, register_request
from tests.unit.kit.world import EID, EUM_OID, world
from tests.unit.smsr.bench import Bench
from tests.unit.soap.samples import ADDRESSING, BINDING

ADDRESS = replace(ADDRESSING, sender=replace(ADDRESSING.sender, entity_id=EUM_OID))
TEXT = BINDING.build(REGISTER_EIS, replace(register_request(), call=Call(EUM_OID, "1")), ADDRESS).decode()
C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"


def _element(name: str, text: str = TEXT) -> str:
    found = re.search(f"<{name}[ >].*?</{name}>", text, re.S)
    assert found is not None
    return found.group()


INFO, SIGNATURE = _element("rps:EumSignedInfo"), _element("rps:EumSignature")
EVIL = INFO.replace(">paper<", ">evil<")
SIGNED_INFO = _element("ds:SignedInfo")
REFERENCE = _element("ds:Reference")
TRANSFORM = f'<ds:Transform Algorithm="{C14N}"></ds:Transform>'
assert EVIL != INFO
assert TRANSFORM in SIGNED_INFO


def _register(text: str) -> tuple[Bench, object]:
    bench = Bench()
    message = BINDING.read(text.encode()).message
    assert isinstance(message, RegisterEisRequest)
    return bench, bench.smsr.register_eis(message).status.code


def _with(*changes: tuple[str, str]) -> str:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def _inside(outer: str, inner: str) -> str:
    """An element inside another one, at its end."""
    at = outer.rindex("</")
    return outer[:at] + inner + outer[at:]


WRAPPED: dict[str, Callable[[], str]] = {
    "1: the original in the signature": lambda: _with((INFO, EVIL), (SIGNATURE, _inside(SIGNATURE, INFO))),
    "2: the original behind": lambda: _with((INFO, EVIL + INFO)),
    "3: the original before": lambda: _with((INFO, INFO + EVIL)),
    "4: the original in the forgery": lambda: _with((INFO, _inside(EVIL, INFO))),
    "5: the signature in the forgery": lambda: _with((INFO, _inside(EVIL, SIGNATURE)), (SIGNATURE, "")),
    "5a: the signature in the forgery, the original behind": lambda: _with((INFO, _inside(EVIL, SIGNATURE) + INFO)),
    "6: signature and original in the forgery": lambda: _with((INFO, _inside(EVIL, _inside(SIGNATURE, INFO)))),
    "7: the original as an extension": lambda: _with(
        (INFO, EVIL), ("<rps:AdditionalProperties>", f"<rps:AdditionalProperties>{INFO}")
    ),
    "8: the original as an object of the signature": lambda: _with(
        (INFO, EVIL), (SIGNATURE, _inside(SIGNATURE, f"<ds:Object>{INFO}</ds:Object>"))
    ),
    "the original in the header": lambda: _with((INFO, EVIL), ("</env:Header>", f"{INFO}</env:Header>")),
    "the original in a header block": lambda: _with((INFO, EVIL), ("</wsa:From>", f"{INFO}</wsa:From>")),
    "two bodies": lambda: _with(("</env:Body>", f"</env:Body>{_element('env:Body')}")),
    "two messages in the body": lambda: _with(("</env:Body>", _element("rps:ES1-RegisterEISRequest") + "</env:Body>")),
    "two sets": lambda: _with(("</rps:Eis>", f"</rps:Eis>{_element('rps:Eis').replace(INFO, EVIL)}")),
    "an envelope in the body": lambda: _with((_element("rps:ES1-RegisterEISRequest"), _element("env:Envelope"))),
    "two signatures": lambda: _with((SIGNATURE, SIGNATURE * 2)),
    "no signature": lambda: _with((SIGNATURE, "")),
    "duplicate ids": lambda: _with((INFO, EVIL.replace(" ", ' Id="a" ', 1) + INFO.replace(" ", ' Id="a" ', 1))),
    "an id": lambda: _with((INFO, EVIL.replace(" ", ' Id="a" ', 1))),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_atk_33_signature_wrapping(name: str) -> None:
    try:
        bench, code = _register(WRAPPED[name]())
    except SoapError:
        return
    assert code == Code.EUM_CERTIFICATE.pair
    assert bench.store.get(EID) is None


def _signed_again(change: Callable[[str], str]) -> str:
    """The EUM's own signature over a SignedInfo that says something else."""
    node = parse_document(change(SIGNED_INFO).encode())
    octets = canonical(node)
    value = BASE64.text(world().eum.key.sign(octets))
    old = _element("ds:SignatureValue")
    return _with((SIGNED_INFO, octets.decode()), (old, f"<ds:SignatureValue>{value}</ds:SignatureValue>"))


def _uri(uri: str) -> Callable[[str], str]:
    return lambda text: text.replace("<ds:Reference>", f'<ds:Reference URI="{uri}">')


def _other(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new, 1)

    return change


VOID = BASE64.text(sha256(b"").digest())
DIGEST = _element("ds:DigestValue")
XPATH = '<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"></ds:Transform>'
ENVELOPED = '<ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform>'
INCLUSIVE = f'<ec:InclusiveNamespaces xmlns:ec="{C14N}" PrefixList="rps"></ec:InclusiveNamespaces>'
OTHER_FORMS: dict[str, Callable[[str], str]] = {
    "a reference to the whole document": _uri(""),
    "a reference by id": _uri("#a"),
    "a reference to a server": _uri("http://127.0.0.1:9/"),
    "two references": _other(REFERENCE, REFERENCE * 2),
    "no reference": _other(REFERENCE, ""),
    "no transform": _other(_element("ds:Transforms"), ""),
    "an xpath": _other(TRANSFORM, XPATH),
    "enveloped": _other(TRANSFORM, ENVELOPED + TRANSFORM),
    "other namespaces": _other(TRANSFORM, TRANSFORM.replace("></", f">{INCLUSIVE}</")),
    "with comments": _other(f'{C14N}"', f'{C14N}WithComments"'),
    "the digest of nothing": _other(DIGEST, f"<ds:DigestValue>{VOID}</ds:DigestValue>"),
    "no digest": _other(DIGEST, "<ds:DigestValue></ds:DigestValue>"),
    "a short digest": _other(DIGEST, "<ds:DigestValue>AAAA</ds:DigestValue>"),
    "two digests": _other(DIGEST, DIGEST * 2),
    "sha-1": lambda text: _other("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1")(
        _other(DIGEST, f"<ds:DigestValue>{BASE64.text(sha1(INFO.encode()).digest())}</ds:DigestValue>")(text)
    ),
    "hmac": _other("xmldsig-more#ecdsa-sha256", "xmldsig-more#hmac-sha256"),
    "rsa": _other("xmldsig-more#ecdsa-sha256", "xmldsig-more#rsa-sha256"),
    "another element": lambda text: text.replace("ds:SignedInfo", "ds:Signed"),
}


@pytest.mark.parametrize("name", OTHER_FORMS)
def test_atk_33_signatures_of_other_forms(name: str) -> None:
    """Each is signed by the EUM itself: it is the form that is refused."""
    try:
        bench, code = _register(_signed_again(OTHER_FORMS[name]))
    except SoapError:
        return
    assert code == Code.EUM_CERTIFICATE.pair
    assert bench.store.get(EID) is None


def test_atk_33_the_right_form_is_taken() -> None:
    """Signed again as it was: so it was the change that was refused above."""
    bench, code = _register(_signed_again(lambda text: text))
    assert code is None
    assert bench.eis.info.platform_type == "paper"


@pytest.mark.parametrize("value", [">paper<!-- a -->less<", "><!-- a -->paperless<", "><![CDATA[paper]]>less<"])
def test_atk_33_comments_do_not_cut_values(value: str) -> None:
    """What another parser sees before or behind a comment is not what is signed, nor what is used."""
    changed = _with((">paper<", value))
    _, code = _register(changed)
    assert code == Code.EUM_CERTIFICATE.pair
    read = BINDING.read(changed.encode()).message
    assert isinstance(read, RegisterEisRequest)
    assert read.eis.info.platform_type == "paperless"


def test_atk_33_prefixes_and_blanks_around_what_is_signed_do_not_matter() -> None:
    """The message is handed on by others: with other prefixes outside, and the same octets inside."""
    outside = TEXT.replace(INFO, "@1").replace(SIGNED_INFO, "@2")
    outside = (
        outside.replace("rps:", "x:")
        .replace(":rps=", ":x=")
        .replace("><x:", ">\n  <x:")
        .replace("<x:Eid>\n", "<x:Eid>")
    )
    bench, code = _register(outside.replace("@1", f"\n{INFO}\n").replace("@2", SIGNED_INFO))
    assert code is None
    assert bench.eis.signed.octets == INFO.encode()


def test_atk_33_blanks_inside_matter() -> None:
    _, code = _register(_with(("<rps:PlatformType>", " <rps:PlatformType>")))
    assert code == Code.EUM_CERTIFICATE.pair


def test_atk_33_a_signature_of_another_card() -> None:
    other = INFO.replace("2026-01-01", "2025-01-01")
    _, code = _register(_with((INFO, other)))
    assert code == Code.EUM_CERTIFICATE.pair


def test_atk_33_only_a_name_of_the_signer() -> None:
    certificate = _element("ds:X509Certificate")
    _, code = _register(_with((certificate, "<ds:X509SubjectName>CN=Test EUM</ds:X509SubjectName>")))
    assert code == Code.EUM_CERTIFICATE.pair
    assert "X509Certificate" in refused(_with((certificate, certificate * 2))).reason
