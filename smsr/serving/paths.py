# SPDX-License-Identifier: Apache-2.0
"""Where each message goes, and who may send it (SGP.02 v4.2 2.1): client and server, documents and tests read it here.

    /es3/CreateISDP                            JSON: a function
    /es3/callback/CreateISDP                   JSON: its callback
    /es3/HandleProfileEnabledNotification      JSON: a notification
    /operations/ID                             JSON: how far an asynchronous function is
    /soap/es3                                  SOAP: whatever an interface has

The roles stand here and not in the function table: a table of messages knows no certificates.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, unique
from typing import Final

from smsr.api.functions import Exchange, Function, Interface
from smsr.kit.oid import ROLE_EUM, ROLE_OPERATOR, ROLE_SM_DP, ROLE_SM_SR, Oid

__all__ = ["CALLBACK_URL", "OPERATIONS", "RELATES_TO", "Kind", "caller", "json_path", "provider", "soap_path"]

OPERATIONS: Final = "/operations"
CALLBACK_URL: Final = "Callback-URL"
"""Header of a JSON request: where its callback goes."""
RELATES_TO: Final = "Relates-To"
"""Header of a JSON callback: the FunctionCallIdentifier of the request."""

_REQUESTERS: Final[Mapping[Interface, Oid]] = {
    Interface.ES1: ROLE_EUM,
    Interface.ES2: ROLE_OPERATOR,
    Interface.ES3: ROLE_SM_DP,
    Interface.ES4: ROLE_OPERATOR,
    Interface.ES4A: ROLE_OPERATOR,
}
_PROVIDERS: Final[Mapping[Interface, Oid]] = {
    Interface.ES1: ROLE_SM_SR,
    Interface.ES2: ROLE_SM_DP,
    Interface.ES3: ROLE_SM_SR,
    Interface.ES4: ROLE_SM_SR,
    Interface.ES4A: ROLE_SM_SR,
}


@unique
class Kind(Enum):
    """What a message is to whom it comes."""

    REQUEST = "request"
    CALLBACK = "callback"
    NOTIFICATION = "notification"

    @classmethod
    def told(cls, function: Function) -> Kind | None:
        """As what whoever calls a function hears of it later; None: it is answered at once."""
        return {Exchange.ASYNCHRONOUS: cls.CALLBACK, Exchange.NOTIFICATION: cls.NOTIFICATION}.get(function.exchange)


def caller(function: Function, kind: Kind) -> Oid:
    """The role that sends such a message."""
    return (_REQUESTERS if kind is Kind.REQUEST else _PROVIDERS)[function.interface]


def provider(function: Function) -> Oid:
    """The role that a function is asked of."""
    return _PROVIDERS[function.interface]


def json_path(function: Function, kind: Kind) -> str:
    """Where the JSON binding has a message."""
    between = "callback/" if kind is Kind.CALLBACK else ""
    return f"/{function.interface.lower()}/{between}{function.name}"


def soap_path(interface: Interface) -> str:
    """Where the SOAP binding has an interface."""
    return f"/soap/{interface.lower()}"
