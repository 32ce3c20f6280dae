# SPDX-License-Identifier: Apache-2.0
"""Codes of GlobalPlatform and SGP.02 by name: instructions, life cycle states, privileges, key version numbers, POL1.

Sources: GPCS 11.1, tables 11-3 to 11-7; SGP.02 v4.2 2.2.1.3, 3.1, 4.1.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag, unique
from typing import Final

__all__ = [
    "ISD_P_KVN",
    "ISD_P_PRIVILEGES",
    "KVN_SCP03",
    "KVN_SCP80",
    "KVN_SCP81",
    "KVN_TOKEN",
    "Ins",
    "LifeCycle",
    "Pol1",
    "Privilege",
]


@unique
class Ins(IntEnum):
    """Instructions of GlobalPlatform (GPCS table 11-1)."""

    INITIALIZE_UPDATE = 0x50
    MANAGE_CHANNEL = 0x70
    EXTERNAL_AUTHENTICATE = 0x82
    SELECT = 0xA4
    GET_RESPONSE = 0xC0
    GET_DATA = 0xCA
    GET_DATA_BER = 0xCB
    PUT_KEY = 0xD8
    STORE_DATA = 0xE2
    DELETE = 0xE4
    INSTALL = 0xE6
    LOAD = 0xE8
    SET_STATUS = 0xF0
    GET_STATUS = 0xF2


@unique
class LifeCycle(IntEnum):
    """States of a security domain (GPCS table 11-5) and of an ISD-P (SGP.02 2.2.1.3)."""

    INSTALLED = 0x03
    SELECTABLE = 0x07
    PERSONALIZED = 0x0F
    DISABLED = 0x1F
    ENABLED = 0x3F

    @classmethod
    def describe(cls, state: int) -> str:
        """The name of a state, or its number: a card of another maker may know more."""
        return cls(state).name if state in cls._value2member_map_ else f"{state:02X}"


class Privilege(IntFlag):
    """Privileges of an application, three bytes as one number (GPCS table 11-7)."""

    SECURITY_DOMAIN = 0x800000
    DAP_VERIFICATION = 0x400000
    DELEGATED_MANAGEMENT = 0x200000
    CARD_LOCK = 0x100000
    CARD_TERMINATE = 0x080000
    CARD_RESET = 0x040000
    CVM_MANAGEMENT = 0x020000
    MANDATED_DAP_VERIFICATION = 0x010000
    TRUSTED_PATH = 0x008000
    AUTHORIZED_MANAGEMENT = 0x004000
    TOKEN_MANAGEMENT = 0x002000
    GLOBAL_DELETE = 0x001000
    GLOBAL_LOCK = 0x000800
    GLOBAL_REGISTRY = 0x000400
    FINAL_APPLICATION = 0x000200
    GLOBAL_SERVICE = 0x000100
    RECEIPT_GENERATION = 0x000080
    CIPHERED_LOAD_FILE_DATA_BLOCK = 0x000040
    CONTACTLESS_ACTIVATION = 0x000020
    CONTACTLESS_SELF_ACTIVATION = 0x000010

    @classmethod
    def from_bytes_field(cls, value: bytes) -> Privilege:
        """Read the field: one byte (the older form), or three."""
        return cls(int.from_bytes(value.ljust(3, b"\x00")[:3], "big"))

    def to_field(self) -> bytes:
        """The three bytes."""
        return int(self).to_bytes(3, "big")


ISD_P_PRIVILEGES: Final = Privilege.SECURITY_DOMAIN | Privilege.TRUSTED_PATH | Privilege.AUTHORIZED_MANAGEMENT
"""80 C0 00 (SGP.02 annex C)."""

KVN_SCP80: Final = range(0x01, 0x10)
KVN_SCP03: Final = range(0x30, 0x40)
KVN_SCP81: Final = range(0x40, 0x50)
KVN_TOKEN: Final = 0x70
ISD_P_KVN: Final = 0x30
"""Key version number of an ISD-P's first key set."""


class Pol1(IntFlag):
    """Rules of the operator that the card itself enforces (SGP.02 3.6.2.1). The order of the bits is (U)."""

    DISABLE_NOT_ALLOWED = 0x01
    DELETE_NOT_ALLOWED = 0x02
    DELETE_ON_DISABLE = 0x04
