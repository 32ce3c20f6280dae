# SPDX-License-Identifier: Apache-2.0
"""Files of the USIM that a phone works with: services, numbers, stored messages (TS 31.102 4.2.8, .25, .26, .27)."""

from __future__ import annotations

from typing import Final

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.ids import Aid
from apdu.sms.address import Address
from emulator.device.modem import Modem

__all__ = [
    "SERVICE_MSISDN",
    "SERVICE_SMS",
    "SERVICE_SMS_PP",
    "has_service",
    "read_number",
    "read_service_centre",
    "read_services",
    "store_message",
]

SERVICE_SMS: Final = 10
SERVICE_MSISDN: Final = 21
SERVICE_SMS_PP: Final = 28
"""Services of EF.UST: short messages in EF.SMS; EF.MSISDN; data download by SMS-PP."""
_EF_UST, _EF_SMSP, _EF_SMS, _EF_MSISDN = (bytes.fromhex(fid) for fid in ("6F38", "6F42", "6F3C", "6F40"))
_NUMBER_TAIL: Final = 14
"""Bytes of a record of EF.MSISDN behind its alpha identifier."""
_MAX_RECORDS: Final = 255
_ANY_LENGTH: Final = 256
_SMSP_TAIL: Final = 28
"""Bytes of a record of EF.SMSP behind its alpha identifier."""
_CENTRE_ABSENT: Final = 0x02
_CENTRE: Final = slice(13, 25)
_IN_USE: Final = 0x01
_UNREAD: Final = 0x03


def _select(modem: Modem, fid: bytes) -> bool:
    """SELECT a file in the current DF, without its FCP."""
    return modem.send(CommandApdu(0x00, 0xA4, 0x00, 0x0C, fid)).status.is_success


def _read_record(modem: Modem, number: int) -> ResponseApdu:
    return modem.send(CommandApdu(0x00, 0xB2, number, 0x04, b"", _ANY_LENGTH))


def read_services(modem: Modem) -> bytes:
    """EF.UST of the USIM that is selected; nothing where it cannot be read."""
    if not _select(modem, _EF_UST):
        return b""
    response = modem.send(CommandApdu(0x00, 0xB0, 0x00, 0x00, b"", _ANY_LENGTH))
    return response.data if response.status.is_success or response.sw == SW.END_OF_FILE else b""


def has_service(table: bytes, number: int) -> bool:
    """Whether a service is available: bit 1 of byte 1 is service 1."""
    byte, bit = divmod(number - 1, 8)
    return byte < len(table) and bool(table[byte] >> bit & 1)


def read_service_centre(modem: Modem) -> Address | None:
    """The service centre's address in the first record of EF.SMSP."""
    if not _select(modem, _EF_SMSP):
        return None
    response = _read_record(modem, 1)
    record = response.data[-_SMSP_TAIL:]
    if not response.status.is_success or len(record) < _SMSP_TAIL or record[0] & _CENTRE_ABSENT:
        return None
    field = record[_CENTRE]
    try:
        return Address.from_bytes(field[1 : 1 + field[0]]) if 2 <= field[0] <= 11 else None
    except DecodeError:
        return None


def read_number(modem: Modem, services: bytes) -> Address | None:
    """The first number in EF.MSISDN, where there is one (TS 31.102 4.2.26)."""
    if not has_service(services, SERVICE_MSISDN) or not _select(modem, _EF_MSISDN):
        return None
    response = _read_record(modem, 1)
    field = response.data[-_NUMBER_TAIL:]
    if not response.status.is_success or len(field) < _NUMBER_TAIL or not 2 <= field[0] <= 11:
        return None
    try:
        return Address.from_bytes(field[1 : 1 + field[0]])
    except DecodeError:
        return None


def store_message(modem: Modem, usim: Aid, tpdu: bytes, service_centre: Address | None) -> bool:
    """Put a received message into the first free record of EF.SMS; False when there is none.

    The USIM is selected first: somebody else may have used the channel.
    """
    if not modem.send(CommandApdu(0x00, 0xA4, 0x04, 0x0C, usim)).status.is_success or not _select(modem, _EF_SMS):
        return False
    address = service_centre.to_bytes() if service_centre is not None else b""
    content = bytes((_UNREAD, len(address))) + address + tpdu
    for number in range(1, _MAX_RECORDS + 1):
        response = _read_record(modem, number)
        if not response.status.is_success or not response.data:
            return False
        if not response.data[0] & _IN_USE:
            if len(content) > len(response.data):
                return False
            record = content.ljust(len(response.data), b"\xff")
            return modem.send(CommandApdu(0x00, 0xDC, number, 0x04, record)).status.is_success
    return False
