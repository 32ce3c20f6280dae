# SPDX-License-Identifier: Apache-2.0
"""Short messages to the device: into the card, into EF.SMS, or to the user (TS 31.111 7.1.1, TS 23.038 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from apdu.cat.codes import LocationStatus
from apdu.cat.envelope import SmsPpDownload
from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from apdu.errors import DecodeError, LocalProtocolError
from apdu.sms.address import Address
from apdu.sms.coding import class_of
from apdu.sms.tpdu import PID_DATA_DOWNLOAD, Deliver, DeliverReport
from apdu.sms.userdata import UserData
from emulator.device.usim import SERVICE_SMS, SERVICE_SMS_PP, has_service, store_message

if TYPE_CHECKING:
    from emulator.device.device import Device

__all__ = ["FailureCause", "deliver"]


class FailureCause:
    """TP-FCS (TS 23.040 9.2.3.22)."""

    UNSPECIFIED: Final = 0xFF
    STORAGE_FULL: Final = 0xD0
    NO_STORAGE: Final = 0xD1
    TOOLKIT_BUSY: Final = 0xD4
    DOWNLOAD_ERROR: Final = 0xD5


_FOR_CARD: Final = 2
_GET_RESPONSE: Final = CommandApdu(0x00, 0xC0, 0x00, 0x00, b"", 256)
_MAX_ANSWER: Final = 140


def deliver(device: Device, tpdu: bytes, service_centre: Address | None) -> DeliverReport:
    """Take an SMS-DELIVER; the report is what the network gets, in an RP-ERROR where it has a failure cause.

    Class 2 with the PID of data download goes to the card where service 28 is available. Otherwise class 2, and data
    download of any class, is stored in EF.SMS where service 10 is; the rest is the user's.
    """
    if device.service is not LocationStatus.NORMAL:
        raise LocalProtocolError("a device without service gets no messages: restore the coverage, or let it attach")
    message = Deliver.decode(tpdu)
    download = message.pid == PID_DATA_DOWNLOAD
    for_card = class_of(message.dcs) == _FOR_CARD
    if download and for_card and has_service(device.services, SERVICE_SMS_PP):
        return _download(device, tpdu, message, service_centre)
    if not (download or for_card):
        device.inbox.append(message)
        return DeliverReport()
    if device.identity is None or not has_service(device.services, SERVICE_SMS):
        return DeliverReport(failure=FailureCause.NO_STORAGE)
    if store_message(device.modem, device.identity.usim, tpdu, service_centre):
        return DeliverReport()
    return DeliverReport(failure=FailureCause.STORAGE_FULL)


def _download(device: Device, tpdu: bytes, message: Deliver, service_centre: Address | None) -> DeliverReport:
    """ENVELOPE, and what the card's answer makes of the report (TS 31.111 7.1.1.1)."""
    response = device.modem.envelope(SmsPpDownload.of(tpdu, service_centre).encode(), answer=True)
    warning = response.sw >> 8 in (0x62, 0x63)
    if warning and not response.data:  # T=0: a warning ends the command, its data wait
        response = ResponseApdu(device.modem.send(_GET_RESPONSE).data, response.sw)
    if response.sw == SW.TOOLKIT_BUSY:
        return DeliverReport(failure=FailureCause.TOOLKIT_BUSY)
    if not (warning or response.status.is_success):
        return DeliverReport(failure=FailureCause.DOWNLOAD_ERROR)
    failure = FailureCause.DOWNLOAD_ERROR if warning else None
    if not response.data:
        return DeliverReport(failure=failure)
    data = _answer(response.data[:_MAX_ANSWER], message)
    return DeliverReport(failure=failure, pid=message.pid, dcs=message.dcs, data=data)


def _answer(raw: bytes, message: Deliver) -> UserData:
    """What the card says, as user data: with a header where the message had one and this can be read as one."""
    try:
        return UserData.decode(bytes((len(raw),)) + raw, message.dcs, with_header=bool(message.data.elements))
    except DecodeError:
        return UserData(raw)
