# SPDX-License-Identifier: Apache-2.0
"""Why an SM-DP refuses a function, and what came of one that failed, as its requester is told."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from apdu.errors import M2mError
from smsr.api.status import Code, ExecutionStatus, FunctionFailed, failed

__all__ = ["DownloadFailed", "NotEligible", "Refused", "Unanswered", "status_of"]


class Refused(M2mError):
    """Ends a function with a status for its requester."""

    def __init__(self, code: Code, message: str = "", subject_identifier: object = "") -> None:
        self.status = failed(code, message, subject_identifier)
        super().__init__(str(self.status))


class NotEligible(Refused):
    """The card cannot take the profile: nothing was begun."""


class Unanswered(M2mError):
    """An SM-SR did not say what came of a call; `delivered`: it had said that it took the call."""

    def __init__(self, function: str, reason: str, *, delivered: bool) -> None:
        self.delivered = delivered
        super().__init__(f"{function}: {reason}")


class DownloadFailed(M2mError):
    """A step failed; `cleaned` says whether the ISD-P is gone again. The reason is the cause of this error.

    `lost`: an answer of the card was lost before, so what refused the rest may have been a profile that is whole.
    """

    def __init__(self, step: str, cause: M2mError, *, cleaned: bool, lost: bool = False) -> None:
        self.step = step
        self.cause = cause
        self.cleaned = cleaned
        self.lost = lost
        left = "" if cleaned else "; the ISD-P could not be removed"
        super().__init__(f"{step}: {cause}{left}")


# What an SM-SR says of the SM-DP, of the binding between both, or of an ISD-P is not what the operator has asked about.
_FOR_OPERATORS: Final = {
    "1.1": Code.SM_SR_FAILED,
    "1.3": Code.SM_SR_FAILED,
    "1.3.1": Code.SM_SR_FAILED,
    "1.3.2": Code.SM_SR_FAILED,
    "8.3": Code.ISD_R_FAILED,
    "8.3.1": Code.ISD_R_FAILED,
    "8.8": Code.SM_SR_FAILED,
}


def status_of(error: M2mError) -> ExecutionStatus:
    """What a failure is to the operator: codes of the SM-SR come through where they are the operator's business."""
    match error:
        case Refused():
            return error.status
        case FunctionFailed():
            return _passed(error.status)
        case DownloadFailed():
            status = status_of(error.cause)
            return status if error.cleaned else replace(status, message=f"{status.message}; the ISD-P is still there")
        case Unanswered():
            return failed(Code.NO_RESPONSE if error.delivered else Code.SM_SR_INACCESSIBLE, str(error))
        case _:
            return failed(Code.ISD_R_FAILED, str(error))


def _passed(status: ExecutionStatus) -> ExecutionStatus:
    if status.is_success:
        return status
    if status.code is None or status.code == Code.IDENTIFIER_IN_USE.pair:
        return failed(Code.SM_SR_FAILED, str(status))
    code = _FOR_OPERATORS.get(status.code.subject)
    return status if code is None else failed(code, str(status))
