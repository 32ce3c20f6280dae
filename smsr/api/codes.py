# SPDX-License-Identifier: Apache-2.0
"""Subject and reason codes with their meanings (SGP.02 v4.2 annex of status codes).

The numbers are those of SGP.02 as far as public implementations show them, else those of SGP.22, which has the same
tables; the ones marked (U) rest on one implementation or on none.
"""

from __future__ import annotations

from enum import Enum, unique

__all__ = ["Reason", "Subject"]


class _Coded(Enum):
    """A dotted number with its text."""

    def __init__(self, number: str, text: str) -> None:
        self.number = number
        self.text = text

    @classmethod
    def text_of(cls, number: str) -> str:
        """The text of a number; a number that is not known stands for itself."""
        return next((each.text for each in cls if each.number == number), number)


@unique
class Subject(_Coded):
    """Which element a status is about."""

    GENERIC = "1", "Generic"
    FUNCTION_REQUESTER = "1.1", "Function Requester"
    FUNCTION_PROVIDER = "1.2", "Function Provider"
    PROTOCOL = "1.3", "Protocol"
    PROTOCOL_FORMAT = "1.3.1", "Protocol Format"
    PROTOCOL_VERSION = "1.3.2", "Protocol Version"
    FUNCTION = "1.6", "Function"
    REMOTE_PROVISIONING = "8", "eUICC Remote Provisioning"
    EUICC = "8.1", "eUICC"
    EID = "8.1.1", "EID"
    PROFILE = "8.2", "Profile"
    PROFILE_ICCID = "8.2.1", "Profile ICCID"
    POL1 = "8.2.2", "POL1"
    POL2 = "8.2.3", "POL2"
    PROFILE_TYPE = "8.2.5", "Profile Type"
    SUBSCRIPTION_ADDRESS = "8.2.6", "Subscription Address"
    ISD_P = "8.3", "ISD-P"
    ISD_P_AID = "8.3.1", "ISD-P AID"
    ISD_R = "8.4", "ISD-R"
    ECASD = "8.5", "ECASD"
    EUM_CERTIFICATE = "8.5.1", "EUM certificate"  # (U)
    EUICC_CERTIFICATE = "8.5.2", "eUICC certificate"
    SM_SR_CERTIFICATE = "8.5.3", "SM-SR certificate"
    EIS = "8.6", "EIS"
    SM_SR = "8.7", "SM-SR"
    SM_DP = "8.8", "SM-DP"


@unique
class Reason(_Coded):
    """Why."""

    UNKNOWN_REQUESTER = "1.1", "Unknown (identification or authentication)"
    NOT_ALLOWED = "1.2", "Not allowed (authorisation)"
    INVALID = "2.1", "Invalid"
    MANDATORY_ELEMENT_MISSING = "2.2", "Mandatory element missing"
    CONDITIONAL_ELEMENT_MISSING = "2.3", "Conditional element missing"
    CONDITIONS_NOT_SATISFIED = "3", "Conditions of use not satisfied"
    UNSUPPORTED = "3.1", "Unsupported"
    ALREADY_IN_USE = "3.3", "Already in use (uniqueness)"
    INVALID_DESTINATION = "3.4", "Invalid destination"
    INVALID_TRANSITION = "3.5", "Invalid transition"
    UNAVAILABLE = "3.7", "Unavailable"
    REFUSED = "3.8", "Refused"
    UNKNOWN = "3.9", "Unknown"
    INVALID_ASSOCIATION = "3.10", "Invalid association"
    VALUE_HAS_CHANGED = "3.11", "Value has changed"
    INVALID_MATCH = "3.12", "Invalid match"
    EXECUTION_ERROR = "4.2", "Execution error"
    STOPPED_ON_WARNING = "4.3", "Stopped on warning"
    BUSY = "4.4", "Busy"  # (U)
    INSUFFICIENT_MEMORY = "4.8", "Insufficient memory"
    INACCESSIBLE = "5.1", "Inaccessible"
    TIME_TO_LIVE_EXPIRED = "5.3", "Time to live expired"
    DELIVERED_WITHOUT_RESPONSE = "5.4", "Function delivered with no response"  # (U)
    VERIFICATION_FAILED = "6.1", "Verification failed"
    EXPIRED = "6.3", "Expired"
    MAX_ATTEMPTS_EXCEEDED = "6.4", "Maximum number of attempts exceeded"
