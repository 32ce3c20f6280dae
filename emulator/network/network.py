# SPDX-License-Identifier: Apache-2.0
"""A mobile network as a device sees it: coverage and its loss, cell, subscribers, short messages, USSD."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from apdu.cat.codes import AccessTechnology, LocationStatus
from apdu.cat.values import LocationInformation, TextString
from apdu.errors import EncodeError
from emulator.network.auc import AuC
from emulator.network.sms import ServiceCentre

__all__ = ["Network", "eutran_cell"]

_GSM_TEXT, _UCS2_TEXT = 0x04, 0x08
_CBS_DEFAULT: Final = (0x0, 0x2, 0x3)
"""Coding groups of cell broadcast and USSD in the packed default alphabet, whatever the low bits (TS 23.038 5)."""


def eutran_cell(number: int) -> bytes:
    """A cell of E-UTRAN as location information has it: 28 bits, then four ones."""
    return (number << 4 | 0x0F).to_bytes(4, "big")


class Network:
    """One network at one place. What changes here a device notices at its next step."""

    __slots__ = ("auc", "place", "sms", "status", "technology", "ussd_menu")

    def __init__(
        self,
        auc: AuC | None = None,
        *,
        sms: ServiceCentre | None = None,
        ussd_menu: Mapping[str, str] | None = None,
    ) -> None:
        self.auc = auc
        """None: nobody is authenticated."""
        self.sms = sms
        self.ussd_menu = dict(ussd_menu or {})
        """What is dialled, to what is answered."""
        self.status = LocationStatus.NORMAL
        self.place = LocationInformation("00101", 1, eutran_cell(1))
        self.technology = AccessTechnology.E_UTRAN

    def lose_coverage(self) -> None:
        """The device comes out of reach."""
        self.status = LocationStatus.NO_SERVICE

    def limit(self) -> None:
        """Emergency calls only."""
        self.status = LocationStatus.LIMITED

    def restore(self) -> None:
        """Back in reach."""
        self.status = LocationStatus.NORMAL

    def move(self, place: LocationInformation, technology: AccessTechnology) -> None:
        """Another cell."""
        place.to_bytes()  # what cannot be coded is refused before a card is to hear of it
        self.place, self.technology = place, technology

    def ussd(self, request: bytes) -> TextString | None:
        """The answer to a USSD string (coding scheme and text); None: the network knows no such service."""
        dialled = TextString(0 if request[0] >> 4 in _CBS_DEFAULT else request[0], request[1:]).text
        reply = self.ussd_menu.get(dialled)
        if reply is None:
            return None
        try:
            return TextString.of(reply, _GSM_TEXT)
        except EncodeError:
            return TextString.of(reply, _UCS2_TEXT)
