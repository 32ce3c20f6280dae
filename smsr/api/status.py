# SPDX-License-Identifier: Apache-2.0
"""How a function ended: status, and the subject and reason codes that say why (SGP.02 v4.2 5.1.5, annex of codes)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum, unique
from typing import Final

from apdu.errors import M2mError
from smsr.api.codes import Reason, Subject
from smsr.api.limits import Dotted

__all__ = ["SUCCESS", "Code", "ExecutionStatus", "FunctionFailed", "Status", "StatusCode", "failed"]


@unique
class Status(StrEnum):
    """Outcome of a function."""

    EXECUTED_SUCCESS = "EXECUTED_SUCCESS"
    EXECUTED_WITHWARNING = "EXECUTED_WITHWARNING"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class StatusCode:
    """Subject and reason as dotted numbers."""

    subject: Dotted
    reason: Dotted

    @property
    def text(self) -> str:
        """Both in words; numbers that are not known here stay numbers."""
        return f"{Subject.text_of(self.subject)}: {Reason.text_of(self.reason)}"

    def __str__(self) -> str:
        return f"{self.subject}/{self.reason}"


@unique
class Code(Enum):
    """The pairs in use, with what they say. Those marked (U) are this project's choice where sources differ."""

    REQUESTER_UNKNOWN = StatusCode("1.1", "1.1"), "the requester is not known here"
    REQUESTER_NOT_ALLOWED = StatusCode("1.1", "1.2"), "the requester's role does not allow this function"
    BUSY = StatusCode("1.2", "4.4"), "another procedure is under way for this eUICC"  # (U)
    NOT_SUPPORTED = StatusCode("1.6", "3.1"), "this function is not supported"  # (U)
    IDENTIFIER_IN_USE = StatusCode("1.6", "3.3"), "the FunctionCallIdentifier was that of another call"  # (U)
    INTERNAL = StatusCode("1.6", "4.2"), "the function could not be carried out"  # (U)
    EXPIRED = StatusCode("1.6", "5.3"), "the validity period is over"
    NO_RESPONSE = StatusCode("1.6", "5.4"), "delivered, and what came of it is not known"  # (U)
    EUICC_REFUSED = StatusCode("8.1", "3.8"), "the eUICC refused"
    MEMORY = StatusCode("8.1", "4.8"), "the eUICC has not enough memory"
    EID_IN_USE = StatusCode("8.1.1", "3.3"), "the EID is registered already"
    EID_UNKNOWN = StatusCode("8.1.1", "3.9"), "the EID is not known here"
    PROFILES_NOT_ALLOWED = StatusCode("8.2", "1.2"), "the requester may not audit this profile"
    PROFILE_NOT_ALLOWED = StatusCode("8.2.1", "1.2"), "the requester may not manage this profile"
    ICCID_IN_USE = StatusCode("8.2.1", "3.3"), "the ICCID is in use already"
    OTHER_EUICC = StatusCode("8.2.1", "3.4"), "the profile is on another eUICC"
    WRONG_STATE = StatusCode("8.2.1", "3.5"), "the profile's state does not allow it"  # (U) others answer 8.2.1/1.2
    ICCID_UNKNOWN = StatusCode("8.2.1", "3.9"), "the ICCID is not known on this eUICC"
    POL1 = StatusCode("8.2.2", "3.8"), "POL1 of the profile forbids it"
    POL2_INVALID = StatusCode("8.2.3", "2.1"), "these POL2 rules do not exist"
    POL2 = StatusCode("8.2.3", "3.8"), "POL2 of the profile forbids it"
    ADDRESS_NOT_ALLOWED = StatusCode("8.2.6", "1.2"), "the requester may not change this subscription address"
    ISD_P_FAILED = StatusCode("8.3", "4.2"), "the ISD-P could not carry it out"
    SD_NOT_ALLOWED = StatusCode("8.3.1", "1.2"), "the requester may not send this to this security domain"
    SD_UNKNOWN = StatusCode("8.3.1", "3.9"), "the security domain is not known on this eUICC"
    ISD_R_FAILED = StatusCode("8.4", "4.2"), "the ISD-R could not carry it out"
    EUM_CERTIFICATE = StatusCode("8.5.1", "6.1"), "the EUM's certificate or signature does not verify"  # (U)
    EUM_CERTIFICATE_EXPIRED = StatusCode("8.5.1", "6.3"), "the EUM's certificate is not valid at this time"  # (U)
    ECASD_CERTIFICATE = StatusCode("8.5.2", "6.1"), "the eUICC's certificate does not verify"
    ECASD_CERTIFICATE_EXPIRED = StatusCode("8.5.2", "6.3"), "the eUICC's certificate is not valid at this time"
    EIS_INVALID = StatusCode("8.6", "2.1"), "the EIS contradicts itself or cannot be read"  # (U)
    EIS_NOT_ALLOWED = StatusCode("8.6", "1.2"), "the requester may not see this EIS"
    EUICC_UNSUITABLE = StatusCode("8.1", "3.1"), "the eUICC does not support what the profile needs"  # (U)
    PROFILE_UNNAMED = StatusCode("8.2.1", "2.3"), "neither an ICCID nor a profile type"  # (U)
    TYPE_NOT_ALLOWED = StatusCode("8.2.5", "1.2"), "the requester may not have profiles of this type"
    TYPE_EXHAUSTED = StatusCode("8.2.5", "3.7"), "no profile of this type is left"  # (U)
    TYPE_UNKNOWN = StatusCode("8.2.5", "3.9"), "the profile type is not known here"
    SM_SR_UNKNOWN = StatusCode("8.7", "3.9"), "the SM-SR is not known here"
    SM_SR_FAILED = StatusCode("8.7", "4.2"), "the SM-SR could not carry it out"  # (U)
    SM_SR_INACCESSIBLE = StatusCode("8.7", "5.1"), "the SM-SR cannot be reached"  # (U)

    @property
    def pair(self) -> StatusCode:
        """Subject and reason."""
        return self.value[0]

    @property
    def text(self) -> str:
        """What it says."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class ExecutionStatus:
    """FunctionExecutionStatus of a response."""

    status: Status
    code: StatusCode | None = None
    subject_identifier: str = ""
    """Which EID, ICCID or AID the subject code is about."""
    message: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the function's main effect is there."""
        return self.status in (Status.EXECUTED_SUCCESS, Status.EXECUTED_WITHWARNING)

    @property
    def code_data(self) -> ExecutionStatus | None:
        """What StatusCodeData is made of, when there is a code."""
        return self if self.code is not None else None

    def __str__(self) -> str:
        parts = [self.status.value, str(self.code or ""), self.message]
        if self.subject_identifier:
            parts.append(f"({self.subject_identifier})")
        return " ".join(filter(None, parts))


SUCCESS: Final = ExecutionStatus(Status.EXECUTED_SUCCESS)


def failed(code: Code, message: str = "", subject_identifier: object = "") -> ExecutionStatus:
    """FAILED with a code; the message adds to what the code says by itself."""
    text = f"{code.text}: {message}" if message else code.text
    return ExecutionStatus(Status.FAILED, code.pair, str(subject_identifier), text)


class FunctionFailed(M2mError):
    """A function of an ES interface ended otherwise than well."""

    def __init__(self, function: str, status: ExecutionStatus) -> None:
        self.function = function
        self.status = status
        super().__init__(f"{function}: {status}")
