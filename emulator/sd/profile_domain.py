# SPDX-License-Identifier: Apache-2.0
"""Security domains of the visible profile: the MNO-SD and supplementary ones under it (GPCS 9.4, SGP.02 2.2.1.4).

What the package installed is the base; what INSTALL, PUT KEY, STORE DATA, SET STATUS and DELETE changed since lies
over it in the ISD-P's part of the memory, so it goes with the ISD-P.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Final

from apdu.channel.scp03 import SecurityLevel
from apdu.channel.scp03_card import CardConfiguration
from apdu.command.apdu import CommandApdu
from apdu.command.cla import PROPRIETARY, key
from apdu.command.status import SW
from apdu.errors import DecodeError
from apdu.gp.codes import KVN_SCP03, KVN_SCP80, KVN_SCP81, KVN_TOKEN, Ins, LifeCycle, Privilege
from apdu.gp.delete import DeleteKeys, DeleteObject, decode_delete
from apdu.gp.install import (
    InstallForExtradition,
    InstallForInstall,
    InstallForInstallAndMakeSelectable,
    InstallForMakeSelectable,
    InstallForPersonalization,
    InstallForRegistryUpdate,
    decode_install,
)
from apdu.gp.keys import KEY_REFERENCE_DGI
from apdu.gp.status import RegistryEntry, StatusScope
from apdu.gp.store_data import Block, Structure
from apdu.ids import ISD_P_OWN, Aid
from apdu.keys.secret import KeySet
from apdu.tlv.declare import AID, BYTE, FLAG, RAW, Template, tlv
from apdu.tlv.scan import Tlv, ber, scan, split, split_dgi
from emulator.channels import Channel, Handler
from emulator.errors import CardError
from emulator.profile.base import DomainKey
from emulator.sd.association import extradite, update_registry
from emulator.sd.data import COMMON_DATA, no_data
from emulator.sd.domain import OPENING, SCP03_PARAMETER, DataObject, SecurityDomain, authorised, domain_of, session_keys
from emulator.sd.isdp import own_isd_p_receiver
from emulator.sd.key_commands import load_keys, put_key
from emulator.sd.keyring import KeyRing
from emulator.sd.status import get_status
from emulator.sd.store import StoreState, forward_to, store_data

if TYPE_CHECKING:
    from emulator.card import Card
    from emulator.visible import VisibleProfile

__all__ = ["SSD_LOAD_FILE", "SSD_MODULE", "AppRecord", "ProfileDomain"]

SSD_LOAD_FILE: Final = Aid(bytes.fromhex("A0000001515350"))
SSD_MODULE: Final = Aid(bytes.fromhex("A000000151535041"))
"""Load file and module from which supplementary security domains are installed (GPCS H.1.3)."""
_DATA_DGI: Final = 0x0070
_LOCKED: Final = 0x80
_INSTALLED: Final = b"\x00"
_MAX_OBJECT: Final = 1024
"""Bytes that one stored data object may have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRecord(Template, tag=0x30, clause="GPCS 6.6"):
    """One application of the profile in its registry."""

    aid: Aid = tlv(0x4F, AID)
    load_file: Aid | None = tlv(0x80, AID, optional=True)
    module: Aid | None = tlv(0x81, AID, optional=True)
    parent: Aid | None = tlv(0x82, AID, optional=True)
    privileges: bytes = tlv(0xC5, RAW)
    state: int = tlv(0x9F70, BYTE)
    parameters: bytes = tlv(0xC9, RAW)
    is_domain: bool = tlv(0x83, FLAG, optional=True, default=False)
    deleted: bool = tlv(0x84, FLAG, optional=True, default=False)


def _install(channel: Channel, command: CommandApdu) -> bytes:
    """Install a supplementary security domain, move or change what is under it, or name what STORE DATA personalise."""
    authorised(channel)
    domain = _profile_domain(channel)
    if command.p2:
        raise CardError(SW.WRONG_P1P2)
    try:
        install = decode_install(command.p1, command.data)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    if isinstance(install, InstallForPersonalization):
        domain.personalise(channel, install.application)
        return b""
    domain.require_privilege(Privilege.AUTHORIZED_MANAGEMENT)
    if isinstance(install, InstallForMakeSelectable):
        domain.make_selectable(install)
    elif isinstance(install, InstallForInstall):
        domain.install(install)
    elif isinstance(install, InstallForExtradition):
        extradite(domain, install)
    elif isinstance(install, InstallForRegistryUpdate):
        update_registry(domain, install)
    else:
        raise CardError(SW.WRONG_P1P2)
    return _INSTALLED


def _delete(channel: Channel, command: CommandApdu) -> bytes:
    """Delete a key set of the domain, or an application under it."""
    authorised(channel)
    domain = _profile_domain(channel)
    if command.p1 or command.p2 not in (0x00, 0x80):
        raise CardError(SW.WRONG_P1P2)
    try:
        request = decode_delete(command.data)
    except DecodeError:
        raise CardError(SW.WRONG_DATA) from None
    if isinstance(request, DeleteKeys):
        if request.kvn is None or request.kid is not None:
            raise CardError(SW.WRONG_DATA)  # keys go by whole sets
        in_use = session_keys(channel).kvn
        domain.keys.require(request.kvn)
        if request.kvn == in_use:
            raise CardError(SW.CONDITIONS_OF_USE)
        domain.keys.remove(request.kvn)
    elif isinstance(request, DeleteObject) and request.reference is None and request.token is None:
        domain.require_privilege(Privilege.AUTHORIZED_MANAGEMENT)
        domain.delete(request.aid)
    else:
        raise CardError(SW.WRONG_DATA)
    return _INSTALLED


def _set_status(channel: Channel, command: CommandApdu) -> bytes:
    """Lock or unlock an application under the domain, or move the domain itself to PERSONALIZED (GPCS 11.10)."""
    authorised(channel)
    domain = _profile_domain(channel)
    if command.p1 not in (0x40, 0x60):
        raise CardError(SW.WRONG_P1P2)
    if not 5 <= len(command.data) <= 16:
        raise CardError(SW.WRONG_DATA)
    domain.set_status(Aid(command.data), command.p2)
    return b""


def _profile_domain(channel: Channel) -> ProfileDomain:
    domain = domain_of(channel)
    assert isinstance(domain, ProfileDomain)
    return domain


class ProfileDomain(SecurityDomain):
    """A security domain of the visible profile."""

    __slots__ = ("profile", "record")

    commands: ClassVar[Mapping[int, Handler]] = {
        **OPENING,
        key(PROPRIETARY, Ins.GET_STATUS): get_status,
        key(PROPRIETARY, Ins.SET_STATUS): _set_status,
        key(PROPRIETARY, Ins.INSTALL): _install,
        key(PROPRIETARY, Ins.STORE_DATA): store_data,
        key(PROPRIETARY, Ins.DELETE): _delete,
        key(PROPRIETARY, Ins.PUT_KEY): put_key,
    }
    data_objects: ClassVar[Mapping[int, DataObject]] = COMMON_DATA

    def __init__(self, card: Card, profile: VisibleProfile, record: AppRecord, initial: tuple[DomainKey, ...]) -> None:
        super().__init__(card, record.aid, KeyRing(card.memory, f"{profile.prefix}/sd/{record.aid}", initial))
        self.profile = profile
        self.record = record

    def configuration(self) -> CardConfiguration:
        """SCP03 with the parameter i that the install parameters gave; every level that i supports."""
        return CardConfiguration(self.aid, self._parameter() or SCP03_PARAMETER, frozenset(SecurityLevel))

    def scp03_keys(self, kvn: int) -> KeySet | None:
        """No session without SCP03 among its protocols; a locked domain opens none (6982)."""
        if self.record.state & _LOCKED:
            raise CardError(SW.SECURITY_STATUS)
        return self.keys.scp03(kvn) if self._parameter() is not None else None

    def protocols(self) -> tuple[tuple[int, int], ...]:
        """As the install parameters C9 list them."""
        return tuple((value[0], value[1]) for tag, value in self._c9() if tag == 0x81 and len(value) == 2)

    def _c9(self) -> list[Tlv]:
        try:
            return split(self.record.parameters)
        except DecodeError:
            return []

    def _parameter(self) -> int | None:
        return next((options for protocol, options in self.protocols() if protocol == 0x03), None)

    def data_object(self, tag: int) -> DataObject | None:
        """What the package or STORE DATA stored comes before what the card makes up."""
        stored = self._stored(tag)
        if stored is None:
            return super().data_object(tag)

        def build(domain: SecurityDomain, channel: Channel, command: CommandApdu) -> bytes:
            no_data(command)
            return stored

        return build

    def _stored(self, tag: int) -> bytes | None:
        value = self.card.memory.get(self._data_key(tag))
        if value is not None:
            return value
        spec = self.profile.spec(self.aid)
        for grouping in spec.personalisation if spec is not None else ():
            for dgi, content in split_dgi(grouping):
                if dgi != _DATA_DGI:
                    continue
                for item in split(content):
                    if item.tag == tag:
                        return ber(item.tag, item.value)
        return None

    def _data_key(self, tag: int) -> str:
        return f"{self.profile.prefix}/sd/{self.aid}/data/{tag:04X}"

    def may_load(self, kvn: int) -> bool:
        """Key sets of SCP80, SCP03 and SCP81, and the token key."""
        return kvn in KVN_SCP03 or kvn in KVN_SCP80 or kvn in KVN_SCP81 or kvn == KVN_TOKEN

    def require_privilege(self, privilege: Privilege) -> None:
        """Refuse (6985) what the domain has no privilege for."""
        if not self.privileges & privilege:
            raise CardError(SW.CONDITIONS_OF_USE)

    @property
    def privileges(self) -> Privilege:
        """As the registry has them now: another domain may have changed them while this one was selected."""
        record = self.profile.application(self.aid) or self.record
        return Privilege.from_bytes_field(record.privileges)

    def entries(self, scope: StatusScope) -> Iterator[RegistryEntry]:
        """The domain itself for scope 80; what is under it for scope 40; no load files are ever listed."""
        if scope is StatusScope.ISSUER_SECURITY_DOMAIN:
            yield self._entry(self.record)
        elif scope is StatusScope.APPLICATIONS:
            for record in self.profile.applications():
                if self._is_mine(record):
                    yield self._entry(record)

    @staticmethod
    def _entry(record: AppRecord) -> RegistryEntry:
        return RegistryEntry(
            aid=record.aid,
            state=record.state,
            privileges=Privilege.from_bytes_field(record.privileges),
            load_file=record.load_file,
            security_domain=record.parent,
        )

    def _is_mine(self, record: AppRecord) -> bool:
        """Whether an application is associated with this domain, directly or through others under it."""
        seen: set[Aid] = set()
        parent = record.parent
        while parent is not None and parent not in seen:
            if parent == self.aid:
                return True
            seen.add(parent)
            above = self.profile.application(parent)
            parent = above.parent if above is not None else None
        return False

    def require_mine(self, aid: Aid) -> AppRecord:
        """An application that is associated with this domain; 6A88 when there is none."""
        record = self.profile.application(aid)
        if record is None or not self._is_mine(record):
            raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
        return record

    def install(self, install: InstallForInstall) -> None:
        """A supplementary security domain under this one (GPCS 11.5.2.3.2)."""
        if (install.load_file, install.module) != (SSD_LOAD_FILE, SSD_MODULE):
            raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
        aid = install.instance
        taken = {known for known, _ in self.card.selectable()} | {item.aid for item in self.profile.applications()}
        beyond = install.privileges & ~self.privileges
        if aid in taken or not install.privileges & Privilege.SECURITY_DOMAIN or beyond:
            raise CardError(SW.WRONG_DATA)
        if install.token:
            raise CardError(SW.WRONG_DATA)
        selectable = isinstance(install, InstallForInstallAndMakeSelectable)
        self.profile.save(
            AppRecord(
                aid=aid,
                load_file=install.load_file,
                module=install.module,
                parent=self.aid,
                privileges=install.privileges.to_field(),
                state=LifeCycle.SELECTABLE if selectable else LifeCycle.INSTALLED,
                parameters=install.parameters.application or b"",
                is_domain=True,
            )
        )

    def make_selectable(self, install: InstallForMakeSelectable) -> None:
        """INSTALLED becomes SELECTABLE (GPCS 11.5.2.3.3)."""
        record = self.require_mine(install.instance)
        if record.state != LifeCycle.INSTALLED:
            raise CardError(SW.CONDITIONS_OF_USE)
        self.profile.save(replace(record, state=LifeCycle.SELECTABLE))

    def delete(self, aid: Aid) -> None:
        """An application that nothing is associated with (GPCS 11.2)."""
        record = self.require_mine(aid)
        if any(item.parent == aid for item in self.profile.applications()):
            raise CardError(SW.CONDITIONS_OF_USE)
        if any(channel.application is not None and channel.application.aid == aid for channel in self._channels()):
            raise CardError(SW.CONDITIONS_OF_USE)
        self.profile.remove(record)

    def _channels(self) -> Iterator[Channel]:
        yield from self.card.channels.values()

    def set_status(self, aid: Aid, state: int) -> None:
        """GPCS 11.10.2.2: b8 locks and unlocks; a domain may move itself from SELECTABLE to PERSONALIZED."""
        if aid == self.aid:
            if (self.record.state, state) != (LifeCycle.SELECTABLE, LifeCycle.PERSONALIZED):
                raise CardError(SW.CONDITIONS_OF_USE)
            self.record = replace(self.record, state=state)
            self.profile.save(self.record)
            return
        record = self.require_mine(aid)
        if state not in (_LOCKED, 0x00):
            raise CardError(SW.WRONG_P1P2)
        if bool(record.state & _LOCKED) == bool(state):
            raise CardError(SW.CONDITIONS_OF_USE)
        self.profile.save(replace(record, state=record.state ^ _LOCKED))

    def personalise(self, channel: Channel, aid: Aid) -> None:
        """The next STORE DATA are for this application: the profile's own ISD-P, or a domain under this one."""
        if aid == ISD_P_OWN or aid == self.profile.aid:
            if not self.profile.is_mno_sd(self.aid):
                raise CardError(SW.CONDITIONS_OF_USE)
            forward_to(channel, own_isd_p_receiver(self.profile.aid))
            return
        record = self.require_mine(aid)
        target = self.profile.domain(self.card, aid)
        if target is None or record.state & _LOCKED:
            raise CardError(SW.CONDITIONS_OF_USE)
        forward_to(channel, target.receive)

    def receive(self, channel: Channel, state: StoreState, block: Block) -> bytes:
        """Keys (00B9 with 8113) and data objects (0070), when the chain is complete."""
        if block.mode.structure is not Structure.DGI:
            raise CardError(SW.WRONG_P1P2)
        groups = state.add(block)
        if not block.last:
            return b""
        if not groups:
            raise CardError(SW.WRONG_DATA)
        if groups[0].tag == KEY_REFERENCE_DGI:
            load_keys(self.keys, groups, session_keys(channel).dek)
        else:
            for group in groups:
                self._store_data(group)
        return b""

    def _store_data(self, group: Tlv) -> None:
        if group.tag != _DATA_DGI:
            raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
        try:
            scan(group.value)
            objects = split(group.value)
        except DecodeError:
            raise CardError(SW.WRONG_DATA) from None
        for tag, value in objects:
            if tag in _NOT_STORABLE or len(value) > _MAX_OBJECT or tag > 0xFFFF:
                raise CardError(SW.WRONG_DATA)
            self.card.memory.put(self._data_key(tag), ber(tag, value))


_NOT_STORABLE: Final = frozenset({0xD3, 0x2F00, 0xFF21, 0xC2, 0xC1, 0xE0})
"""Objects that the card itself makes (GPCS 11.11.3.2)."""
