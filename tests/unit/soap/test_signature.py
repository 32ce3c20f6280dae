# SPDX-License-Identifier: Apache-2.0
"""The EUM's signature, held against signxml, and against one that is put together without any code of the project."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from lxml import etree

from apdu.errors import DecodeError, SecurityError
from apdu.keys.ec import Curve, PublicKey
from smsr.api.eis_codec import verify_info
from smsr.api.eis_parts import SignedInfo
from smsr.kit.soap.document import canonical, parse_document
from smsr.kit.soap.signature import DS, SIGNATURE, XmlSignature, read_canonical, verify
from smsr.kit.soap.writer import with_namespaces
from tests.require import require
from tests.unit.kit.world import VALIDITY, world
from tests.unit.smsr.bench import make_eis

require("signxml")

from signxml.exceptions import InvalidDigest, InvalidSignature  # noqa: E402  # after it is known to be there
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier  # noqa: E402


class _Beside(XMLVerifier):
    """signxml knows no reference without URI: here it is the first element of the document."""

    def _resolve_reference(self, doc_root: Any, reference: Any, uri_resolver: Any = None) -> Any:
        assert reference.get("URI") is None
        return doc_root[0]


def _document(signed: SignedInfo) -> bytes:
    signature = with_namespaces(SIGNATURE.write("ds:Signature", signed.signature), DS)
    return b"<a>" + signed.octets + signature.encode() + b"</a>"


def _signxml(document: bytes) -> bytes:
    config = SignatureConfiguration(location="./", verification_time=VALIDITY.start.replace(year=2026))
    certificate = x509.load_der_x509_certificate(world().eum.der)
    result = _Beside().verify(document, x509_cert=certificate, expect_config=config)
    assert isinstance(result, VerifyResult)
    return bytes(result.signed_data)


def test_signxml_verifies_it() -> None:
    signed = make_eis().signed
    assert _signxml(_document(signed)) == signed.octets


def test_signxml_refuses_another_one() -> None:
    signed = make_eis().signed
    document = _document(signed)
    with pytest.raises(InvalidDigest):
        _signxml(document.replace(b">paper<", b">papes<"))
    with pytest.raises(InvalidSignature):
        _signxml(document.replace(base64.b64encode(signed.signature.value), base64.b64encode(bytes([7] * 64))))


FOREIGN = (
    '<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#">\n'
    '  <CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></CanonicalizationMethod>\n'
    '  <SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"></SignatureMethod>\n'
    "  <Reference><Transforms>"
    '<Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></Transform></Transforms>'
    '<DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></DigestMethod>'
    "<DigestValue>\n@\n</DigestValue></Reference>\n</SignedInfo>"
)


def test_a_foreign_one_is_verified() -> None:
    """Default namespace, line breaks, a key of another library: canonical octets, and a signature over them."""
    octets = make_eis().signed.octets
    key = ec.generate_private_key(ec.SECP256R1())
    signed_info = FOREIGN.replace("@", base64.encodebytes(sha256(octets).digest()).decode()).encode()
    assert canonical(parse_document(signed_info)) == signed_info
    r, s = decode_dss_signature(key.sign(signed_info, ec.ECDSA(SHA256())))
    value = r.to_bytes(32, "big") + s.to_bytes(32, "big")
    signature = XmlSignature(signed_info=signed_info, value=value)
    public = PublicKey(key.public_key(), Curve.P256)
    verify(signature, octets, public)
    with pytest.raises(SecurityError, match="digest"):
        verify(signature, octets + b" ", public)
    with pytest.raises(SecurityError):
        verify(XmlSignature(signed_info=signed_info, value=value[:-1] + b"\x00"), octets, public)
    der = key.sign(signed_info, ec.ECDSA(SHA256()))
    with pytest.raises(SecurityError):
        verify(XmlSignature(signed_info=signed_info, value=der), octets, public)


@pytest.mark.parametrize("change", [b"\n", b"<?xml version='1.0'?>", b"<!-- a -->", b" "])
def test_octets_are_canonical_or_nothing(change: bytes) -> None:
    octets = make_eis().signed.octets
    assert etree.tostring(read_canonical(octets)) == octets
    for changed in (change + octets, octets + change):
        with pytest.raises(DecodeError):
            read_canonical(changed)


def test_every_bit_counts() -> None:
    signed = make_eis().signed
    key = world().eum.key.public_key
    verify_info(signed, key)
    for at in range(0, len(signed.octets), 7):
        changed = bytearray(signed.octets)
        changed[at] ^= 1
        with pytest.raises(SecurityError, match="signature of the EIS"):
            verify_info(SignedInfo(bytes(changed), signed.signature), key)
