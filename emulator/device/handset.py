# SPDX-License-Identifier: Apache-2.0
"""A device's place in the short message service: what comes to its number, and what its card sends."""

from __future__ import annotations

from typing import Final

from apdu.cat.codes import LocationStatus
from apdu.errors import DecodeError
from apdu.sms.address import Address
from apdu.sms.tpdu import DeliverReport
from apdu.sms.transport import LocalSms
from emulator.device.device import Device
from emulator.device.sms import FailureCause
from emulator.network.sms import RpCause, SentMessage

__all__ = ["Handset", "LocalCentre", "take"]

_UNREADABLE: Final = DeliverReport(failure=FailureCause.UNSPECIFIED)


def take(device: Device, deliver: bytes) -> DeliverReport | None:
    """Give a device an SMS-DELIVER. None: it has no service. One that cannot be read is refused."""
    if device.service is not LocationStatus.NORMAL:
        return None
    try:
        return device.deliver(deliver)
    except DecodeError:
        return _UNREADABLE


class LocalCentre:
    """The service centre of a device whose messages travel in this process."""

    def __init__(self, sms: LocalSms, number: Address) -> None:
        self._sms = sms
        self._number = number

    def submit(self, message: SentMessage) -> int | None:
        """Take a message of the device's card."""
        try:
            self._sms.submit(self._number, message.tpdu)
        except DecodeError:
            return RpCause.PROTOCOL_ERROR
        return None


class Handset:
    """A device with a number, in a network of this process.

    `Network(sms=LocalCentre(sms, number))` is the way up; this is the way down.
    """

    def __init__(self, device: Device, sms: LocalSms, number: Address) -> None:
        self._device = device
        self._sms = sms
        self._number = number
        self._served = device.service is LocationStatus.NORMAL
        sms.connect(number, self._take)

    def step(self) -> bool:
        """Tell the network when the device can be reached again; whether that was so."""
        before, self._served = self._served, self._device.service is LocationStatus.NORMAL
        if before or not self._served:
            return False
        self._sms.alert(self._number)
        return True

    def _take(self, deliver: bytes) -> DeliverReport | None:
        return take(self._device, deliver)
