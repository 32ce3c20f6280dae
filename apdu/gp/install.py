# SPDX-License-Identifier: Apache-2.0
"""INSTALL [for ...]: the variants as typed values, and the install parameters (GPCS 11.5, TS 102 226 8.2.1.3.2)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, Final, Self, TypeAlias

from apdu.command.apdu import CommandApdu
from apdu.errors import DecodeError, EncodeError
from apdu.gp.codes import Ins, Privilege
from apdu.gp.lv import lv, split_lv
from apdu.ids import Aid
from apdu.tlv.declare import RAW, Leaf, Template, tlv

__all__ = [
    "MEMORY",
    "Install",
    "InstallForExtradition",
    "InstallForInstall",
    "InstallForInstallAndMakeSelectable",
    "InstallForLoad",
    "InstallForMakeSelectable",
    "InstallForPersonalization",
    "InstallForRegistryUpdate",
    "InstallParameters",
    "SystemParameters",
    "decode_install",
]

_CLA: Final = 0x80


def _memory(data: bytes) -> int:
    if not 1 <= len(data) <= 4:
        raise DecodeError(f"an amount of memory has 1 to 4 bytes, not {len(data)}")
    return int.from_bytes(data, "big")


def _memory_field(amount: int) -> bytes:
    if not 0 <= amount <= 0xFFFFFFFF:
        raise EncodeError(f"{amount} bytes of memory have no coding")
    return amount.to_bytes(2 if amount <= 0xFFFF else 4, "big")


MEMORY: Final[Leaf[int]] = Leaf(None, _memory, _memory_field)
"""An amount of memory: built with 2 or 4 bytes (GPCS 11.5.2.3.7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemParameters(Template, tag=0xEF, clause="GPCS 11.5.2.3.7; SGP.02 v4.2 4.1.1.1 table 10"):
    """System specific parameters; 83 is the cumulative granted non-volatile memory of an ISD-P."""

    volatile_quota: int | None = tlv(0xC7, MEMORY, optional=True)
    nonvolatile_quota: int | None = tlv(0xC8, MEMORY, optional=True)
    global_services: bytes | None = tlv(0xCB, RAW, optional=True)
    volatile_reserved: int | None = tlv(0xD7, MEMORY, optional=True)
    nonvolatile_reserved: int | None = tlv(0xD8, MEMORY, optional=True)
    sim_parameters: bytes | None = tlv(0xCA, RAW, optional=True)
    implicit_selection: tuple[bytes, ...] = tlv(0xCF, RAW, many=True)
    granted_memory: int | None = tlv(0x83, MEMORY, optional=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallParameters(Template, tag=0, clause="GPCS 11.5.2.3.7; TS 102 226 8.2.1.3.2"):
    """The objects of an install parameters field; `value()` codes them, `decode()` reads them."""

    application: bytes | None = tlv(0xC9, RAW, optional=True)
    """For the application itself; for a security domain its secure channel protocols, `81 02 03 70`."""
    system: SystemParameters | None = tlv(0xEF, SystemParameters, optional=True)
    uicc: bytes | None = tlv(0xEA, RAW, optional=True)
    """UICC system specific parameters: toolkit and access parameters."""
    control_reference: bytes | None = tlv(0xB6, RAW, optional=True)
    """What a token refers to."""


def _aid(value: bytes, what: str) -> Aid:
    try:
        return Aid(value)
    except DecodeError as error:
        raise error.inside(what) from None


def _empty(what: str, *values: bytes) -> None:
    if any(values):
        raise DecodeError("a field that must be empty holds data", path=(what,))


class _Install(ABC):
    """What all variants share: P1 names the variant, the data field is made of LV fields."""

    __slots__ = ()
    P1: ClassVar[int]

    @abstractmethod
    def encode(self) -> bytes:
        """The data field."""

    def command(self, *, cla: int = _CLA) -> CommandApdu:
        """The whole command; Le asks for the confirmation `00`."""
        return CommandApdu(cla, Ins.INSTALL, self.P1, 0x00, self.encode(), 256)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallForLoad(_Install):
    """INSTALL [for load] (GPCS 11.5.2.3.1)."""

    P1: ClassVar[int] = 0x02
    load_file: Aid
    security_domain: Aid | None = None
    hash: bytes = b""
    parameters: bytes = b""
    token: bytes = b""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the data field."""
        fields = ("load file", "security domain", "hash", "parameters", "token")
        load_file, domain, digest, parameters, token = split_lv(data, fields)
        return cls(
            load_file=_aid(load_file, "load file"),
            security_domain=_aid(domain, "security domain") if domain else None,
            hash=digest,
            parameters=parameters,
            token=token,
        )

    def encode(self) -> bytes:
        """The data field."""
        parts = (self.load_file, self.security_domain or b"", self.hash, self.parameters, self.token)
        return b"".join(map(lv, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallForInstall(_Install):
    """INSTALL [for install] (GPCS 11.5.2.3.2)."""

    P1: ClassVar[int] = 0x04
    load_file: Aid
    module: Aid
    instance: Aid
    privileges: Privilege
    parameters: InstallParameters = field(default_factory=InstallParameters)
    token: bytes = b""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the data field."""
        fields = ("load file", "module", "instance", "privileges", "parameters", "token")
        load_file, module, instance, privileges, parameters, token = split_lv(data, fields)
        if len(privileges) not in (1, 3):
            raise DecodeError(f"privileges have 1 or 3 bytes, not {len(privileges)}", path=("privileges",))
        return cls(
            load_file=_aid(load_file, "load file"),
            module=_aid(module, "module"),
            instance=_aid(instance, "instance"),
            privileges=Privilege.from_bytes_field(privileges),
            parameters=InstallParameters.decode(parameters),
            token=token,
        )

    def encode(self) -> bytes:
        """The data field."""
        parts = (
            self.load_file,
            self.module,
            self.instance,
            self.privileges.to_field(),
            self.parameters.value(),
            self.token,
        )
        return b"".join(map(lv, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallForInstallAndMakeSelectable(InstallForInstall):
    """INSTALL [for install and make selectable] (GPCS 11.5.2.3.2): the form of ES5.CreateISDP."""

    P1: ClassVar[int] = 0x0C


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallForMakeSelectable(_Install):
    """INSTALL [for make selectable] (GPCS 11.5.2.3.3)."""

    P1: ClassVar[int] = 0x08
    instance: Aid
    privileges: Privilege
    parameters: InstallParameters = field(default_factory=InstallParameters)
    token: bytes = b""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the data field."""
        fields = ("load file", "module", "instance", "privileges", "parameters", "token")
        load_file, module, instance, privileges, parameters, token = split_lv(data, fields)
        _empty("load file, module", load_file, module)
        if len(privileges) not in (1, 3):
            raise DecodeError(f"privileges have 1 or 3 bytes, not {len(privileges)}", path=("privileges",))
        return cls(
            instance=_aid(instance, "instance"),
            privileges=Privilege.from_bytes_field(privileges),
            parameters=InstallParameters.decode(parameters),
            token=token,
        )

    def encode(self) -> bytes:
        """The data field."""
        parts = (b"", b"", self.instance, self.privileges.to_field(), self.parameters.value(), self.token)
        return b"".join(map(lv, parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallForExtradition(_Install):
    """INSTALL [for extradition] (GPCS 11.5.2.3.4)."""

    P1: ClassVar[int] = 0x10
    security_domain: Aid
    application: Aid
    parameters: bytes = b""
    token: bytes = b""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the data field."""
        fields = ("security domain", "void", "application", "void", "parameters", "token")
        domain, void, application, void_too, parameters, token = split_lv(data, fields)
        _empty("void", void, void_too)
        return cls(
            security_domain=_aid(domain, "security domain"),
            application=_aid(application, "application"),
            parameters=parameters,
            token=token,
        )

    def encode(self) -> bytes:
        """The data field."""
        return b"".join(map(lv, (self.security_domain, b"", self.application, b"", self.parameters, self.token)))


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallForPersonalization(_Install):
    """INSTALL [for personalization] (GPCS 11.5.2.3.6): the STORE DATA that follow are for this application."""

    P1: ClassVar[int] = 0x20
    application: Aid

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the data field."""
        void, void_too, application, *rest = split_lv(data, ("void", "void", "application", "void", "void", "void"))
        _empty("void", void, void_too, *rest)
        return cls(application=_aid(application, "application"))

    def encode(self) -> bytes:
        """The data field."""
        return b"\x00\x00" + lv(self.application) + b"\x00\x00\x00"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallForRegistryUpdate(_Install):
    """INSTALL [for registry update] (GPCS 11.5.2.3.5)."""

    P1: ClassVar[int] = 0x40
    application: Aid | None
    security_domain: Aid | None = None
    privileges: Privilege | None = None
    parameters: bytes = b""
    token: bytes = b""

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the data field."""
        fields = ("security domain", "void", "application", "privileges", "parameters", "token")
        domain, void, application, privileges, parameters, token = split_lv(data, fields)
        _empty("void", void)
        if len(privileges) not in (0, 1, 3):
            raise DecodeError(f"privileges have 0, 1 or 3 bytes, not {len(privileges)}", path=("privileges",))
        return cls(
            application=_aid(application, "application") if application else None,
            security_domain=_aid(domain, "security domain") if domain else None,
            privileges=Privilege.from_bytes_field(privileges) if privileges else None,
            parameters=parameters,
            token=token,
        )

    def encode(self) -> bytes:
        """The data field."""
        privileges = b"" if self.privileges is None else self.privileges.to_field()
        domain, application = self.security_domain or b"", self.application or b""
        return b"".join(map(lv, (domain, b"", application, privileges, self.parameters, self.token)))


Install: TypeAlias = (
    InstallForLoad
    | InstallForInstall
    | InstallForInstallAndMakeSelectable
    | InstallForMakeSelectable
    | InstallForExtradition
    | InstallForPersonalization
    | InstallForRegistryUpdate
)

_VARIANTS: Final[dict[int, Callable[[bytes], Install]]] = {
    InstallForLoad.P1: InstallForLoad.decode,
    InstallForInstall.P1: InstallForInstall.decode,
    InstallForInstallAndMakeSelectable.P1: InstallForInstallAndMakeSelectable.decode,
    InstallForMakeSelectable.P1: InstallForMakeSelectable.decode,
    InstallForExtradition.P1: InstallForExtradition.decode,
    InstallForPersonalization.P1: InstallForPersonalization.decode,
    InstallForRegistryUpdate.P1: InstallForRegistryUpdate.decode,
}


def decode_install(p1: int, data: bytes) -> Install | None:
    """Read the data field of the variant that P1 names; None for a P1 that names none (6A86)."""
    variant = _VARIANTS.get(p1)
    return None if variant is None else variant(data)
