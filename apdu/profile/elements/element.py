# SPDX-License-Identifier: Apache-2.0
"""ProfileElement: which types a package is made of, and each of them from and to bytes and JSON (SAIP annex A)."""

from __future__ import annotations

from typing import Any, Final, TypeAlias, cast

from apdu.errors import DecodeError
from apdu.profile.compound import Nested, tag_from_json
from apdu.profile.der import Codec, Json, hex_bytes, json_object, unknown_object
from apdu.profile.elements.authentication import PeAkaParameter, PeCdmaParameter
from apdu.profile.elements.codes import PePinCodes, PePukCodes
from apdu.profile.elements.domains import PeApplication, PeRfm, PeSecurityDomain
from apdu.profile.elements.files import PeGenericFileManagement, PeHeader
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.elements.kinds import KINDS
from apdu.profile.elements.other import PeEnd, PeNonStandard, UnknownElement
from apdu.profile.elements.template import TemplateElement, template_codec
from apdu.tlv.scan import ber, read_header

__all__ = [
    "ProfileElement",
    "decode_element",
    "element_from_json",
    "element_header",
    "element_kind",
    "element_to_json",
    "encode_element",
    "kind_of_tag",
]

ProfileElement: TypeAlias = (
    ProfileHeader
    | PeGenericFileManagement
    | PePinCodes
    | PePukCodes
    | PeAkaParameter
    | PeCdmaParameter
    | PeSecurityDomain
    | PeRfm
    | PeApplication
    | PeNonStandard
    | PeEnd
    | TemplateElement
    | UnknownElement
)

_TYPES: Final[tuple[type[Any], ...]] = (
    ProfileHeader,
    PeGenericFileManagement,
    PePinCodes,
    PePukCodes,
    PeAkaParameter,
    PeCdmaParameter,
    PeSecurityDomain,
    PeRfm,
    PeApplication,
    PeNonStandard,
    PeEnd,
)
_TAGS: Final[dict[str, int]] = {cls.KIND: cls.TAG for cls in _TYPES} | {kind.name: kind.tag for kind in KINDS.values()}
_KINDS: Final[dict[int, str]] = {tag: kind for kind, tag in _TAGS.items()}
_NESTED: Final[dict[str, Codec[Any]]] = {cls.KIND: Nested(cls) for cls in _TYPES}


def element_kind(element: ProfileElement) -> str:
    """The module's name of the element: `usim`, `pinCodes` ...; `tag-BF22` for an unknown one."""
    return element.kind if isinstance(element, TemplateElement | UnknownElement) else element.KIND


def kind_of_tag(tag: int) -> str:
    """The module's name of the element with this tag, or the tag where it has none."""
    return _KINDS.get(tag) or UnknownElement(tag, b"").kind


def element_header(element: ProfileElement) -> PeHeader | None:
    """The PEHeader; the profile header has none."""
    return None if isinstance(element, ProfileHeader) else element.header


def _codec(kind: str) -> Codec[Any] | None:
    return template_codec(kind) if kind in KINDS else _NESTED.get(kind)


def decode_element(data: bytes) -> ProfileElement:
    """Read one whole element; DecodeError with the place in it."""
    raw = bytes(data)
    tag, start, stop = read_header(raw, 0, len(raw), der=True)
    kind = kind_of_tag(tag)
    if raw[0] & 0xE0 != 0xA0:
        raise DecodeError(f"tag {tag:X} is not that of a profile element")
    if stop != len(raw):
        raise DecodeError("bytes after the element", offset=stop, path=(kind,))
    codec = _codec(kind)
    try:
        if codec is not None:
            return cast(ProfileElement, codec.read(raw, start, stop))
        return UnknownElement(tag, unknown_object(raw, 0, len(raw))[1])
    except DecodeError as error:
        raise error.inside(kind) from None


def encode_element(element: ProfileElement) -> bytes:
    """Build the whole element."""
    if isinstance(element, UnknownElement):
        return ber(element.tag, element.value)
    kind = element_kind(element)
    codec = _codec(kind)
    assert codec is not None
    return ber(_TAGS[kind], codec.write(element))


def element_to_json(element: ProfileElement) -> dict[str, Json]:
    """One member: the module's name of the element and what is in it."""
    if isinstance(element, UnknownElement):
        return {"unknown": {"tag": f"{element.tag:X}", "value": element.value.hex().upper()}}
    kind = element_kind(element)
    codec = _codec(kind)
    assert codec is not None
    return {kind: codec.to_json(element)}


def element_from_json(json: Json) -> ProfileElement:
    """Undo `element_to_json`; DecodeError names what does not fit."""
    members = json_object(json, "a profile element")
    kind = next(iter(members), "")
    if len(members) != 1:
        raise DecodeError("a profile element is an object with one member, its name")
    if kind == "unknown":
        content = json_object(members[kind], kind)
        tag = tag_from_json(content.get("tag"))
        if tag in _KINDS:
            raise DecodeError(f"tag {tag:X} is {_KINDS[tag]}")
        return UnknownElement(tag, hex_bytes(content.get("value"), "an unknown element"))
    codec = _codec(kind)
    if codec is None:
        raise DecodeError(f"{kind!r} is not a profile element")
    try:
        return cast(ProfileElement, codec.from_json(members[kind]))
    except DecodeError as error:
        raise error.inside(kind) from None
