# SPDX-License-Identifier: Apache-2.0
"""An ISD-P: key establishment, profile download, POL1, connectivity parameters (SGP.02 v4.2 2.2.1.3, 4.1.3).

What reaches it: STORE DATA that the ISD-R forwards (key establishment as data groupings; over a reader also SCP03t
TLVs as BER-TLV chains), STORE DATA that the MNO-SD of its own profile forwards, and on a lab card its own SCP03
session.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final

from apdu.command.apdu import CommandApdu
from apdu.command.cla import PROPRIETARY, key
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.gp.codes import KVN_SCP03, KVN_TOKEN, Ins
from apdu.gp.sgp02 import ConnectivityParameters, Dgi, UpdatePol1
from apdu.gp.store_data import Block, Structure
from apdu.ids import Aid
from apdu.tlv.scan import Tlv, ber, read_header, split
from emulator.channels import Channel, Handler
from emulator.errors import CardError
from emulator.sd.data import COMMON_DATA, no_data
from emulator.sd.domain import OPENING, DataObject, SecurityDomain
from emulator.sd.es5 import merge_objects
from emulator.sd.establish import receive_key_establishment
from emulator.sd.key_commands import put_key
from emulator.sd.keyring import KeyRing
from emulator.sd.records import IsdPRecord
from emulator.sd.registry import isd_p_prefix
from emulator.sd.status import set_status_refused
from emulator.sd.store import Receiver, StoreState, require_clear, store_data

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["IsdP", "own_isd_p_receiver", "receiver_for"]

_DATA_DGI: Final = 0x0070
_IDENTITY: Final = {0x42: "sin", 0x45: "sdin", 0x5F20: "provider"}
_POL1_BITS: Final = 0x07


def receiver_for(aid: Aid) -> Receiver:
    """Who takes STORE DATA that the ISD-R forwards to an ISD-P."""

    def receive(channel: Channel, state: StoreState, block: Block) -> bytes:
        require_clear(block)
        if block.mode.structure is Structure.DGI:
            state.add(block)
            return receive_key_establishment(channel, aid, state, last=block.last)
        # every SCP03t TLV has an answer: refused before anything is done with it where none is wanted
        if block.mode.structure is not Structure.BER_TLV or not block.mode.response:
            raise CardError(SW.WRONG_P1P2)
        if not block.last:
            return b""
        _one_object(block.raw)
        from emulator.sd.download import receive_tlv  # with the interpreter: 0.1 s that only a download needs

        return receive_tlv(channel, aid, block.raw)

    return receive


def _one_object(data: bytes) -> None:
    """Refuse a chain that does not hold exactly one TLV; its contents are ciphered, so nothing inside is looked at."""
    try:
        _, _, end = read_header(data, 0, len(data))
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    if end != len(data):
        raise CardError(SW.WRONG_DATA)


def own_isd_p_receiver(aid: Aid) -> Receiver:
    """Who takes STORE DATA that an MNO-SD forwards to its own ISD-P (ES6, SGP.02 v4.2 4.1.2)."""

    def receive(channel: Channel, state: StoreState, block: Block) -> bytes:
        require_clear(block)
        if block.mode.structure is not Structure.DGI:
            raise CardError(SW.WRONG_P1P2)
        groups = state.add(block)
        if not block.last:
            return b""
        if len(groups) != 1 or groups[0].tag not in (Dgi.POL1, Dgi.PARAMETERS):
            raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
        registry = channel.card.registry
        registry.save(_updated(registry.require(aid), groups[0]))
        return b""

    return receive


def _updated(record: IsdPRecord, group: Tlv) -> IsdPRecord:
    """The registry entry with what one data grouping changes."""
    try:
        if group.tag == Dgi.POL1:
            rules = UpdatePol1.decode(group.value).rules
            if rules & ~_POL1_BITS:
                raise CardError(SW.WRONG_DATA)
            return replace(record, pol1=int(rules))
        if group.tag == Dgi.PARAMETERS:
            ConnectivityParameters.decode(group.value)
            objects = tuple(ber(tag, value) for tag, value in split(group.value))
            if not objects:
                raise CardError(SW.WRONG_DATA)
            return replace(record, connectivity=merge_objects(record.connectivity, objects))
        if group.tag == _DATA_DGI:
            return _identified(record, group.value)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    raise CardError(SW.REFERENCED_DATA_NOT_FOUND)


def _identified(record: IsdPRecord, value: bytes) -> IsdPRecord:
    """SIN, SDIN and application provider of the ISD-P, which a master delete token refers to (SGP.02 v4.2 4.1.1.5)."""
    objects = split(value)
    if not objects:
        raise CardError(SW.WRONG_DATA)
    for tag, content in objects:
        if tag == 0x42 and 1 <= len(content) <= 16:
            record = replace(record, sin=content)
        elif tag == 0x45 and 1 <= len(content) <= 16:
            record = replace(record, sdin=content)
        elif tag == 0x5F20 and 1 <= len(content) <= 16:
            record = replace(record, provider=content)
        else:
            raise CardError(SW.WRONG_DATA)
    return record


def _identity_object(tag: int) -> DataObject:
    def build(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
        no_data(command)
        value = getattr(domain.card.registry.require(domain.aid), _IDENTITY[tag])
        if value is None:
            raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
        return ber(tag, value)

    return build


class IsdP(SecurityDomain):
    """An Issuer Security Domain - Profile, as a lab card lets a terminal select it."""

    __slots__ = ()

    commands: ClassVar[Mapping[int, Handler]] = {
        **OPENING,
        key(PROPRIETARY, Ins.SET_STATUS): set_status_refused,
        key(PROPRIETARY, Ins.STORE_DATA): store_data,
        key(PROPRIETARY, Ins.PUT_KEY): put_key,
    }
    data_objects: ClassVar[Mapping[int, DataObject]] = {
        **COMMON_DATA,
        **{tag: _identity_object(tag) for tag in _IDENTITY},
    }

    def __init__(self, card: Card, aid: Aid) -> None:
        super().__init__(card, aid, KeyRing(card.memory, isd_p_prefix(aid)))

    def may_load(self, kvn: int) -> bool:
        """Its SCP03 sets and the token key for master delete."""
        return kvn in KVN_SCP03 or kvn == KVN_TOKEN

    def receive(self, channel: Channel, state: StoreState, block: Block) -> bytes:
        """Connectivity parameters (3A07) and identity (0070) from its SM-DP."""
        require_clear(block)
        if block.mode.structure is not Structure.DGI:
            raise CardError(SW.WRONG_P1P2)
        groups = state.add(block)
        if not block.last:
            return b""
        record = self.card.registry.require(self.aid)
        for group in groups:
            if group.tag == Dgi.POL1:  # the operator's, by way of the MNO-SD
                raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
            record = _updated(record, group)
        self.card.registry.save(record)
        return b""
