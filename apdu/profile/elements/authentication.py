# SPDX-License-Identifier: Apache-2.0
"""Parameters of the authentication algorithms (SAIP 8.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from apdu.ids import Aid
from apdu.profile.choice import Alternative, Choice, SequenceOf
from apdu.profile.compound import Extensions, Nested, Sequence, component
from apdu.profile.der import UINT8, Integer, Octets
from apdu.profile.elements.files import AID, PeHeader

__all__ = ["AlgoParameter", "MappingParameter", "PeAkaParameter", "PeCdmaParameter"]

DEFAULT_ROTATION: Final = bytes.fromhex("4000204060")
DEFAULT_XORING: Final = b"".join(bytes(15) + bytes((last,)) for last in (0, 1, 2, 4, 8))
DEFAULT_SQN_OPTIONS: Final = b"\x02"
DEFAULT_SQN_DELTA: Final = bytes.fromhex("000010000000")
DEFAULT_SQN_AGE_LIMIT: Final = bytes.fromhex("000010000000")


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingParameter(Sequence):
    """Take the parameters of another application."""

    options: bytes = component("mappingOptions", 0x80, Octets(1, 1))
    source: Aid = component("mappingSource", 0x81, AID)
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgoParameter(Sequence):
    """Algorithm, subscriber key and constants."""

    algorithm: int = component("algorithmID", 0x80, Integer(-(1 << 31), (1 << 31) - 1))
    """1 Milenage, 2 TUAK, 3 the test algorithm of TS 34.108."""
    options: bytes = component("algorithmOptions", 0x81, Octets(1, 1))
    key: bytes = component("key", 0x82, Octets(), secret=True)
    opc: bytes = component("opc", 0x83, Octets(), secret=True)
    """OPc of Milenage, TOPc of TUAK."""
    rotation: bytes | None = component("rotationConstants", 0x84, Octets(5, 5), optional=True)
    xoring: bytes | None = component("xoringConstants", 0x85, Octets(80, 80), optional=True)
    counter_max: bytes | None = component("authCounterMax", 0x86, Octets(3, 3), optional=True)
    keccak_rounds: int | None = component("numberOfKeccak", 0x87, UINT8, optional=True)
    extensions: Extensions = ()


_CONFIGURATION: Final[Choice[MappingParameter | AlgoParameter]] = Choice(
    Alternative("mappingParameter", 0xA0, Nested(MappingParameter), MappingParameter),
    Alternative("algoParameter", 0xA1, Nested(AlgoParameter), AlgoParameter),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeAkaParameter(Sequence):
    """Authentication of the application that was created last."""

    KIND: ClassVar = "akaParameter"
    TAG: ClassVar = 0xA4
    header: PeHeader = component("aka-header", 0xA0, Nested(PeHeader))
    configuration: MappingParameter | AlgoParameter = component("algoConfiguration", 0xA1, _CONFIGURATION)
    sqn_options: bytes | None = component("sqnOptions", 0x82, Octets(1, 1), optional=True)
    sqn_delta: bytes | None = component("sqnDelta", 0x83, Octets(6, 6), optional=True)
    sqn_age_limit: bytes | None = component("sqnAgeLimit", 0x84, Octets(6, 6), optional=True)
    sqn_init: tuple[bytes, ...] | None = component(
        "sqnInit", 0xA5, SequenceOf(0x04, Octets(6, 6), 32, 32), optional=True
    )
    """32 values of SEQ, without the five index bits."""
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeCdmaParameter(Sequence):
    """Keys and secrets of CDMA networks for the CSIM."""

    KIND: ClassVar = "cdmaParameter"
    TAG: ClassVar = 0xA5
    header: PeHeader = component("cdma-header", 0xA0, Nested(PeHeader))
    key: bytes = component("authenticationKey", 0x81, Octets(8, 8), secret=True)
    ssd: bytes | None = component("ssd", 0x82, Octets(16, 16), optional=True, secret=True)
    hrpd: bytes | None = component("hrpdAccessAuthenticationData", 0x83, Octets(2, 32), optional=True, secret=True)
    simple_ip: bytes | None = component("simpleIPAuthenticationData", 0x84, Octets(3, 483), optional=True, secret=True)
    mobile_ip: bytes | None = component("mobileIPAuthenticationData", 0x85, Octets(5, 957), optional=True, secret=True)
    extensions: Extensions = ()
