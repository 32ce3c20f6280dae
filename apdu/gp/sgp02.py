# SPDX-License-Identifier: Apache-2.0
"""The objects of SGP.02's own functions: DGI 3A03 to 3A08 in STORE DATA, their answers, the notification, CreateISDP.

SGP.02 v4.2 4.1.1 (ES5), 4.1.2 (ES6), 4.1.3 (ES8). Key establishment, DGI 3A01 and 3A02,
is in apdu.keys.agreement.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique
from typing import ClassVar, Final, Self, TypeAlias

from apdu.errors import DecodeError
from apdu.gp.codes import ISD_P_PRIVILEGES, Pol1
from apdu.gp.install import InstallForInstall, InstallForInstallAndMakeSelectable, InstallParameters, SystemParameters
from apdu.gp.store_data import raise_for_groups
from apdu.ids import ISD_P_LOAD_FILE, ISD_P_MODULE, Aid, Eid
from apdu.tlv.declare import AID, BYTE, OBJECTS, RAW, UINT16, Leaf, OneLevel, Template, fixed, tlv
from apdu.tlv.scan import ber, dgi, split, split_dgi

__all__ = [
    "CERTIFICATE",
    "SCP03_I70",
    "AddressingParameters",
    "ConfirmationResponse",
    "ConnectivityParameters",
    "CreateIsdp",
    "Dgi",
    "DgiTemplate",
    "DisableProfile",
    "EnableProfile",
    "Notification",
    "NotificationConfirmation",
    "NotificationType",
    "ProfileCommand",
    "SetFallBackAttribute",
    "UpdatePol1",
]


@unique
class Dgi(IntEnum):
    """Data grouping identifiers (SGP.02 v4.2 4.1)."""

    CERTIFICATE = 0x3A01
    KEY_ESTABLISHMENT = 0x3A02
    ENABLE = 0x3A03
    DISABLE = 0x3A04
    SET_FALL_BACK = 0x3A05
    POL1 = 0x3A06
    PARAMETERS = 0x3A07
    CONFIRMATION = 0x3A08
    EPHEMERAL_KEY = 0x7F49
    SIGNATURE = 0x5F37
    RANDOM_CHALLENGE = 0x0085
    """Signed with the key establishment, never transmitted."""


CERTIFICATE: Final = 0x7F21
SCP03_I70: Final = bytes.fromhex("81020370")
"""Object 81 of the install parameters C9: SCP03 with i = 70."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateIsdp:
    """ES5.CreateISDP (SGP.02 v4.2 4.1.1.1). Memory 0: no quota."""

    aid: Aid
    memory: int = 0
    load_file: Aid = ISD_P_LOAD_FILE
    module: Aid = ISD_P_MODULE

    def install(self) -> InstallForInstallAndMakeSelectable:
        """The INSTALL that says it."""
        system = SystemParameters(granted_memory=self.memory) if self.memory else None
        return InstallForInstallAndMakeSelectable(
            load_file=self.load_file,
            module=self.module,
            instance=self.aid,
            privileges=ISD_P_PRIVILEGES,
            parameters=InstallParameters(application=SCP03_I70, system=system),
        )

    @classmethod
    def from_install(cls, install: InstallForInstall) -> Self:
        """Read it back; DecodeError where the INSTALL is none of an ISD-P."""
        parameters = install.parameters
        granted = parameters.system.granted_memory if parameters.system else None
        system = None if granted is None else SystemParameters(granted_memory=granted)
        if install.privileges != ISD_P_PRIVILEGES:
            raise DecodeError("the privileges are not those of an ISD-P", path=("CreateISDP",))
        if parameters != InstallParameters(application=SCP03_I70, system=system):
            raise DecodeError("the parameters are not those of an ISD-P", path=("CreateISDP",))
        if not install.instance.is_isd_p:
            raise DecodeError("the AID is outside the range of ISD-Ps", path=("CreateISDP",))
        return cls(aid=install.instance, memory=granted or 0, load_file=install.load_file, module=install.module)


class DgiTemplate(Template):
    """BER-TLV objects inside one data grouping: encode() gives the grouping."""

    __slots__ = ()

    def encode(self) -> bytes:
        """The data grouping."""
        return dgi(self.TAG, self.value())

    @classmethod
    def from_tlv(cls, data: bytes) -> Self:
        """Read exactly one data grouping with this identifier."""
        groups = split_dgi(data)
        raise_for_groups(tuple(groups), (cls.TAG,))
        return cls.decode(groups[0].value)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnableProfile(DgiTemplate, tag=Dgi.ENABLE, clause="SGP.02 v4.2 4.1.1.2"):
    """ES5.EnableProfile: the ISD-P whose profile becomes enabled."""

    aid: Aid = tlv(0x4F, AID)


@dataclass(frozen=True, slots=True, kw_only=True)
class DisableProfile(DgiTemplate, tag=Dgi.DISABLE, clause="SGP.02 v4.2 4.1.1.3"):
    """ES5.DisableProfile: the ISD-P whose profile becomes disabled."""

    aid: Aid = tlv(0x4F, AID)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetFallBackAttribute(DgiTemplate, tag=Dgi.SET_FALL_BACK, clause="SGP.02 v4.2 4.1.1.7"):
    """ES5.SetFallBackAttribute: the ISD-P that takes the attribute."""

    aid: Aid = tlv(0x4F, AID)


ProfileCommand: TypeAlias = EnableProfile | DisableProfile | SetFallBackAttribute

_POL1: Final[Leaf[Pol1]] = Leaf(None, lambda data: Pol1(BYTE.decode(data)), lambda rules: bytes((rules,)))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePol1(DgiTemplate, tag=Dgi.POL1, clause="SGP.02 v4.2 4.1.2.1"):
    """ES6.UpdatePOL1byMNO."""

    rules: Pol1 = tlv(0x81, _POL1)  # the tag is (U)


def _toolkit_objects(raw: bytes) -> bytes:
    """Objects of the toolkit among others: some of their tags only look as if they held objects themselves."""
    split(raw)
    return raw


_TOOLKIT_OBJECTS: Final[Leaf[bytes]] = Leaf(None, _toolkit_objects, bytes)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectivityParameters(DgiTemplate, tag=Dgi.PARAMETERS, clause="SGP.02 v4.2 4.1.3.4"):
    """ES8.UpdateConnectivityParameters: what each bearer needs, opaque; an empty object clears one."""

    _walk: ClassVar[bool] = False  # each leaf looks at its content in its own way
    sms: bytes | None = tlv(0xA0, OBJECTS, optional=True)
    cat_tp: bytes | None = tlv(0xA1, _TOOLKIT_OBJECTS, optional=True)  # (U) A1 and A2 may stand the other way round
    https: bytes | None = tlv(0xA2, _TOOLKIT_OBJECTS, optional=True)  # (U)


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressingParameters(DgiTemplate, tag=Dgi.PARAMETERS, clause="SGP.02 v4.2 4.1.1.10"):
    """ES5.UpdateSMSRAddressingParameters: where the SM-SR is reached; `apdu.ota.addressing` says what is inside."""

    _walk: ClassVar[bool] = False
    sms: bytes | None = tlv(0xA3, OBJECTS, optional=True)
    cat_tp: bytes | None = tlv(0xA4, _TOOLKIT_OBJECTS, optional=True)  # (U)
    https: bytes | None = tlv(0xA5, _TOOLKIT_OBJECTS, optional=True)  # (U)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationConfirmation(DgiTemplate, tag=Dgi.CONFIRMATION, clause="SGP.02 v4.2 4.1.1.12"):
    """ES5.HandleNotificationConfirmation: the sequence number of the notification that arrived."""

    sequence: int = tlv(0x4E, UINT16)


@unique
class NotificationType(IntEnum):
    """Object 4D of a notification (SGP.02 v4.2 4.1.1.11)."""

    FIRST_ATTACH = 0x01
    PROFILE_CHANGED = 0x02
    PROFILE_CHANGE_FAILED = 0x03
    FALL_BACK = 0x05


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification(OneLevel, tag=0xE1, clause="SGP.02 v4.2 4.1.1.11"):
    """Default notification. The AID stands in 2F; older cards send 4F, some senders AF (U): `aid` finds it."""

    eid: Eid = tlv(0x4C, Leaf(None, Eid, bytes))
    type: int = tlv(0x4D, BYTE)
    sequence: int = tlv(0x4E, UINT16)
    isd_p: Aid | None = tlv(0x2F, AID, optional=True)
    isd_p_older: Aid | None = tlv(0x4F, AID, optional=True)
    imei: bytes | None = tlv(0x14, fixed(8), optional=True)
    meid: bytes | None = tlv(0x6D, RAW, optional=True)

    @property
    def aid(self) -> Aid | None:
        """The ISD-P that is enabled now."""
        return self.isd_p or self.isd_p_older


@dataclass(frozen=True, slots=True)
class ConfirmationResponse:
    """Answer to 3A08: the ISD-Ps that POL1 had deleted, `80 {4F AID}*`; nothing at all when there are none."""

    deleted: tuple[Aid, ...] = ()

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the response data."""
        if not data:
            return cls()
        objects = split(data)
        if len(objects) != 1 or objects[0].tag != 0x80:
            raise DecodeError("one object 80 expected", path=(cls.__name__,))
        entries = split(objects[0].value)
        if any(entry.tag != 0x4F for entry in entries):
            raise DecodeError("only AIDs (4F) expected", path=(cls.__name__,))
        return cls(tuple(Aid(entry.value) for entry in entries))

    def encode(self) -> bytes:
        """The response data."""
        return ber(0x80, b"".join(ber(0x4F, aid) for aid in self.deleted)) if self.deleted else b""
