# SPDX-License-Identifier: Apache-2.0
"""Packets that leave the card: in the report of a delivery, or as short messages of its own (TS 31.115 4.3, 4.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from apdu.cat.codes import CommandType
from apdu.cat.commands import SendShortMessage
from apdu.cat.comprehension import CommandDetails, Device, DeviceIdentities, Result
from apdu.cat.tags import CatTag
from apdu.errors import DecodeError, EncodeError
from apdu.sms.address import Address
from apdu.sms.coding import CLASS_2_DATA
from apdu.sms.parts import split_message
from apdu.sms.tpdu import Submit
from apdu.sms.userdata import Element, ElementId, UserData
from apdu.tlv.scan import split, split_comprehension

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["report", "send_failure_report", "send_message", "submit"]

_REPORT_ROOM: Final = 128
"""Bytes of user data that fit the report of a delivery, header included (TS 23.040 9.2.2.1a)."""
_SMS: Final = 0xA0
_PID, _DCS, _SERVICE_CENTRE = 0x81, 0x82, 0x06
"""Objects of the connectivity parameters for SMS; the tag of the service centre is that of TS 102 223 (U)."""
_RESPONSE: Final = (Element(ElementId.RESPONSE_PACKET),)


def report(packet: bytes) -> bytes | None:
    """User data for the report of a delivery; None where the packet is too long for it."""
    data = UserData(packet, _RESPONSE)
    whole = data.header() + data.payload
    return whole if len(whole) <= _REPORT_ROOM else None


def submit(card: Card, destination: Address, packet: bytes) -> None:
    """Send a response packet as one or several short messages."""
    send_message(card, destination, UserData(packet, _RESPONSE))


def send_message(
    card: Card, destination: Address, message: UserData, done: Callable[[Result], None] | None = None
) -> None:
    """Have the terminal send a message, in parts where it is long; `done` gets the result of the last part."""
    pid, dcs, centre = _connectivity(card)
    parts = split_message(message, dcs, card.ota.next_reference())
    for number, part in enumerate(parts, 1):
        tpdu = Submit(destination=destination, pid=pid, dcs=dcs, data=part).encode()
        card.toolkit.submit(_send(tpdu, centre), done if number == len(parts) else None)


def send_failure_report(card: Card, report: bytes) -> None:
    """Send the message that a retry policy holds for the case that every attempt failed.

    (U) Object 87 holds what SEND SHORT MESSAGE has: a service centre, if any, and the SMS-SUBMIT; else there is none.
    """
    try:
        objects = dict(split_comprehension(report))
        tpdu = Submit.decode(objects.get(CatTag.SMS_TPDU, b"")).encode()
        centre = Address.from_bytes(objects[CatTag.ADDRESS]) if CatTag.ADDRESS in objects else None
    except (DecodeError, EncodeError):
        return
    card.toolkit.submit(_send(tpdu, centre))


def _send(tpdu: bytes, centre: Address | None) -> SendShortMessage:
    return SendShortMessage(
        details=CommandDetails(0x01, CommandType.SEND_SHORT_MESSAGE, 0x00),
        devices=DeviceIdentities(Device.UICC, Device.NETWORK),
        service_centre=centre,
        tpdu=tpdu,
    )


def _connectivity(card: Card) -> tuple[int, int, Address | None]:
    """PID, DCS and service centre of the enabled profile's connectivity parameters (SGP.02 v4.2 4.1.3.4)."""
    enabled = card.registry.enabled()
    pid, dcs, centre = 0, CLASS_2_DATA, None
    for stored in enabled.connectivity if enabled is not None else ():
        if stored[0] != _SMS:
            continue
        try:
            for tag, value in split(split(stored)[0].value):
                if tag == _PID and len(value) == 1:
                    pid = value[0]
                elif tag == _DCS and len(value) == 1:
                    dcs = value[0]
                elif tag == _SERVICE_CENTRE:
                    centre = Address.from_bytes(value)
        except DecodeError:  # stored as they came: what cannot be read counts as missing
            continue
    return pid, dcs, centre
