# SPDX-License-Identifier: Apache-2.0
"""The functions of an SM-SR, each a procedure that yields what is to happen on the card (ES1, ES3, ES4, ES4A).

A function that fails answers with a status and never raises; what it changed on the card is what the EIS says
afterwards. One that was interrupted by the end of its process asks the card first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apdu.errors import M2mError
from smsr.api.functions import Exchange, Function
from smsr.api.messages import Request, Response
from smsr.cardsteps import CardProcedure
from smsr.context import Context
from smsr.downloads import Downloads
from smsr.errors import status_of
from smsr.platform import Platform
from smsr.records import Records
from smsr.serving.procedure import Interrupted

__all__ = ["Handlers"]


class Handlers:
    """What an SM-SR does (Functions)."""

    def __init__(self, context: Context) -> None:
        self._access = context.access
        records, downloads, platform = Records(context), Downloads(context), Platform(context)
        self._at_once: dict[str, Callable[[Function, Any], Response]] = {
            "RegisterEIS": records.register_eis,
            "UpdateEISAdditionalProperties": records.update_properties,
            "GetEIS": records.get_eis,
            "ProfileDownloadCompleted": records.completed,
            "UpdatePolicyRules": records.update_policy_rules,
            "UpdateSubscriptionAddress": records.update_subscription_address,
            "SetPLMA": records.set_plma,
            "GetPLMA": records.get_plma,
            "SetONC": records.set_onc,
            "GetONC": records.get_onc,
        }
        self._on_card: dict[str, Callable[[Function, Any, Interrupted | None], CardProcedure[Response]]] = {
            "CreateISDP": downloads.create_isdp,
            "SendData": downloads.send_data,
            "EnableProfile": platform.enable,
            "DisableProfile": platform.disable,
            "DeleteISDP": platform.delete,
            "DeleteProfile": platform.delete,
            "AuditEIS": platform.audit,
            "UpdateConnectivityParameters": platform.unsupported,
            "SetFallBackAttribute": platform.unsupported,
            "SetEmergencyProfileAttribute": platform.unsupported,
        }

    def run(
        self, function: Function, request: Request, interrupted: Interrupted | None = None
    ) -> CardProcedure[Response]:
        """The procedure of one call. It ends with a response, whatever happens."""
        assert function.response is not None, f"{function} is a notification"
        try:
            self._access.demand_role(function, request.call)
            if function.exchange is Exchange.SYNCHRONOUS:
                return self._at_once[function.name](function, request)
            return (yield from self._on_card[function.name](function, request, interrupted))
        except M2mError as error:
            return function.response(status=status_of(error))
