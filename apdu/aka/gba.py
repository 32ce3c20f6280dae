# SPDX-License-Identifier: Apache-2.0
"""The keys of the generic bootstrapping architecture with the UICC, GBA_U (TS 33.220 5 and annex B): pure functions."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha1, sha256
from typing import Final, Self

from apdu.aka.algorithm import AkaAlgorithm, sized, xor
from apdu.aka.authenticate import UmtsChallenge
from apdu.aka.tokens import Autn
from apdu.errors import DecodeError

__all__ = [
    "BOOTSTRAPPING",
    "NAF_DERIVATION",
    "NafRequest",
    "conceal",
    "ks_ext_naf",
    "ks_int_naf",
    "parse_bootstrapping",
]

BOOTSTRAPPING: Final = 0xDD
NAF_DERIVATION: Final = 0xDE
_FC: Final = b"\x01"
_EXTERNAL: Final = b"gba-me"
_INTERNAL: Final = b"gba-u"
_KS_SIZE: Final = 32
_MAC_SIZE: Final = 8


def conceal(algorithm: AkaAlgorithm, rand: bytes, autn: bytes) -> bytes:
    """AUTN* of an AUTN, and back: MAC* is MAC xor the first 64 bits of SHA-1(IK) (TS 33.220 5.3.2) (U).

    A terminal that answers an ordinary challenge with these keys, or the other way round, is refused by the MAC.
    """
    token = Autn.parse(autn)
    mask = sha1(algorithm.f2345(rand).ik, usedforsecurity=False).digest()[:_MAC_SIZE]
    return token._replace(mac=xor(token.mac, mask)).encode()


def parse_bootstrapping(data: bytes) -> UmtsChallenge:
    """`DD 10 RAND 10 AUTN*`: there is no length behind DD."""
    if data[:1] != bytes((BOOTSTRAPPING,)):
        raise DecodeError("a bootstrapping challenge starts with DD")
    return UmtsChallenge.parse(data[1:])


@dataclass(frozen=True, slots=True)
class NafRequest:
    """`DE len NAF_ID len IMPI`."""

    naf_id: bytes
    impi: bytes

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read the data field."""
        if data[:1] != bytes((NAF_DERIVATION,)):
            raise DecodeError("a NAF derivation starts with DE")
        fields: list[bytes] = []
        at = 1
        while at < len(data):
            end = at + 1 + data[at]
            if end > len(data) or len(fields) == 2:
                raise DecodeError("a field is longer than the data, or there are more than two", offset=at)
            fields.append(data[at + 1 : end])
            at = end
        if len(fields) != 2 or not all(fields):
            raise DecodeError("NAF_ID and IMPI were expected")
        return cls(*fields)

    def encode(self) -> bytes:
        """Build the data field."""
        return b"".join((bytes((NAF_DERIVATION, len(self.naf_id))), self.naf_id, bytes((len(self.impi),)), self.impi))


def ks_ext_naf(ks: bytes, rand: bytes, request: NafRequest) -> bytes:
    """The key that the terminal gets for one application server."""
    return _derive(_EXTERNAL, ks, rand, request)


def ks_int_naf(ks: bytes, rand: bytes, request: NafRequest) -> bytes:
    """The key for the same server that never leaves the card."""
    return _derive(_INTERNAL, ks, rand, request)


def _derive(label: bytes, ks: bytes, rand: bytes, request: NafRequest) -> bytes:
    """The KDF of TS 33.220 B.2 with the parameters of B.3."""
    parameters = (label, sized(rand, 16, "RAND"), request.impi, request.naf_id)
    text = _FC + b"".join(value + len(value).to_bytes(2, "big") for value in parameters)
    return hmac.new(sized(ks, _KS_SIZE, "Ks"), text, sha256).digest()
