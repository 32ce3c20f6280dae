# SPDX-License-Identifier: Apache-2.0
"""ES5.HandleNotificationConfirmation: the SM-SR has the card's notification (SGP.02 v4.2 4.1.1.12)."""

from __future__ import annotations

from typing import Final

from apdu.gp.sgp02 import ConfirmationResponse, NotificationConfirmation
from apdu.gp.store_data import StoreDataMode, store_data
from apdu.ids import ISD_R
from apdu.script import ApduScript
from smsr.kit.steps import expect, send

__all__ = ["FUNCTION", "confirm_notification"]

FUNCTION: Final = "ES5.HandleNotificationConfirmation"


def confirm_notification(sequence: int) -> ApduScript[ConfirmationResponse]:
    """Confirm a notification; the ISD-Ps that POL1 had deleted since."""
    (command,) = store_data(NotificationConfirmation(sequence=sequence).encode(), StoreDataMode(response=True))
    (response,) = yield from send(ISD_R, (command,), FUNCTION)
    return ConfirmationResponse.decode(expect(response, FUNCTION))
