# SPDX-License-Identifier: Apache-2.0
"""A profile for one subscriber: identities and secrets put into a package that has everything else.

Works on packages of any origin: the elements are changed where they stand, all others are kept as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from apdu.errors import EncodeError
from apdu.ids import Iccid, Imsi, swap_nibbles
from apdu.profile.elements.authentication import AlgoParameter, PeAkaParameter
from apdu.profile.elements.codes import PePinCodes, PePukCodes
from apdu.profile.elements.domains import KeyObject, PeSecurityDomain
from apdu.profile.elements.element import ProfileElement
from apdu.profile.elements.files import Fcp, File, FilePath
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.elements.template import TemplateElement
from apdu.profile.templates.registry import TEMPLATES

__all__ = ["Personalisation", "msisdn_record", "personalise", "record_length"]

_NUMBER_BYTES: Final = 14
"""Bytes of an ADN record behind its alpha identifier (TS 31.102 4.2.26)."""
_INTERNATIONAL: Final = 0x91
_CODE_BYTES: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Personalisation:
    """What makes a profile the profile of one subscriber; what is None stays as it is."""

    iccid: Iccid
    imsi: Imsi
    key: bytes = field(repr=False)
    """K of every application that has a key of its own."""
    opc: bytes | None = field(default=None, repr=False)
    msisdn: str | None = None
    """Digits in international format, with or without +."""
    pins: Mapping[int, str] = field(default_factory=dict, repr=False)
    """Digits by key reference (01 PIN1, 81 PIN2, 0A ADM1)."""
    puks: Mapping[int, str] = field(default_factory=dict, repr=False)
    domain_keys: Mapping[tuple[int, int], bytes] = field(default_factory=dict, repr=False)
    """Keys of the MNO-SD by key version number and key identifier."""


def personalise(elements: Iterable[ProfileElement], subscriber: Personalisation) -> tuple[ProfileElement, ...]:
    """The package of this subscriber; EncodeError when the package has no place for an identity."""
    worker = _Worker(subscriber)
    changed = tuple(map(worker.element, elements))
    if missing := worker.missing():
        raise EncodeError(f"the package has no place for {', '.join(missing)}")
    return changed


def msisdn_record(number: str, length: int) -> bytes:
    """A record of EF.MSISDN: no alpha identifier, international number, up to 20 digits."""
    digits = number.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 20 or length < _NUMBER_BYTES:
        raise EncodeError(f"{number!r} is not a number that fits a record of {length} bytes")
    packed = swap_nibbles(bytes.fromhex(digits + "f" * (len(digits) % 2)))
    content = bytes((len(packed) + 1, _INTERNATIONAL)) + packed.ljust(10, b"\xff") + b"\xff\xff"
    return content.rjust(length, b"\xff")


def _code(digits: str) -> bytes:
    """A PIN or PUK as 8 bytes: digits in ASCII, padded with FF (TS 102 221 9.5.1)."""
    if not (digits.isascii() and digits.isdigit()) or not 4 <= len(digits) <= _CODE_BYTES:
        raise EncodeError("a code has 4 to 8 digits")
    return digits.encode("ascii").ljust(_CODE_BYTES, b"\xff")


def _with_content(file: File, content: bytes) -> File:
    """A file with its parameters and nothing but this content."""
    return (*(item for item in file if isinstance(item, Fcp)), content)


class _Worker:
    """Changes one element after the other, and remembers what found its place."""

    def __init__(self, subscriber: Personalisation) -> None:
        self.subscriber = subscriber
        self.done: set[str] = set()

    def missing(self) -> list[str]:
        wanted = {"iccid", "imsi", "key"}
        if self.subscriber.msisdn is not None:
            wanted.add("msisdn")
        wanted.update(f"PIN {reference:02X}" for reference in self.subscriber.pins)
        wanted.update(f"PUK {reference:02X}" for reference in self.subscriber.puks)
        wanted.update(f"key {kid:02X} of version {kvn:02X}" for kvn, kid in self.subscriber.domain_keys)
        return sorted(wanted - self.done)

    def element(self, element: ProfileElement) -> ProfileElement:
        handler = _HANDLERS.get(type(element))
        return element if handler is None else handler(self, element)

    def header(self, header: ProfileHeader) -> ProfileElement:
        return replace(header, iccid=bytes(self.subscriber.iccid))

    def files(self, element: TemplateElement) -> ProfileElement:
        files = dict(element.files)
        for name, content in self._contents(element).items():
            if name in files:
                files[name] = _with_content(files[name], content)
                self.done.add(_IDENTITIES.get(name, name))
        return replace(element, files=MappingProxyType(files))

    def _contents(self, element: TemplateElement) -> dict[str, bytes]:
        subscriber = self.subscriber
        if element.kind == "mf":
            return {"ef-iccid": subscriber.iccid.swapped}
        if element.kind in ("usim", "iot"):
            access_class = 1 << int(subscriber.imsi[-1])
            contents = {"ef-imsi": subscriber.imsi.ef_imsi, "ef-acc": access_class.to_bytes(2, "big")}
            return contents | ({"ef-iccid": subscriber.iccid.swapped} if element.kind == "iot" else {})
        if element.kind == "opt-usim" and subscriber.msisdn is not None and "ef-msisdn" in element.files:
            return {"ef-msisdn": msisdn_record(subscriber.msisdn, record_length(element, "ef-msisdn"))}
        return {}

    def authentication(self, element: PeAkaParameter) -> ProfileElement:
        if not isinstance(element.configuration, AlgoParameter):
            return element  # takes its keys from another application
        self.done.add("key")
        opc = element.configuration.opc if self.subscriber.opc is None else self.subscriber.opc
        return replace(element, configuration=replace(element.configuration, key=self.subscriber.key, opc=opc))

    def pins(self, element: PePinCodes) -> ProfileElement:
        if isinstance(element.codes, FilePath):
            return element
        return replace(element, codes=self._codes(element.codes, self.subscriber.pins, "PIN"))

    def puks(self, element: PePukCodes) -> ProfileElement:
        return replace(element, codes=self._codes(element.codes, self.subscriber.puks, "PUK"))

    def _codes(self, codes: tuple[Any, ...], given: Mapping[int, str], what: str) -> tuple[Any, ...]:
        changed = []
        for item in codes:
            if item.reference in given:
                self.done.add(f"{what} {item.reference:02X}")
                item = replace(item, code=_code(given[item.reference]))
            changed.append(item)
        return tuple(changed)

    def domain(self, element: PeSecurityDomain) -> ProfileElement:
        if element.keys is None:
            return element
        return replace(element, keys=tuple(map(self._key, element.keys)))

    def _key(self, item: KeyObject) -> KeyObject:
        value = self.subscriber.domain_keys.get((item.kvn[0], item.kid[0]))
        if value is None:
            return item
        self.done.add(f"key {item.kid[0]:02X} of version {item.kvn[0]:02X}")
        first, *rest = item.components
        return replace(item, components=(replace(first, data=value), *rest))


def record_length(element: TemplateElement, name: str) -> int:
    """The record length that the package gives a file, else that of the template."""
    for item in element.files[name]:
        if isinstance(item, Fcp) and item.descriptor is not None and len(item.descriptor) == 4:
            return int.from_bytes(item.descriptor[2:], "big")
    template = TEMPLATES.get(element.template)
    row = None if template is None else template.by_name.get(name)
    if row is None or not row.record_length:
        raise EncodeError(f"the record length of {name} is not known")
    return row.record_length


_IDENTITIES: Final = {"ef-iccid": "iccid", "ef-imsi": "imsi", "ef-msisdn": "msisdn"}

_HANDLERS: Final[dict[type, Callable[[_Worker, Any], ProfileElement]]] = {
    ProfileHeader: _Worker.header,
    TemplateElement: _Worker.files,
    PeAkaParameter: _Worker.authentication,
    PePinCodes: _Worker.pins,
    PePukCodes: _Worker.puks,
    PeSecurityDomain: _Worker.domain,
}
