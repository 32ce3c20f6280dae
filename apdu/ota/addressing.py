# SPDX-License-Identifier: Apache-2.0
"""Where the SM-SR is reached: the contents of ES5.UpdateSMSRAddressingParameters (SGP.02 v4.2 4.1.1.10).

A3 { 81 address of its short messages, as a TP-DA }
A5 { what a trigger holds: 83 session parameters, B3 DNS }
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from apdu.errors import DecodeError
from apdu.ota.trigger import Trigger
from apdu.sms.address import Address
from apdu.tlv.declare import Leaf, Template, tlv
from apdu.tlv.scan import ber

__all__ = ["HTTPS_TAG", "SmsAddressing", "https_addressing"]

HTTPS_TAG: Final = 0xA5
"""(U) Its tag, and that its content is that of a trigger; `Trigger.decode` reads it."""


def _read(raw: bytes) -> Address:
    address, end = Address.from_tpdu(raw, 0)
    if end != len(raw):
        raise DecodeError("something stands behind the address", offset=end)
    return address


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsAddressing(Template, tag=0xA3, clause="SGP.02 v4.2 4.1.1.10", open=True):
    """Where default notifications by SMS go."""

    address: Address = tlv(0x81, Leaf(None, _read, Address.to_tpdu))


def https_addressing(parameters: Trigger) -> bytes:
    """The object A5 that stores parameters for sessions."""
    return ber(HTTPS_TAG, parameters.value())
