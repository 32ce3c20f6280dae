# SPDX-License-Identifier: Apache-2.0
"""Every function of an SM-SR, a row each: what bindings, clients, servers and tests are made from.

Names, actions and ports are those of GSMA's WSDL, version 3, and derived by its rules: the element of a request is
`<interface>-<name>Request`; the action of a synchronous function ends like the element, that of an asynchronous one has
no ending, and its callback's category ends with `CallBack`. Functions that came after version 3 are marked `LATER`:
their spelling, and so their XML, is (U).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, StrEnum, unique
from typing import Final

from smsr.api import messages as m
from smsr.api import notifications as n

__all__ = [
    "FUNCTIONS",
    "LATER",
    "Category",
    "Exchange",
    "Function",
    "Interface",
    "Message",
    "Port",
    "notifications",
]

Message = m.Request | m.Response | n.Notification
_ACTIONS: Final = "http://gsma.com"
LATER: Final = False
"""As `Function.in_schema`."""


@unique
class Interface(StrEnum):
    """Who talks to whom."""

    ES1 = "ES1"
    ES2 = "ES2"
    ES3 = "ES3"
    ES4 = "ES4"
    ES4A = "ES4A"


@unique
class Exchange(Enum):
    """How a function is answered: at once, by a callback, or not at all."""

    SYNCHRONOUS = "synchronous"
    ASYNCHRONOUS = "asynchronous"
    NOTIFICATION = "notification"


@unique
class Category(StrEnum):
    """The part of an action between interface and function."""

    DATA = "DataPreparation"
    EUICC = "eUICCManagement"
    PLATFORM = "PlatformManagement"
    PROFILE = "ProfileManagement"


@unique
class Port(StrEnum):
    """Where a message is received."""

    SM_SR_ES1 = "SmSrES1Port"
    SM_DP_ES2 = "SmDpES2Port"
    MNO_ES2 = "MnoES2Port"
    SM_SR_ES3 = "SmSrES3Port"
    SM_DP_ES3 = "SmDpES3Port"
    SM_SR_ES4 = "SmSrES4Port"
    MNO_ES4 = "MnoES4Port"
    SM_SR_ES4A = "SmSrES4APort"  # (U)


_CALLBACK_PORTS: Final = {
    Port.SM_DP_ES2: Port.MNO_ES2,
    Port.SM_SR_ES3: Port.SM_DP_ES3,
    Port.SM_SR_ES4: Port.MNO_ES4,
}


@dataclass(frozen=True, slots=True)
class Function:
    """One function of one interface."""

    interface: Interface
    name: str
    exchange: Exchange
    category: Category
    port: Port
    request: type[m.Request] | type[n.Notification]
    response: type[m.Response] | None = None
    in_schema: bool = True
    """Whether GSMA's schemas, version 3, know it."""
    action_name: str = ""
    """What its actions call it, where that is something else."""

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.name.startswith("Get")

    @property
    def request_element(self) -> str:
        """Local name of the request, or of the notification."""
        ending = "" if self.exchange is Exchange.NOTIFICATION else "Request"
        return f"{self.interface}-{self.name}{ending}"

    @property
    def response_element(self) -> str:
        """Local name of the response."""
        return f"{self.interface}-{self.name}Response"

    @property
    def request_action(self) -> str:
        """wsa:Action of the request, or of the notification."""
        return self._action("", "Request" if self.exchange is Exchange.SYNCHRONOUS else "")

    @property
    def response_action(self) -> str:
        """wsa:Action of the response, or of the callback."""
        synchronous = self.exchange is Exchange.SYNCHRONOUS
        return self._action("" if synchronous else "CallBack", "Response" if synchronous else "")

    @property
    def callback_port(self) -> Port | None:
        """Where the callback of an asynchronous function is received."""
        return _CALLBACK_PORTS[self.port] if self.exchange is Exchange.ASYNCHRONOUS else None

    def _action(self, kind: str, ending: str) -> str:
        name = f"{self.interface}-{self.action_name or self.name}{ending}"
        return f"{_ACTIONS}/{self.interface}/{self.category}{kind}/{name}"

    def __str__(self) -> str:
        return f"{self.interface}.{self.name}"


_S, _A = Exchange.SYNCHRONOUS, Exchange.ASYNCHRONOUS
_EUICC, _PLATFORM, _PROFILE = Category.EUICC, Category.PLATFORM, Category.PROFILE
_ES1 = Interface.ES1, Port.SM_SR_ES1
_ES3 = Interface.ES3, Port.SM_SR_ES3
_ES4 = Interface.ES4, Port.SM_SR_ES4
_ES4A = Interface.ES4A, Port.SM_SR_ES4A


def _row(
    at: tuple[Interface, Port],
    name: str,
    exchange: Exchange,
    category: Category,
    messages: tuple[type[m.Request], type[m.Response]],
    in_schema: bool = True,
    action_name: str = "",
) -> Function:
    interface, port = at
    return Function(interface, name, exchange, category, port, *messages, in_schema, action_name)


_REQUESTS: Final = (
    _row(_ES1, "RegisterEIS", _S, _EUICC, (m.RegisterEisRequest, m.Response)),
    _row(
        _ES1,
        "UpdateEISAdditionalProperties",
        _S,
        _EUICC,
        (m.UpdateEisAdditionalPropertiesRequest, m.Response),
        LATER,
    ),
    _row(_ES3, "GetEIS", _S, _PROFILE, (m.GetEisRequest, m.EisResponse)),
    _row(_ES3, "AuditEIS", _A, _PROFILE, (m.AuditEisRequest, m.EisResponse)),
    _row(_ES3, "CreateISDP", _A, _PROFILE, (m.CreateIsdpRequest, m.CreateIsdpResponse)),
    _row(_ES3, "SendData", _A, _PROFILE, (m.SendDataRequest, m.CardResponse)),
    _row(
        _ES3,
        "ProfileDownloadCompleted",
        _S,
        _PROFILE,
        (m.ProfileDownloadCompletedRequest, m.Response),
        action_name="ProfileDownloadedCompleted",  # as in the WSDL
    ),
    _row(_ES3, "UpdatePolicyRules", _S, _PROFILE, (m.UpdatePolicyRulesRequest, m.Response)),
    _row(_ES3, "UpdateSubscriptionAddress", _S, _PROFILE, (m.UpdateSubscriptionAddressRequest, m.Response)),
    _row(_ES3, "EnableProfile", _A, _PLATFORM, (m.ProfileRequest, m.CardResponse)),
    _row(_ES3, "DisableProfile", _A, _PLATFORM, (m.ProfileRequest, m.CardResponse)),
    _row(_ES3, "DeleteISDP", _A, _PLATFORM, (m.ProfileRequest, m.CardResponse)),
    _row(_ES3, "UpdateConnectivityParameters", _A, _PLATFORM, (m.UpdateConnectivityParametersRequest, m.CardResponse)),
    _row(_ES3, "SetFallBackAttribute", _A, _PLATFORM, (m.ProfileRequest, m.CardResponse), LATER),
    _row(_ES3, "SetEmergencyProfileAttribute", _A, _PLATFORM, (m.ProfileRequest, m.CardResponse), LATER),
    _row(_ES3, "SetPLMA", _S, _PROFILE, (m.SetPlmaRequest, m.Response), LATER),
    _row(_ES3, "GetPLMA", _S, _PROFILE, (m.RelayedGetPlmaRequest, m.GetPlmaResponse), LATER),
    _row(_ES3, "SetONC", _S, _PROFILE, (m.SetOncRequest, m.Response), LATER),
    _row(_ES3, "GetONC", _S, _PROFILE, (m.RelayedGetOncRequest, m.GetOncResponse), LATER),
    _row(_ES4, "GetEIS", _S, _PROFILE, (m.GetEisRequest, m.EisResponse)),
    _row(_ES4, "AuditEIS", _A, _PROFILE, (m.AuditEisRequest, m.EisResponse)),
    _row(_ES4, "UpdatePolicyRules", _S, _PROFILE, (m.UpdatePolicyRulesRequest, m.Response)),
    _row(_ES4, "UpdateSubscriptionAddress", _S, _PROFILE, (m.UpdateSubscriptionAddressRequest, m.Response)),
    _row(_ES4, "EnableProfile", _A, _PLATFORM, (m.ProfileRequest, m.CardResponse)),
    _row(_ES4, "DisableProfile", _A, _PLATFORM, (m.ProfileRequest, m.CardResponse)),
    _row(_ES4, "DeleteProfile", _A, _PLATFORM, (m.ProfileRequest, m.CardResponse)),
    _row(_ES4, "SetFallBackAttribute", _A, _PLATFORM, (m.ProfileRequest, m.CardResponse), LATER),
    _row(_ES4, "SetEmergencyProfileAttribute", _A, _PLATFORM, (m.ProfileRequest, m.CardResponse), LATER),
    _row(_ES4, "GetPLMA", _S, _PROFILE, (m.GetPlmaRequest, m.GetPlmaResponse), LATER),
    _row(_ES4A, "SetPLMA", _S, _PROFILE, (m.SetPlmaRequest, m.Response), LATER),
    _row(_ES4A, "GetPLMA", _S, _PROFILE, (m.GetPlmaRequest, m.GetPlmaResponse), LATER),
    _row(_ES4A, "SetONC", _S, _PROFILE, (m.SetOncRequest, m.Response), LATER),
    _row(_ES4A, "GetONC", _S, _PROFILE, (m.GetOncRequest, m.GetOncResponse), LATER),
)


_IN_SCHEMA: Final = ("ProfileDisabled", "ProfileEnabled", "ProfileDeleted")
_LATER: Final = (
    "ProfileDownloaded",
    "EmergencyProfileAttributeSet",
    "EmergencyProfileAttributeUnset",
    "FallBackAttributeSet",
    "FallBackAttributeUnset",
)


def notifications(
    interface: Interface, port: Port, about_profile: type[n.ProfileNotification], about_pol2: type[n.Pol2Notification]
) -> Iterable[Function]:
    """The notifications of one interface."""

    def row(name: str, message: type[n.Notification], in_schema: bool) -> Function:
        kind = Exchange.NOTIFICATION
        return Function(interface, f"Handle{name}Notification", kind, _PLATFORM, port, message, None, in_schema)

    yield from (row(name, about_profile, True) for name in _IN_SCHEMA)
    yield from (row(name, about_profile, LATER) for name in _LATER)
    yield row("ProfilePOL2Updated", about_pol2, LATER)
    yield row("PLMASetting", n.PlmaNotification, LATER)


FUNCTIONS: Final = (
    *_REQUESTS,
    *notifications(Interface.ES3, Port.SM_DP_ES3, n.RelayedProfileNotification, n.RelayedPol2Notification),
    *notifications(Interface.ES4, Port.MNO_ES4, n.ProfileNotification, n.Pol2Notification),
)
"""What an SM-SR does and tells."""
