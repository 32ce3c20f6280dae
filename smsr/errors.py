# SPDX-License-Identifier: Apache-2.0
"""Why the SM-SR refuses a function, and what a card's refusal means to the other servers."""

from __future__ import annotations

from typing import Final

from apdu.command.status import SW
from apdu.errors import M2mError, StatusError
from smsr.api.status import Code, ExecutionStatus, failed

__all__ = ["Refused", "is_definite", "status_of"]


class Refused(M2mError):
    """Ends a function with a status for its requester."""

    def __init__(self, code: Code, message: str = "", subject_identifier: object = "") -> None:
        self.code = code
        self.status = failed(code, message, subject_identifier)
        super().__init__(str(self.status))


# Status words that mean something of their own to a function; all others are an execution error of the ISD-R.
_MEANINGS: Final[dict[str, dict[int, tuple[Code, str]]]] = {
    "ES5.CreateISDP": {
        SW.NOT_ENOUGH_MEMORY: (Code.MEMORY, ""),
        SW.WRONG_DATA: (Code.ISD_R_FAILED, "the AID is in use or the parameters are wrong"),
    },
    "ES5.EnableProfile": {
        SW.CONDITIONS_OF_USE: (Code.WRONG_STATE, "the profile is not disabled"),
        SW.POL1_FORBIDS: (Code.POL1, "the enabled profile must not be disabled"),
        SW.REFERENCED_DATA_NOT_FOUND: (Code.ICCID_UNKNOWN, "the card holds no such ISD-P"),
    },
    "ES5.DisableProfile": {
        SW.CONDITIONS_OF_USE: (Code.EUICC_REFUSED, "the profile is not enabled, or it is the fall-back profile"),
        SW.POL1_FORBIDS: (Code.POL1, ""),
        SW.REFERENCED_DATA_NOT_FOUND: (Code.ICCID_UNKNOWN, "the card holds no such ISD-P"),
    },
    "ES5.DeleteProfile": {
        SW.CONDITIONS_OF_USE: (Code.EUICC_REFUSED, "the profile is enabled, or it is the fall-back profile"),
        SW.POL1_FORBIDS: (Code.POL1, ""),
        SW.REFERENCED_DATA_NOT_FOUND: (Code.ICCID_UNKNOWN, "the card holds no such ISD-P"),
        SW.FILE_NOT_FOUND: (Code.ICCID_UNKNOWN, "the card holds no such ISD-P"),
    },
}


def status_of(error: M2mError) -> ExecutionStatus:
    """What a failure with the card is to the requester."""
    if isinstance(error, Refused):
        return error.status
    if isinstance(error, StatusError):
        code, text = _MEANINGS.get(error.what, {}).get(error.sw, (Code.ISD_R_FAILED, ""))
        return failed(code, f"{text + ', ' if text else ''}{error}")
    return failed(Code.ISD_R_FAILED, str(error))


def is_definite(error: M2mError) -> bool:
    """Whether a failure leaves nothing open: the card refused, or was never told."""
    return isinstance(error, (Refused, StatusError))
