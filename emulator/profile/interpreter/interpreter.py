# SPDX-License-Identifier: Apache-2.0
"""Element by element through a profile package: what comes when, what aborts, what only warns (SAIP 7.2, 8.1, 8.10)."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from types import MappingProxyType, NoneType
from typing import Any, Final

from apdu.errors import DecodeError
from apdu.ids import Aid, Tar
from apdu.profile.der import BadValue, Oid
from apdu.profile.elements.authentication import PeAkaParameter, PeCdmaParameter
from apdu.profile.elements.codes import PePinCodes, PePukCodes
from apdu.profile.elements.domains import PeApplication, PeRfm, PeSecurityDomain
from apdu.profile.elements.element import ProfileElement, decode_element, element_header, element_kind
from apdu.profile.elements.files import FilePath, PeGenericFileManagement, PeHeader
from apdu.profile.elements.header import ProfileHeader
from apdu.profile.elements.other import PeEnd, PeNonStandard, UnknownElement, leading_header
from apdu.profile.elements.template import TemplateElement
from apdu.profile.response import PeStatus, Status
from apdu.profile.templates.registry import TEMPLATES
from apdu.tlv.scan import read_header
from emulator.profile.base import ProfileBase
from emulator.profile.cache import BASES, BaseCache
from emulator.profile.interpreter.assembly import Assembly
from emulator.profile.interpreter.authentication import define_aka, define_cdma
from emulator.profile.interpreter.codes import check_references, define_pins, define_puks, resolve_contexts
from emulator.profile.interpreter.domains import check_rfm, define_application, define_domain, define_rfm
from emulator.profile.interpreter.generic import manage_files
from emulator.profile.interpreter.outcome import InstallError, Refused
from emulator.profile.interpreter.services import check_header, header_iccid
from emulator.profile.interpreter.templates import create_from_template
from emulator.profile.policy import Policy

__all__ = ["Interpreter"]

_NEEDS: Final = {
    "usim": "usim",
    "opt-usim": "usim",
    "phonebook": "usim",
    "gsm-access": "usim",
    "df-5gs": "usim",
    "df-saip": "usim",
    "df-snpn": "usim",
    "df-5gprose": "usim",
    "isim": "isim",
    "opt-isim": "isim",
    "csim": "csim",
    "opt-csim": "csim",
    "cdmaParameter": "csim",
    "eap": "eap",
    "iot": "usim",
    "opt-iot": "usim",
}
"""The service without which an element is not supported."""

_HANDLERS: Final[dict[type, Callable[[Assembly, Any], None]]] = {
    PeGenericFileManagement: manage_files,
    PePukCodes: define_puks,
    PePinCodes: define_pins,
    PeAkaParameter: define_aka,
    PeCdmaParameter: define_cdma,
    PeSecurityDomain: define_domain,
    PeRfm: define_rfm,
    PeApplication: define_application,
}


class Interpreter:
    """Interprets one package. After an InstallError it is of no more use.

    Elements that start a package which this process knows are only kept: either the package turns out to be that one
    and its base is taken, or they are interpreted when the first different element comes.
    """

    def __init__(self, policy: Policy, available: int, cache: BaseCache | None = None) -> None:
        self.warnings: list[PeStatus] = []
        """Elements that were skipped so far."""
        self._policy = policy
        self._available = available
        self._cache = BASES if cache is None else cache
        self._assembly: Assembly | None = None
        self._identifications: set[int] = set()
        self._digest = sha256()
        self._prefixes: list[bytes] = []
        self._waiting: list[tuple[bytes, int]] | None = []
        self._size = 0
        self._base: ProfileBase | None = None

    @property
    def finished(self) -> bool:
        """Whether PE-End was interpreted."""
        return self._base is not None

    def base(self) -> ProfileBase:
        """The profile; only after PE-End."""
        if self._base is None:
            raise InstallError(Status.INVALID_REQUEST_FORMAT, "no end element", identification=None, offset=self._size)
        return self._base

    def element(self, raw: bytes, offset: int) -> None:
        """Interpret the next element, which stands at `offset` of the package."""
        self._digest.update(raw)
        self._size = offset + len(raw)
        prefix = self._digest.digest()
        self._prefixes.append(prefix)
        if self._waiting is not None and self._base is None:
            known = self._cache.get(self._policy, prefix)
            if known is not None and known.footprint <= self._available:
                self._waiting.append((raw, offset))
                if known.digest == prefix:
                    self._base, self._waiting = known, None
                    self.warnings = list(known.warnings)
                return
            waiting, self._waiting = self._waiting, None
            for earlier in waiting:
                self._element(*earlier)
        self._element(raw, offset)
        if self._base is not None:
            self._cache.put(self._policy, self._prefixes, self._base)

    def _element(self, raw: bytes, offset: int) -> None:
        identification = None
        try:
            self._check_size()
            element = decode_element(raw)
            header = element_header(element)
            identification = None if header is None else header.identification
            self._interpret(element, header, offset)
        except DecodeError as error:
            status = Status.BAD_VALUES if isinstance(error, BadValue) else Status.INVALID_REQUEST_FORMAT
            raise InstallError(status, str(error), identification=_identification(raw), offset=offset) from None
        except Refused as refused:
            identification, offset = refused.origin or (identification, offset)
            raise InstallError(refused.status, refused.reason, identification=identification, offset=offset) from None

    def _check_size(self) -> None:
        policy = self._policy
        if self._size > policy.max_package:
            raise Refused(Status.NOT_ENOUGH_MEMORY, f"a package of more than {policy.max_package} bytes")
        if len(self._prefixes) > policy.max_elements:
            raise Refused(Status.NOT_ENOUGH_MEMORY, f"a package of more than {policy.max_elements} elements")

    def _interpret(self, element: ProfileElement, header: PeHeader | None, offset: int) -> None:
        if self._base is not None:
            raise Refused(Status.INVALID_PARAMETER, f"{element_kind(element)} after the end")
        if isinstance(element, ProfileHeader):
            self._start(element)
            return
        assembly = self._assembly
        if assembly is None:
            raise Refused(Status.INVALID_REQUEST_FORMAT, f"{element_kind(element)} before the header")
        self._check_header(element, header)
        if isinstance(element, PeEnd):
            self._finish(assembly)
            return
        assembly.created = []
        mandated = header is not None and header.mandated
        if not self._supported(element, mandated):
            return
        if isinstance(element, TemplateElement):
            template = TEMPLATES.get(element.template)
            if template is None or template.kind != element.kind:
                demanded = mandated or element.template in assembly.header.templates
                self._skip(element, demanded, Status.TEMPLATE_NOT_SUPPORTED)
                return
            create_from_template(assembly, element, template)
        else:
            _HANDLERS[type(element)](assembly, element)
        if assembly.created:  # the first of them is the one whose PINs follow (SAIP 8.5)
            assembly.pin_context = assembly.created[0]
            origin = (None if header is None else header.identification), offset
            assembly.origin.update((directory.id, origin) for directory in assembly.created)

    def _start(self, header: ProfileHeader) -> None:
        if self._assembly is not None:
            raise Refused(Status.INVALID_PARAMETER, "a second header")
        check_header(header, self._policy)
        header_iccid(header)
        self._assembly = Assembly(header, self._policy, self._available)

    def _check_header(self, element: ProfileElement, header: PeHeader | None) -> None:
        """The identification is unique; a known element holds nothing that the module does not name (SAIP 8.10)."""
        if header is not None:
            if header.identification in self._identifications:
                raise Refused(Status.BAD_VALUES, f"identification {header.identification} stands twice")
            self._identifications.add(header.identification)
        if not isinstance(element, UnknownElement) and _has_unknown(element):
            raise Refused(Status.INVALID_PARAMETER, f"an unknown component in {element_kind(element)}")

    def _supported(self, element: ProfileElement, mandated: bool) -> bool:
        """Whether the element is known here; skipped with a warning where it may be."""
        kind = element_kind(element)
        unknown = isinstance(element, UnknownElement | PeNonStandard)
        if unknown or ((service := _NEEDS.get(kind)) is not None and service not in self._policy.services):
            self._skip(element, mandated, Status.PE_NOT_SUPPORTED)
            return False
        return True

    def _skip(self, element: ProfileElement, mandated: bool, status: Status) -> None:
        """Abort where the element is mandated or its template demanded, else note a warning and go on."""
        kind = element_kind(element)
        if mandated:
            raise Refused(status, f"{kind} is mandated and not supported")
        header = element_header(element)
        identification = None if header is None else header.identification
        self.warnings.append(PeStatus(status=status, identification=identification))

    def _finish(self, assembly: Assembly) -> None:
        """Everything that can only be checked at the end, then the result."""
        mf = assembly.require_mf()
        resolve_contexts(assembly)
        check_references(assembly)
        check_rfm(assembly)
        header = assembly.header
        self._base = ProfileBase(
            digest=self._digest.digest(),
            iccid=header_iccid(header),
            profile_type=header.profile_type or "",
            pol1=header.pol[0] if header.pol else 0,
            connectivity=header.connectivity or b"",
            services=frozenset(header.services),
            mf=mf,
            adfs=tuple(assembly.adfs.values()),
            pins=MappingProxyType(assembly.pins),
            puks=MappingProxyType(assembly.puks),
            naas=tuple(assembly.algorithms),
            cdma=assembly.cdma,
            domains=tuple(assembly.domains),
            applications=tuple(assembly.applications),
            rfms=tuple(assembly.rfms),
            footprint=assembly.taken,
            warnings=tuple(self.warnings),
        )


def _identification(raw: bytes) -> int | None:
    """The identification of an element that cannot be read as a whole."""
    try:
        _, start, stop = read_header(raw, 0, len(raw), der=True)
    except DecodeError:
        return None
    header = leading_header(raw[start:stop])
    return None if header is None or raw[0] == ProfileHeader.TAG else header.identification


_LEAVES: Final = frozenset({bytes, int, str, bool, NoneType, Oid, Aid, Tar, FilePath})


def _has_unknown(value: object) -> bool:
    """Whether a value holds a component that the module does not name; files are looked at when they are made."""
    if isinstance(value, tuple):
        return any(type(item) not in _LEAVES and _has_unknown(item) for item in value)
    if getattr(value, "extensions", ()):
        return True
    if isinstance(value, PeGenericFileManagement | TemplateElement):
        return bool(value.header.extensions)
    for name in getattr(value, "__dataclass_fields__", ()):
        item = getattr(value, name)
        if type(item) not in _LEAVES and item and _has_unknown(item):
            return True
    return False
