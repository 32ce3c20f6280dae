# SPDX-License-Identifier: Apache-2.0
"""ES5.UpdateSMSRAddressingParameters: where a card reaches its SM-SR (SGP.02 v4.2 4.1.1.10)."""

from __future__ import annotations

from typing import Final

from apdu.gp.sgp02 import Dgi
from apdu.gp.store_data import StoreDataMode, store_data
from apdu.ids import ISD_R
from apdu.ota.addressing import SmsAddressing, https_addressing
from apdu.ota.trigger import Trigger
from apdu.script import ApduScript
from apdu.sms.address import Address
from apdu.tlv.scan import dgi
from smsr.kit.steps import confirm, send

__all__ = ["FUNCTION", "update_addressing"]

FUNCTION: Final = "ES5.UpdateSMSRAddressingParameters"


def update_addressing(*, sms: Address | None = None, https: Trigger | None = None) -> ApduScript[None]:
    """Store the number of the SM-SR, parameters for sessions with its server, or both."""
    objects = SmsAddressing(address=sms).encode() if sms is not None else b""
    objects += https_addressing(https) if https is not None else b""
    commands = store_data(dgi(Dgi.PARAMETERS, objects), StoreDataMode())
    for response in (yield from send(ISD_R, tuple(commands), FUNCTION)):
        confirm(response, FUNCTION)
