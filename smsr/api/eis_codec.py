# SPDX-License-Identifier: Apache-2.0
"""EumSignedInfo as bytes, and its signature (SGP.02 v4.2 annex E).

The bytes are the exclusive canonical form of the XML element. They are kept as they came, signed and verified as they
are, and read for their values: what was verified is what is used.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from apdu.errors import DecodeError, SecurityError
from apdu.keys.ec import PrivateKey, PublicKey
from smsr.api.eis_parts import EumSignedInfo, SignedInfo
from smsr.api.xml_parts import RPS, SIGNED_INFO
from smsr.kit.soap.document import canonical, parse_document, split_name
from smsr.kit.soap.signature import read_canonical, sign, verify
from smsr.kit.soap.writer import with_namespaces

__all__ = ["decode_signed_info", "encode_signed_info", "sign_info", "verify_info"]

_NAME: Final = "EumSignedInfo"
_MAX_OCTETS: Final = 65_536


def sign_info(info: EumSignedInfo, key: PrivateKey, certificate: bytes) -> SignedInfo:
    """What an EUM does: code the information and sign the octets."""
    octets = encode_signed_info(info)
    return SignedInfo(octets, sign(octets, key, certificate))


def verify_info(signed: SignedInfo, eum: PublicKey) -> None:
    """Check the signature over the octets as received; SecurityError when it is not the EUM's."""
    try:
        verify(signed.signature, signed.octets, eum)
    except SecurityError as error:
        raise SecurityError(f"the EUM's signature of the EIS does not verify: {error}") from None


def encode_signed_info(info: EumSignedInfo) -> bytes:
    """The octets that are signed."""
    if any(keyset.keys for keyset in info.ecasd.keysets):
        raise ValueError("what an EUM signs holds no secret keys")
    text = SIGNED_INFO.write(f"{RPS.prefix}:{_NAME}", info)
    return canonical(parse_document(with_namespaces(text, RPS).encode()))


@lru_cache(maxsize=1024)
def decode_signed_info(octets: bytes) -> EumSignedInfo:
    """Read the octets; DecodeError for anything that is not the canonical form of an EumSignedInfo."""
    if len(octets) > _MAX_OCTETS:
        raise DecodeError(f"{len(octets)} bytes of EumSignedInfo, at most {_MAX_OCTETS} are taken")
    try:
        node = read_canonical(octets)
        if split_name(node) != (RPS.uri, _NAME):
            raise DecodeError("another element")
        return SIGNED_INFO.read(node)
    except DecodeError as error:
        raise error.inside(_NAME) from None
