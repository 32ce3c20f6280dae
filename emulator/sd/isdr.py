# SPDX-License-Identifier: Apache-2.0
"""The ISD-R: manages the ISD-Ps for the SM-SR (SGP.02 v4.2 2.2.1.1, 4.1.1).

Everything but reading and opening a session needs an authenticated SM-SR. Over a reader only a lab card has the key
set for that; a production card answers 6A88 to INITIALIZE UPDATE.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from apdu.command.apdu import CommandApdu
from apdu.command.cla import PROPRIETARY, key
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.gp.codes import ISD_P_PRIVILEGES, Ins, LifeCycle, Privilege
from apdu.gp.delete import DELETE_ISD_P, DeleteObject, decode_delete
from apdu.gp.install import InstallForInstallAndMakeSelectable, InstallForPersonalization, decode_install
from apdu.gp.recognition import EcasdData, ExtendedCardResources, decode_ecasd_query
from apdu.gp.sgp02 import (
    AddressingParameters,
    Dgi,
    DisableProfile,
    EnableProfile,
    NotificationConfirmation,
    SetFallBackAttribute,
)
from apdu.gp.status import IsdPAttribute, RegistryEntry, StatusScope
from apdu.gp.store_data import Block
from apdu.ids import ECASD, ISD_P_LOAD_FILE, ISD_P_MODULE, ISD_R, Aid
from apdu.tlv.scan import Tlv, ber, split
from emulator.channels import Channel, Handler
from emulator.errors import CardError
from emulator.sd import es5
from emulator.sd.data import COMMON_DATA, no_data
from emulator.sd.domain import OPENING, DataObject, SecurityDomain, authorised
from emulator.sd.ecasd import Ecasd
from emulator.sd.isdp import receiver_for
from emulator.sd.keyring import KeyRing
from emulator.sd.records import IsdPRecord
from emulator.sd.status import get_status, set_status_refused
from emulator.sd.store import StoreState, forward_to, require_clear, store_data

if TYPE_CHECKING:
    from emulator.card import Card

__all__ = ["IsdR"]

ISD_R_PRIVILEGES = (
    Privilege.SECURITY_DOMAIN
    | Privilege.TRUSTED_PATH
    | Privilege.AUTHORIZED_MANAGEMENT
    | Privilege.GLOBAL_DELETE
    | Privilege.GLOBAL_LOCK
    | Privilege.GLOBAL_REGISTRY
)
"""(U) The exact set stands in SGP.02 annex C."""
_OTA_PROTOCOLS = ((0x80, 0x00), (0x81, 0x00))
"""SCP80 and SCP81 with their options i; that of SCP81 is (U)."""
_LOADED = 0x01
_CERTIFICATE, _RECOGNITION = 0x7F21, 0x66
_INSTALLED = b"\x00"
"""Answer to INSTALL and DELETE: no receipt follows (GPCS 11.5.3.1)."""


def _install(channel: Channel, command: CommandApdu) -> bytes:
    """CreateISDP, or INSTALL [for personalization] of an ISD-P."""
    authorised(channel)
    if command.p2:
        raise CardError(SW.WRONG_P1P2)
    try:
        install = decode_install(command.p1, command.data)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    if isinstance(install, InstallForInstallAndMakeSelectable):
        es5.create_isdp(channel.card, install)
        return _INSTALLED
    if isinstance(install, InstallForPersonalization):
        forward_to(channel, receiver_for(channel.card.registry.require(install.application).aid))
        return b""
    raise CardError(SW.WRONG_P1P2)


def _delete(channel: Channel, command: CommandApdu) -> bytes:
    """DeleteProfile."""
    authorised(channel)
    if command.p1 or command.p2 not in (0x00, DELETE_ISD_P):
        raise CardError(SW.WRONG_P1P2)
    try:
        request = decode_delete(command.data)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    if not isinstance(request, DeleteObject) or request.reference is not None or request.token is not None:
        raise CardError(SW.WRONG_DATA)
    if request.aid in (ISD_R, ECASD):
        raise CardError(SW.CONDITIONS_OF_USE)
    if command.p2 != DELETE_ISD_P:  # DELETE of GPCS would leave related objects behind: not for an ISD-P
        raise CardError(SW.WRONG_P1P2 if channel.card.registry.find(request.aid) else SW.REFERENCED_DATA_NOT_FOUND)
    es5.delete_profile(channel.card, request.aid)
    return _INSTALLED


def _put_key(channel: Channel, command: CommandApdu) -> bytes:
    """The ISD-R's keys change by key establishment only (SGP.02 3.8); the lab set does not change at all."""
    authorised(channel)
    raise CardError(SW.CONDITIONS_OF_USE)


def _platform_data(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    """BF30: the ECASD's certificate and recognition data (SGP.02 4.1.1.5)."""
    try:
        tags = decode_ecasd_query(command.data)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    if not tags or set(tags) - {_CERTIFICATE, _RECOGNITION}:
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    certificate = split(domain.card.registry.ecasd.certificate)[0].value if _CERTIFICATE in tags else None
    recognition = Ecasd(domain.card).recognition() if _RECOGNITION in tags else None
    return EcasdData(certificate_value=certificate, recognition=recognition).encode()


def _resources(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    """FF21: installed applications and free memory (TS 102 226 8.2.1.7.2)."""
    no_data(command)
    registry = domain.card.registry
    count = sum(1 for _ in registry.isd_ps())
    return ExtendedCardResources(
        applications=count, free_nonvolatile=registry.free(), free_volatile=registry.card.volatile
    ).encode()


def _sin(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    no_data(command)
    return ber(0x42, domain.card.registry.isd_r.sin)


def _sdin(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
    no_data(command)
    return ber(0x45, domain.card.registry.isd_r.sdin)


class IsdR(SecurityDomain):
    """The Issuer Security Domain - Root."""

    __slots__ = ()

    commands: ClassVar[Mapping[int, Handler]] = {
        **OPENING,
        key(PROPRIETARY, Ins.GET_STATUS): get_status,
        key(PROPRIETARY, Ins.SET_STATUS): set_status_refused,
        key(PROPRIETARY, Ins.INSTALL): _install,
        key(PROPRIETARY, Ins.STORE_DATA): store_data,
        key(PROPRIETARY, Ins.DELETE): _delete,
        key(PROPRIETARY, Ins.PUT_KEY): _put_key,
    }
    data_objects: ClassVar[Mapping[int, DataObject]] = {
        **COMMON_DATA,
        0x0042: _sin,
        0x0045: _sdin,
        0xBF30: _platform_data,
        0xFF21: _resources,
    }

    def __init__(self, card: Card) -> None:
        super().__init__(card, ISD_R, KeyRing(card.memory, "isdr"))

    def deselect(self, channel: Channel) -> None:
        """SCP03t sessions that ran over this channel end with its selection."""
        for download in [one for one in channel.card.downloads.values() if one.channel is channel]:
            download.discard()

    def protocols(self) -> tuple[tuple[int, int], ...]:
        """SCP80 and SCP81 as specified; SCP03 where there is the key set of a lab card."""
        return (*super().protocols(), *_OTA_PROTOCOLS)

    def entries(self, scope: StatusScope) -> Iterator[RegistryEntry]:
        """The ISD-R itself, the ISD-Ps, or their load file."""
        if scope is StatusScope.ISSUER_SECURITY_DOMAIN:
            yield RegistryEntry(aid=ISD_R, state=LifeCycle.PERSONALIZED, privileges=ISD_R_PRIVILEGES)
        elif scope is StatusScope.APPLICATIONS:
            registry = self.card.registry
            fallback, free = registry.isd_r.fallback, registry.free()  # free looks at every ISD-P: once, not for each
            for record in registry.isd_ps():
                yield self._entry(record, fallback, free)
        else:
            modules = (ISD_P_MODULE,) if scope is StatusScope.LOAD_FILES_AND_MODULES else ()
            yield RegistryEntry(aid=ISD_P_LOAD_FILE, state=_LOADED, security_domain=ISD_R, modules=modules)

    @staticmethod
    def _entry(record: IsdPRecord, fallback: Aid | None, free: int) -> RegistryEntry:
        remaining = record.granted - record.used if record.granted else free
        return RegistryEntry(
            aid=record.aid,
            state=record.state,
            privileges=ISD_P_PRIVILEGES,
            load_file=ISD_P_LOAD_FILE,
            security_domain=ISD_R,
            attributes=IsdPAttribute.FALL_BACK if record.aid == fallback else IsdPAttribute(0),
            granted_memory=record.granted,
            remaining_memory=max(remaining, 0),
        )

    def receive(self, channel: Channel, state: StoreState, block: Block) -> bytes:
        """STORE DATA for the ISD-R itself: one platform management function."""
        require_clear(block)
        if not block.last:
            if block.groups:
                raise CardError(SW.WRONG_DATA)
            return b""
        if len(block.groups) != 1:
            raise CardError(SW.WRONG_DATA)
        try:
            return _platform_function(self.card, block.groups[0])
        except DecodeError:
            raise CardError(SW.WRONG_DATA) from None


def _platform_function(card: Card, group: Tlv) -> bytes:
    dgi, value = group
    if dgi == Dgi.ENABLE:
        es5.enable_profile(card, EnableProfile.decode(value).aid)
    elif dgi == Dgi.DISABLE:
        es5.disable_profile(card, DisableProfile.decode(value).aid)
    elif dgi == Dgi.SET_FALL_BACK:
        es5.set_fall_back(card, SetFallBackAttribute.decode(value).aid)
    elif dgi == Dgi.PARAMETERS:
        AddressingParameters.decode(value)
        es5.store_addressing(card, tuple(ber(tag, content) for tag, content in split(value)))
    elif dgi == Dgi.CONFIRMATION:
        return es5.confirm_notification(card, NotificationConfirmation.decode(value).sequence).encode()
    else:
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    return b""
