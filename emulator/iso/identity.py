# SPDX-License-Identifier: Apache-2.0
"""GET IDENTITY: the concealed subscriber identity, computed by the card (TS 31.102 7.5, 4.4.11.8, 5.3.x)."""

from __future__ import annotations

from typing import Final

from apdu.aka.suci import NoUsableScheme, SuciCalcInfo, make_suci
from apdu.command.apdu import CommandApdu
from apdu.command.status import SW
from apdu.errors import DecodeError, EncodeError
from apdu.ids import Imsi
from apdu.tlv.scan import ber
from emulator.channels import Channel
from emulator.errors import CardError
from emulator.iso.naa import Kind, Naa, current_naa, has_service, require_pin

__all__ = ["get_identity"]

_CONTEXTS: Final = (0x01, 0x02)
"""P2: SUCI, and SUCI for NSWO; the identity is the same in both (U)."""
_TAG_IDENTITY: Final = 0xA1
_SUCI_CALCULATION: Final = 124
_CALCULATION_BY_USIM: Final = 125
_EF_IMSI: Final = (0x6F07,)
_EF_AD: Final = (0x6FAD,)
_EF_ROUTING_INDICATOR: Final = (0x5FC0, 0x4F0A)
_EF_SUCI_CALC_INFO_USIM: Final = (0x5FD0, 0x4F01)
_NO_SERVICE: Final = SW.CONDITIONS_OF_USE
"""Answer when the services are not set (U)."""
_NO_SCHEME: Final = SW.REFERENCED_DATA_NOT_FOUND
"""Answer when a file is missing or broken, or no scheme of the list can be carried out (U)."""


def get_identity(channel: Channel, command: CommandApdu) -> bytes:
    """The SUCI of the current USIM, concealed with a fresh ephemeral key."""
    if command.p1 or command.p2 not in _CONTEXTS:
        raise CardError(SW.WRONG_P1P2)
    if command.data:
        raise CardError(SW.WRONG_LENGTH)
    naa = current_naa(channel, Kind.USIM)
    if not (has_service(naa, _SUCI_CALCULATION) and has_service(naa, _CALCULATION_BY_USIM)):
        raise CardError(_NO_SERVICE)
    require_pin(channel, naa.adf)
    ad = _contents(naa, _EF_AD)
    try:
        suci = make_suci(
            Imsi.from_ef(_contents(naa, _EF_IMSI)),
            ad[3] & 0x0F if len(ad) > 3 else 0,
            _contents(naa, _EF_ROUTING_INDICATOR)[:2],
            SuciCalcInfo.decode(_contents(naa, _EF_SUCI_CALC_INFO_USIM)),
            channel.card.entropy,
        )
    except (DecodeError, EncodeError, NoUsableScheme):
        raise CardError(_NO_SCHEME) from None
    return ber(_TAG_IDENTITY, suci.encode())


def _contents(naa: Naa, path: tuple[int, ...]) -> bytes:
    file = naa.files.find(naa.adf, *path)
    if file is None:
        raise CardError(_NO_SCHEME)
    return naa.files.body(file)
