# SPDX-License-Identifier: Apache-2.0
"""A profile element that creates files from a template (SAIP 8.3.2): one class for all kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from apdu.errors import DecodeError, EncodeError
from apdu.profile.compound import Extensions, extensions_from_json, extensions_to_json
from apdu.profile.der import Codec, Extension, Json, Oid, OidCodec, json_object, unknown_object
from apdu.profile.elements.files import FILE, File, PeHeader
from apdu.profile.elements.kinds import KINDS, TemplateKind
from apdu.tlv.scan import MAX_NODES, ber, read_header

__all__ = ["TemplateCodec", "TemplateElement"]

_OID: Final = OidCodec()


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateElement:
    """The files of one template, by the module's names; what is not named is not there."""

    kind: str
    header: PeHeader
    template: Oid
    files: Mapping[str, File]
    extensions: Extensions = ()


class TemplateCodec(Codec[TemplateElement]):
    """Reader and writer of one kind; a `SequenceCodec` with a dictionary instead of ninety attributes."""

    __slots__ = ("_mandatory", "_places", "kind")

    def __init__(self, kind: TemplateKind) -> None:
        self.kind = kind
        self._places = {file.tag: (place, file.name) for place, file in enumerate(kind.files, start=2)}
        self._mandatory = tuple(file.name for file in kind.files if file.mandatory)

    def read(self, data: bytes, start: int, stop: int) -> TemplateElement:
        header, template, at = self._head(data, start, stop)
        places, read_file = self._places, FILE.read
        files: dict[str, File] = {}
        extensions: list[Extension] = []
        last = 1
        while at < stop:
            tag, begin = data[at], at + 2
            if begin > stop or (size := data[at + 1]) > 0x7F or tag & 0x1F == 0x1F or (end := begin + size) > stop:
                tag, begin, end = read_header(data, at, stop, der=True)
            found = places.get(tag)
            if found is None:
                _, value, _ = unknown_object(data, at, stop)
                extensions.append(Extension(last + 1, tag, value))
                if len(extensions) > MAX_NODES:
                    raise DecodeError(f"more than {MAX_NODES} unknown components", offset=at)
            else:
                place, name = found
                if place <= last:
                    raise DecodeError(f"{name} is out of order or stands twice", offset=at)
                try:
                    files[name] = read_file(data, begin, end)
                except DecodeError as error:
                    raise error.inside(name) from None
                last = place
            at = end
        for name in self._mandatory:
            if name not in files:
                raise DecodeError(f"{name} is missing", offset=start)
        return TemplateElement(
            kind=self.kind.name,
            header=header,
            template=template,
            files=MappingProxyType(files),
            extensions=tuple(extensions),
        )

    def _head(self, data: bytes, start: int, stop: int) -> tuple[PeHeader, Oid, int]:
        tag, begin, end = read_header(data, start, stop, der=True)
        if tag != 0xA0:
            raise DecodeError(f"{self.kind.header} is missing", offset=start)
        try:
            header = PeHeader.codec().read(data, begin, end)
        except DecodeError as error:
            raise error.inside(self.kind.header) from None
        at = end
        tag, begin, end = read_header(data, at, stop, der=True)
        if tag != 0x81:
            raise DecodeError("templateID is missing", offset=at)
        try:
            return header, _OID.read(data, begin, end), end
        except DecodeError as error:
            raise error.inside("templateID") from None

    def write(self, value: TemplateElement) -> bytes:
        parts = [ber(0xA0, value.header.value()), ber(0x81, value.template)]
        if strange := value.files.keys() - {file.name for file in self.kind.files}:
            raise EncodeError(f"{min(strange)} is not a file of {self.kind.name}")
        for place, file in enumerate(self.kind.files, start=2):
            parts += [ber(item.tag, item.value) for item in value.extensions if item.place == place]
            if (content := value.files.get(file.name)) is not None:
                try:
                    parts.append(ber(file.tag, FILE.write(content)))
                except EncodeError as error:
                    raise EncodeError(f"{file.name}: {error}") from None
            elif file.mandatory:
                raise EncodeError(f"{file.name} is missing")
        end = len(self.kind.files) + 2
        parts += [ber(item.tag, item.value) for item in value.extensions if item.place >= end]
        return b"".join(parts)

    def to_json(self, value: TemplateElement) -> Json:
        json: dict[str, Json] = {self.kind.header: value.header.to_json(), "templateID": str(value.template)}
        for file in self.kind.files:
            if (content := value.files.get(file.name)) is not None:
                json[file.name] = FILE.to_json(content)
        if value.extensions:
            json["extensions"] = extensions_to_json(value.extensions)
        return json

    def from_json(self, json: Json) -> TemplateElement:
        members = dict(json_object(json, self.kind.name))
        header = PeHeader.from_json(members.pop(self.kind.header, None))
        template = _OID.from_json(members.pop("templateID", None))
        extensions = extensions_from_json(members.pop("extensions", []))
        files: dict[str, File] = {}
        for file in self.kind.files:
            if file.name in members:
                try:
                    files[file.name] = FILE.from_json(members.pop(file.name))
                except DecodeError as error:
                    raise error.inside(file.name) from None
            elif file.mandatory:
                raise DecodeError(f"{file.name} is missing")
        if members:
            raise DecodeError(f"{next(iter(members))!r} is not a component of {self.kind.name}")
        return TemplateElement(
            kind=self.kind.name, header=header, template=template, files=MappingProxyType(files), extensions=extensions
        )


@cache
def template_codec(kind: str) -> Codec[Any]:
    """The codec of a kind of template element."""
    return TemplateCodec(KINDS[kind])
