# SPDX-License-Identifier: Apache-2.0
"""The remaining profile elements: end, non-standard, and those that this version of the module only reserves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from apdu.errors import DecodeError
from apdu.profile.compound import Extensions, Nested, Sequence, component
from apdu.profile.der import Octets, Oid, OidCodec
from apdu.profile.elements.files import PeHeader
from apdu.tlv.scan import read_header

__all__ = ["PeEnd", "PeNonStandard", "UnknownElement", "leading_header"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PeEnd(Sequence):
    """The last element."""

    KIND: ClassVar = "end"
    TAG: ClassVar = 0xAA
    header: PeHeader = component("end-header", 0xA0, Nested(PeHeader))
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PeNonStandard(Sequence):
    """Contents of an issuer's own."""

    KIND: ClassVar = "nonStandard"
    TAG: ClassVar = 0xA9
    header: PeHeader = component("nonStandard-header", 0xA0, Nested(PeHeader))
    issuer: Oid = component("issuerID", 0x81, OidCodec())
    content: bytes = component("content", 0x82, Octets())
    extensions: Extensions = ()


@dataclass(frozen=True, slots=True)
class UnknownElement:
    """An element of a later version of the module, or one of rfu1 to rfu5, which are empty in this one (PE-Dummy)."""

    tag: int
    value: bytes

    @property
    def kind(self) -> str:
        """`rfu1` to `rfu5`, or `tag-` and the tag."""
        return f"rfu{self.tag - 0xAA}" if 0xAB <= self.tag <= 0xAF else f"tag-{self.tag:X}"

    @property
    def header(self) -> PeHeader | None:
        """What every element starts with, if this one does."""
        return leading_header(self.value)


def leading_header(value: bytes) -> PeHeader | None:
    """The PEHeader at the start of an element's contents, None where there is none."""
    try:
        tag, start, stop = read_header(value, 0, len(value), der=True)
        return PeHeader.codec().read(value, start, stop) if tag == 0xA0 else None
    except DecodeError:
        return None
