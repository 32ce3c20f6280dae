# SPDX-License-Identifier: Apache-2.0
"""The ECASD: the card's identity and roots (SGP.02 v4.2 2.2.1.2, 2.2.2).

It has no keys that open a session and nothing that changes: whatever would alter it is refused with 6985.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from apdu.command.apdu import CommandApdu
from apdu.command.cla import PROPRIETARY, key
from apdu.command.status import SW
from apdu.gp.codes import Ins
from apdu.ids import ECASD
from apdu.tlv.scan import ber
from emulator.channels import Channel, Handler
from emulator.errors import CardError
from emulator.sd.data import COMMON_DATA, no_data
from emulator.sd.domain import OPENING, DataObject, SecurityDomain
from emulator.sd.keyring import KeyRing

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["Ecasd"]


def _refused(channel: Channel, command: CommandApdu) -> bytes:
    raise CardError(SW.CONDITIONS_OF_USE)


def _eid(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    no_data(command)
    return ber(0x5A, domain.card.registry.ecasd.eid)


def _certificate(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    no_data(command)
    return domain.card.registry.ecasd.certificate


def _sin(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    no_data(command)
    return ber(0x42, domain.card.registry.ecasd.sin)


def _sdin(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    no_data(command)
    return ber(0x45, domain.card.registry.ecasd.sdin)


class Ecasd(SecurityDomain):
    """The eUICC Controlling Authority Security Domain."""

    __slots__ = ()

    commands: ClassVar[Mapping[int, Handler]] = {
        **OPENING,
        **{
            key(PROPRIETARY, ins): _refused
            for ins in (Ins.SET_STATUS, Ins.INSTALL, Ins.STORE_DATA, Ins.DELETE, Ins.PUT_KEY, Ins.GET_STATUS)
        },
    }
    data_objects: ClassVar[Mapping[int, DataObject]] = {
        **COMMON_DATA,
        0x0042: _sin,
        0x0045: _sdin,
        0x005A: _eid,
        0x7F21: _certificate,
    }

    def __init__(self, card: Card) -> None:
        super().__init__(card, ECASD, KeyRing(card.memory, "ecasd"))
