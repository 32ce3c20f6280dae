# SPDX-License-Identifier: Apache-2.0
"""XML signatures of one form: one reference without URI, exclusive C14N, SHA-256, ECDSA as r || s (W3C xmldsig-core1).

The reference has no URI because both sides know what is signed: the element beside the signature. So nothing is looked
up, by Id or otherwise, and a signature cannot be moved to something else. What is verified are octets; whoever wants
values reads them from these octets.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from lxml import etree

from apdu.errors import DecodeError, SecurityError
from apdu.keys.ec import PrivateKey, PublicKey
from smsr.kit.soap.declare import OPTIONAL, Attribute, Field, Namespace, Record, Simple, Verbatim, nested, wrapped
from smsr.kit.soap.document import canonical, parse_document
from smsr.kit.soap.simple import BASE64, STRING
from smsr.kit.soap.writer import with_namespaces

__all__ = ["DS", "SIGNATURE", "Signer", "XmlSignature", "read_canonical", "sign", "verify"]

DS: Final = Namespace("http://www.w3.org/2000/09/xmldsig#", "ds")
_C14N: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ECDSA_SHA256: Final = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256"
_SHA256: Final = "http://www.w3.org/2001/04/xmlenc#sha256"


def _algorithm(uri: str) -> Record[object]:
    """An element that names the one algorithm which is taken."""

    def convert(text: str) -> str:
        if text != uri:
            raise DecodeError(f"algorithm {text[:80]} is not taken, only {uri}")
        return text

    named = Attribute("Algorithm", "", Simple(convert, collapse=False))
    return Record(lambda values: values[""], (), DS, (named,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reference:
    digest: bytes
    transforms: str = _C14N
    method: str = _SHA256


@dataclass(frozen=True, slots=True, kw_only=True)
class _SignedInfo:
    reference: _Reference
    canonicalization: str = _C14N
    method: str = _ECDSA_SHA256


_REFERENCE: Final = Record(
    nested(_Reference),
    (
        Field("Transforms", "transforms", wrapped(Field("Transform", "", _algorithm(_C14N)), DS)),
        Field("DigestMethod", "method", _algorithm(_SHA256)),
        Field("DigestValue", "digest", BASE64),
    ),
    DS,
)
_SIGNED_INFO: Final = Record(
    nested(_SignedInfo),
    (
        Field("CanonicalizationMethod", "canonicalization", _algorithm(_C14N)),
        Field("SignatureMethod", "method", _algorithm(_ECDSA_SHA256)),
        Field("Reference", "reference", _REFERENCE),
    ),
    DS,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who says to have signed: an X.509 certificate (DER), or only its subject's name."""

    certificate: bytes = b""
    subject_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class XmlSignature:
    """A signature as it came: the canonical octets of its SignedInfo, r || s, and who says to have made it."""

    signed_info: bytes
    value: bytes
    signer: Signer = Signer()


_X509: Final = Record(
    nested(Signer),
    (
        Field("X509SubjectName", "subject_name", STRING, OPTIONAL, ""),
        Field("X509Certificate", "certificate", BASE64, OPTIONAL, b""),
    ),
    DS,
)
SIGNATURE: Final = Record(
    nested(XmlSignature),
    (
        Field("SignedInfo", "signed_info", Verbatim()),
        Field("SignatureValue", "value", BASE64),
        Field("KeyInfo", "signer", wrapped(Field("X509Data", "", _X509), DS), OPTIONAL, Signer()),
    ),
    DS,
)
"""ds:SignatureType."""


def sign(octets: bytes, key: PrivateKey, certificate: bytes) -> XmlSignature:
    """Sign canonical octets."""
    text = _SIGNED_INFO.write("ds:SignedInfo", _SignedInfo(reference=_Reference(digest=sha256(octets).digest())))
    signed_info = canonical(parse_document(with_namespaces(text, DS).encode()))
    return XmlSignature(signed_info=signed_info, value=key.sign(signed_info), signer=Signer(certificate=certificate))


def verify(signature: XmlSignature, octets: bytes, key: PublicKey) -> None:
    """Check a signature over canonical octets; SecurityError when it is not the key's, or not of the one form."""
    try:
        info = _SIGNED_INFO.read(read_canonical(signature.signed_info))
    except DecodeError as error:
        raise SecurityError(f"the signature is of another form: {error}") from None
    if not hmac.compare_digest(info.reference.digest, sha256(octets).digest()):
        raise SecurityError("the digest of what was signed is another one")
    key.verify(signature.value, signature.signed_info)


def read_canonical(octets: bytes) -> etree._Element:
    """The element that octets are the canonical form of, and nothing besides."""
    node = parse_document(octets)
    if canonical(node) != octets:
        raise DecodeError("not in canonical form")
    return node
