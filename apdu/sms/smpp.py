# SPDX-License-Identifier: Apache-2.0
"""Short messages as SMPP 3.4 carries them: TPDUs to the fields of submit_sm and deliver_sm, and back.

The lab's convention, which is that of the standard where it has one:

- source and destination are those of the TPDU and of who sends it; a type of number is TON and NPI;
- protocol_id and data_coding are TP-PID and TP-DCS as they are; bit 6 of esm_class is TP-UDHI, bit 7 TP-RP;
- short_message is the user data, header first; text in the default alphabet has a byte for each septet;
- registered_delivery 04 asks for the SMS-DELIVER-REPORT (5.2.17: SME delivery acknowledgement). It comes as a message
  of esm_class 08 with the report's user data, user_message_reference as in the message that it answers, and
  network_error_code 03 00 TP-FCS when the message was refused;
- user_message_reference of an SMS-SUBMIT is its TP-MR.

What SMPP has no field for is set anew at the other end: the time stamp, and that more messages wait.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from apdu.errors import DecodeError, EncodeError
from apdu.sms.address import Address
from apdu.sms.coding import Alphabet, alphabet_of
from apdu.sms.tpdu import Deliver, DeliverReport, Submit
from apdu.sms.userdata import UserData, read_header

__all__ = ["REPORT_WANTED", "ShortMessage", "address_of", "failure_of", "npi_of", "ton_of"]

REPORT_WANTED: Final = 0x04
_UDHI, _REPLY_PATH = 0x40, 0x80
_KIND: Final = 0x3C
_DEFAULT, _ACKNOWLEDGEMENT = 0x00, 0x08
_GSM: Final = 0x03
"""Network type of network_error_code (5.3.2.31)."""
_STATUS_REPORT: Final = 0x01
_EXTENSION: Final = 0x80
_MAX: Final = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessage:
    """One submit_sm or deliver_sm."""

    source: Address
    destination: Address
    esm_class: int = 0
    protocol_id: int = 0
    data_coding: int = 0
    registered_delivery: int = 0
    body: bytes = b""
    reference: int | None = None
    """user_message_reference."""
    failure: int | None = None
    """TP-FCS of network_error_code."""

    def __post_init__(self) -> None:
        if len(self.body) > _MAX:
            raise EncodeError(f"short_message holds {_MAX} bytes, not {len(self.body)}")

    @property
    def is_report(self) -> bool:
        """Whether this answers another message, instead of being one."""
        return self.esm_class & _KIND == _ACKNOWLEDGEMENT

    @property
    def is_message(self) -> bool:
        """Whether this is a message: neither an answer nor a receipt."""
        return self.esm_class & _KIND == _DEFAULT

    # --- down: SMS-DELIVER

    @classmethod
    def of_deliver(cls, to: Address, deliver: bytes, reference: int) -> Self:
        """An SMS-DELIVER on its way to a device, whose report is wanted."""
        message = Deliver.decode(deliver)
        return cls(
            source=message.originator,
            destination=to,
            esm_class=_flags(message.data, message.reply_path),
            protocol_id=message.pid,
            data_coding=message.dcs,
            registered_delivery=REPORT_WANTED,
            body=_body(message.data),
            reference=reference,
        )

    def deliver(self, now: datetime) -> bytes:
        """The SMS-DELIVER that arrives at a device."""
        return Deliver(
            originator=self.source,
            pid=self.protocol_id,
            dcs=self.data_coding,
            time=now,
            data=self.data(),
            reply_path=bool(self.esm_class & _REPLY_PATH),
        ).encode()

    # --- the answer to it: SMS-DELIVER-REPORT

    def answered(self, report: DeliverReport) -> Self:
        """What a device says to this message."""
        data = report.data or UserData()
        return replace(
            self,
            source=self.destination,
            destination=self.source,
            esm_class=_ACKNOWLEDGEMENT | _flags(data, reply_path=False),
            protocol_id=report.pid or 0,
            data_coding=report.dcs or 0,
            registered_delivery=0,
            body=_body(data),
            failure=report.failure,
        )

    def report(self) -> DeliverReport:
        """The report that this answer carries."""
        data = self.data()
        if not (data.payload or data.elements):
            return DeliverReport(failure=self.failure)
        return DeliverReport(failure=self.failure, pid=self.protocol_id, dcs=self.data_coding, data=data)

    # --- up: SMS-SUBMIT

    @classmethod
    def of_submit(cls, sender: Address, submit: bytes) -> Self:
        """An SMS-SUBMIT of a device."""
        message = Submit.decode(submit)
        return cls(
            source=sender,
            destination=message.destination,
            esm_class=_flags(message.data, message.reply_path),
            protocol_id=message.pid,
            data_coding=message.dcs,
            registered_delivery=_STATUS_REPORT if message.report else 0,
            body=_body(message.data),
            reference=message.reference,
        )

    def submit(self) -> bytes:
        """The SMS-SUBMIT that the sender had."""
        return Submit(
            destination=self.destination,
            reference=(self.reference or 0) & 0xFF,
            pid=self.protocol_id,
            dcs=self.data_coding,
            data=self.data(),
            report=bool(self.registered_delivery & _STATUS_REPORT),
            reply_path=bool(self.esm_class & _REPLY_PATH),
        ).encode()

    # --- fields

    def data(self) -> UserData:
        """The user data."""
        elements, end = read_header(self.body) if self.esm_class & _UDHI else ((), 0)
        payload = self.body[end:]
        if alphabet_of(self.data_coding) is Alphabet.GSM and not payload.isascii():
            raise DecodeError("text in the default alphabet has seven bits in a byte")
        return UserData(payload, elements)

    @property
    def network_error(self) -> bytes | None:
        """network_error_code."""
        return None if self.failure is None else bytes((_GSM, 0, self.failure))


def failure_of(network_error: bytes | None) -> int | None:
    """TP-FCS of a network_error_code; of another kind of network none is known."""
    if network_error is None:
        return None
    if len(network_error) != 3 or network_error[0] != _GSM:
        raise DecodeError(f"network_error_code {network_error.hex().upper()} is none of GSM")
    return network_error[2]


def _flags(data: UserData, reply_path: bool) -> int:
    return (_UDHI if data.elements else 0) | (_REPLY_PATH if reply_path else 0)


def _body(data: UserData) -> bytes:
    return data.header() + data.payload


def address_of(ton: int, npi: int, number: str) -> Address:
    """An address by its SMPP fields."""
    return Address(_EXTENSION | (ton & 0x07) << 4 | npi & 0x0F, number)


def ton_of(address: Address) -> int:
    """Type of number."""
    return address.type >> 4 & 0x07


def npi_of(address: Address) -> int:
    """Numbering plan."""
    return address.type & 0x0F
