# SPDX-License-Identifier: Apache-2.0
"""Status words: the codes by name, and any two bytes as a typed value with name and meaning.

Sources: ISO 7816-4 5.6, TS 102 221 10.2, TS 31.102 7.3, GPCS 11.1.3, SGP.02 4.1; TS 51.011 9.4 (class A0).
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final

__all__ = ["SW", "StatusWord", "is_success"]


@unique
class SW(IntEnum):
    """Status words that have one fixed value."""

    OK = 0x9000
    CHANNEL_ALREADY_CLOSED = 0x6200
    END_OF_FILE = 0x6282
    FILE_DEACTIVATED = 0x6283
    MORE_DATA_AVAILABLE = 0x62F1
    AUTHENTICATION_FAILED = 0x6300
    MORE_DATA = 0x6310
    MORE_DATA_EXPECTED = 0x63F1
    NO_PRECISE_DIAGNOSIS = 0x6400
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    CHANNEL_NOT_SUPPORTED = 0x6881
    SECURE_MESSAGING_NOT_SUPPORTED = 0x6882
    LAST_COMMAND_EXPECTED = 0x6883
    CHAINING_NOT_SUPPORTED = 0x6884
    WRONG_FILE_STRUCTURE = 0x6981
    SECURITY_STATUS = 0x6982
    AUTHENTICATION_BLOCKED = 0x6983
    DATA_INVALIDATED = 0x6984
    CONDITIONS_OF_USE = 0x6985
    NO_CURRENT_EF = 0x6986
    SM_OBJECTS_MISSING = 0x6987
    SM_OBJECTS_INCORRECT = 0x6988
    POL1_FORBIDS = 0x69E1
    WRONG_DATA = 0x6A80
    FUNCTION_NOT_SUPPORTED = 0x6A81
    FILE_NOT_FOUND = 0x6A82
    RECORD_NOT_FOUND = 0x6A83
    NOT_ENOUGH_MEMORY = 0x6A84
    WRONG_P1P2 = 0x6A86
    LC_INCONSISTENT_WITH_P1P2 = 0x6A87
    REFERENCED_DATA_NOT_FOUND = 0x6A88
    FILE_EXISTS = 0x6A89
    WRONG_OFFSET = 0x6B00
    INS_NOT_SUPPORTED = 0x6D00
    CLA_NOT_SUPPORTED = 0x6E00
    TECHNICAL_PROBLEM = 0x6F00
    TOOLKIT_BUSY = 0x9300
    SIM_NO_EF_SELECTED = 0x9400
    SIM_OUT_OF_RANGE = 0x9402
    SIM_NOT_FOUND = 0x9404
    SIM_INCONSISTENT = 0x9408
    ALGORITHM_NOT_SUPPORTED = 0x9484
    KEY_CHECK_VALUE_WRONG = 0x9485
    SIM_NO_CHV = 0x9802
    SIM_CHV_WRONG = 0x9804
    SIM_CHV_CONTRADICTION = 0x9808
    SIM_INVALIDATED = 0x9810
    SIM_CHV_BLOCKED = 0x9840
    MAXIMUM_REACHED = 0x9850
    AKA_WRONG_MAC = 0x9862
    AKA_CONTEXT_NOT_SUPPORTED = 0x9864
    AKA_KEY_FRESHNESS = 0x9865
    AKA_NO_MEMORY = 0x9866


_MEANINGS: Final[dict[int, str]] = {
    SW.OK: "done",
    SW.CHANNEL_ALREADY_CLOSED: "the logical channel was closed already",
    SW.END_OF_FILE: "the end of the file came before all bytes asked for, or nothing was found",
    SW.FILE_DEACTIVATED: "the selected file is deactivated, or the card is locked",
    SW.AUTHENTICATION_FAILED: "the host's cryptogram or the verification is wrong",
    SW.MORE_DATA: "more data can be asked for",
    SW.MORE_DATA_AVAILABLE: "more blocks of the object can be retrieved",
    SW.MORE_DATA_EXPECTED: "more blocks of the object are expected",
    SW.NO_PRECISE_DIAGNOSIS: "no precise diagnosis",
    SW.MEMORY_FAILURE: "the memory failed",
    SW.WRONG_LENGTH: "wrong length",
    SW.CHANNEL_NOT_SUPPORTED: "the logical channel is not open or not supported",
    SW.SECURE_MESSAGING_NOT_SUPPORTED: "secure messaging is not supported",
    SW.LAST_COMMAND_EXPECTED: "the last command of the chain was expected",
    SW.CHAINING_NOT_SUPPORTED: "command chaining is not supported",
    SW.WRONG_FILE_STRUCTURE: "the command does not fit the file's structure",
    SW.SECURITY_STATUS: "the security status is not satisfied",
    SW.AUTHENTICATION_BLOCKED: "the authentication method is blocked",
    SW.DATA_INVALIDATED: "the referenced data are invalidated",
    SW.CONDITIONS_OF_USE: "the conditions of use are not satisfied",
    SW.NO_CURRENT_EF: "no elementary file is selected",
    SW.SM_OBJECTS_MISSING: "secure messaging objects are missing",
    SW.SM_OBJECTS_INCORRECT: "secure messaging objects are wrong",
    SW.POL1_FORBIDS: "POL1 of the profile forbids it",
    SW.WRONG_DATA: "wrong parameters in the data field",
    SW.FUNCTION_NOT_SUPPORTED: "function not supported",
    SW.FILE_NOT_FOUND: "file or application not found",
    SW.RECORD_NOT_FOUND: "record not found",
    SW.NOT_ENOUGH_MEMORY: "not enough memory",
    SW.WRONG_P1P2: "wrong P1 or P2",
    SW.LC_INCONSISTENT_WITH_P1P2: "Lc does not fit P1 and P2",
    SW.REFERENCED_DATA_NOT_FOUND: "referenced data not found",
    SW.FILE_EXISTS: "the file identifier exists already",
    SW.WRONG_OFFSET: "the offset lies outside the file",
    SW.INS_NOT_SUPPORTED: "instruction not supported",
    SW.CLA_NOT_SUPPORTED: "class not supported",
    SW.TECHNICAL_PROBLEM: "technical problem without precise diagnosis",
    SW.TOOLKIT_BUSY: "the toolkit is busy",
    SW.ALGORITHM_NOT_SUPPORTED: "algorithm not supported",
    SW.KEY_CHECK_VALUE_WRONG: "the key check value is wrong",
    SW.SIM_NO_EF_SELECTED: "no elementary file is selected",
    SW.SIM_OUT_OF_RANGE: "the address or value is out of range",
    SW.SIM_NOT_FOUND: "file or pattern not found",
    SW.SIM_INCONSISTENT: "the file does not fit the command",
    SW.SIM_NO_CHV: "no CHV is initialised",
    SW.SIM_CHV_WRONG: "the access condition is not fulfilled, or the CHV is wrong",
    SW.SIM_CHV_CONTRADICTION: "in contradiction with the state of the CHV",
    SW.SIM_INVALIDATED: "in contradiction with the state of the file",
    SW.SIM_CHV_BLOCKED: "the CHV is blocked",
    SW.MAXIMUM_REACHED: "the maximum value is reached",
    SW.AKA_WRONG_MAC: "authentication error: wrong MAC",
    SW.AKA_CONTEXT_NOT_SUPPORTED: "authentication error: security context not supported",
    SW.AKA_KEY_FRESHNESS: "key freshness failure",
    SW.AKA_NO_MEMORY: "authentication error: no memory",
}


_FAMILIES: Final = {
    0x61: "BYTES_AVAILABLE",
    0x6C: "WRONG_LE",
    0x91: "PROACTIVE_COMMAND_PENDING",
    0x9F: "BYTES_AVAILABLE",
}


class StatusWord(int):
    """The two bytes SW1 SW2 with a name and a meaning; unknown ones stay representable."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The constant's name, or the family's name for 61xx, 63Cx, 6Cxx, 91xx and 9Fxx, or UNKNOWN."""
        if self in _MEANINGS:
            return SW(self).name
        if self & 0xFFF0 == 0x63C0:
            return "TRIES_LEFT"
        return _FAMILIES.get(self >> 8, "UNKNOWN")

    @property
    def meaning(self) -> str:
        """What it says, in words."""
        if self in _MEANINGS:
            return _MEANINGS[self]
        low = self & 0xFF
        if self & 0xFFF0 == 0x63C0:
            return f"{self & 0x0F} tries left"
        count = low or 256
        family = {
            0x61: f"{count} bytes wait for GET RESPONSE",
            0x9F: f"{count} bytes wait for GET RESPONSE",
            0x6C: f"wrong Le: {count} bytes are there",
            0x91: f"done; a proactive command of {count} bytes waits",
        }
        return family.get(self >> 8, "not known")

    @property
    def is_success(self) -> bool:
        """Whether the command was carried out: 9000, 91xx, 61xx."""
        return is_success(self)

    def __str__(self) -> str:
        return f"{int(self):04X} ({self.meaning})"

    def __repr__(self) -> str:
        return f"StatusWord({int(self):04X}, {self.name})"


def is_success(sw: int) -> bool:
    """Whether a status word says that the command was carried out: 9000, 91xx, 61xx."""
    return sw == 0x9000 or sw >> 8 in (0x91, 0x61)
