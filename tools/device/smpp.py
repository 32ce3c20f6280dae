# SPDX-License-Identifier: Apache-2.0
"""`--smpp`: a device whose short messages come from and go to an SMSC."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime
from threading import Event
from typing import Final

from apdu.errors import DecodeError, LocalProtocolError, M2mError
from apdu.sms.address import UNKNOWN, Address
from apdu.sms.smpp import REPORT_WANTED, ShortMessage
from emulator.device.device import Device
from emulator.device.handset import take
from emulator.network.sms import RpCause, SentMessage
from smsr.bearers.smpp import Account, Esme, NotBound
from tools.device.report import Report

__all__ = ["SmppService"]

_MAX_WAITING: Final = 100
_BINDING: Final = 2.0
"""Seconds that a message of the card waits for a session that is just being made."""
_CAUSES: Final = {
    0x0B: RpCause.UNASSIGNED_NUMBER,
    0x14: RpCause.CONGESTION,
    0x58: RpCause.CONGESTION,
    0x08: RpCause.TEMPORARY_FAILURE,
}
"""What an SMSC's command_status is to a device: no destination, queue full, throttled, system error."""


class SmppService:
    """A session with an SMSC under the device's number: the one given, that of EF.MSISDN, or the IMSI."""

    def __init__(self, host: str, port: int, number: Address | None, report: Report, ring: Callable[[], None]) -> None:
        self._host, self._port = host, port
        self._given = number
        self._report = report
        self._ring = ring
        self._number: Address | None = None
        self._esme: Esme | None = None
        self._came: deque[ShortMessage] = deque(maxlen=_MAX_WAITING)
        """Filled by the session's thread; when nobody takes them the oldest are lost."""
        self.bound = False
        """Whether there is a session now."""
        self._tried = Event()
        """Since the last binding began it is known whether it can be had."""

    def submit(self, message: SentMessage) -> int | None:
        """Take a message of the card (`emulator.network.sms.ServiceCentre`)."""
        self._report.sent(message)
        self._tried.wait(_BINDING)
        if self._esme is None or self._number is None:
            return RpCause.NETWORK_OUT_OF_ORDER
        try:
            status = self._esme.submit(ShortMessage.of_submit(self._number, message.tpdu))
        except DecodeError:
            return RpCause.PROTOCOL_ERROR
        except NotBound:
            return RpCause.NETWORK_OUT_OF_ORDER
        return _CAUSES.get(status, RpCause.TRANSFER_REJECTED) if status else None

    def follow(self, device: Device) -> None:
        """Bind under the number that the device has now."""
        self._bind(self._given or device.number or _imsi(device))

    def step(self, device: Device) -> bool:
        """The same, and give the device one message; whether there was one."""
        self.follow(device)
        if not self._came or self._esme is None:
            return False
        message = self._came[0]
        try:
            deliver = message.deliver(datetime.fromtimestamp(device.clock(), device.settings.zone))
        except M2mError as error:
            self._came.popleft()
            self._report.session(f"a message from {message.source} cannot be read: {error}")
            return True
        answer = take(device, deliver)
        if answer is None:  # no service: it waits
            return False
        self._came.popleft()
        self._report.received(message.source, deliver, answer)
        if message.registered_delivery & REPORT_WANTED:
            try:
                self._esme.post(message.answered(answer))
            except LocalProtocolError as error:
                self._report.session(str(error))
        return True

    def close(self) -> None:
        """Unbind."""
        if self._esme is not None:
            self._esme.close()
        self._esme, self.bound = None, False

    def _bind(self, number: Address | None) -> None:
        if number == self._number:
            return
        self.close()
        self._number = number
        if number is None:
            self._tried.set()
            return
        self._tried.clear()
        account = Account(host=self._host, port=self._port, system_id=number.number)
        self._esme = Esme(account, self._receive, self._told)
        self._esme.__enter__()

    def _told(self, bound: bool, text: str) -> None:
        self.bound = bound
        self._tried.set()
        self._report.session(text)

    def _receive(self, message: ShortMessage) -> None:
        if message.is_message:
            self._came.append(message)
            self._ring()


def _imsi(device: Device) -> Address | None:
    return None if device.identity is None else Address(UNKNOWN, str(device.identity.imsi))
