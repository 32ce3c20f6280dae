# SPDX-License-Identifier: Apache-2.0
"""What all security domains have in common: selection, SCP03, and the question whether a command is authorised.

A kind of security domain is a subclass that says which commands it knows (`commands`), where its keys are, how it
runs SCP03, and what its data objects are; the commands themselves are functions of this package that ask those
questions. A domain object holds no state: what lasts is in the memory, what belongs to a selection is in the channel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final, cast

from apdu.channel.errors import ChannelError
from apdu.channel.scp03 import Parameter, SecurityLevel, State, block_length
from apdu.channel.scp03_card import CardConfiguration, Scp03Card
from apdu.command.apdu import CommandApdu
from apdu.command.cla import INTERINDUSTRY, PROPRIETARY, key
from apdu.command.status import SW
from apdu.gp.codes import Ins
from apdu.gp.fci import FileControlInformation, ProprietaryData
from apdu.gp.recognition import CardData, CardRecognition, Oid, scp_oid
from apdu.gp.status import RegistryEntry, StatusScope
from apdu.gp.store_data import Block
from apdu.ids import Aid
from apdu.keys.secret import KeySet
from apdu.tlv.scan import split
from emulator.channels import Authority, Channel, Handler
from emulator.errors import CardError
from emulator.sd.keyring import KeyRing

if TYPE_CHECKING:
    from emulator.card import Card
    from emulator.sd.store import StoreState

__all__ = [
    "LEVEL_33",
    "OPENING",
    "SCP03_PARAMETER",
    "DataObject",
    "SecurityDomain",
    "authorised",
    "domain_of",
    "session_keys",
]

SCP03_PARAMETER: Final = 0x70
"""i of SGP.02: pseudo-random challenge, R-MAC and R-ENCRYPTION."""
LEVEL_33: Final = frozenset({SecurityLevel(0x33)})
_GP_VERSION: Final = bytes.fromhex("2A864886FC6B02020300")
"""{globalPlatform 2 2 3 0}: Card Specification 2.3."""
_GP_IDENTIFICATION: Final = bytes.fromhex("2A864886FC6B03")
_GP_RECOGNITION: Final = bytes.fromhex("2A864886FC6B01")
_MAXIMUM_LENGTH: Final = 0xFF
_INITIALIZE_UPDATE_P2: Final = 0x00

DataObject = Callable[["SecurityDomain", Channel, CommandApdu], bytes]
"""Builds what GET DATA answers for one tag: the whole object."""


class SecurityDomain:
    """One security domain of a card."""

    __slots__ = ("aid", "card", "keys")

    commands: ClassVar[Mapping[int, Handler]] = {}
    data_objects: ClassVar[Mapping[int, DataObject]] = {}

    def __init__(self, card: Card, aid: Aid, keys: KeyRing) -> None:
        self.card = card
        self.aid = aid
        self.keys = keys

    def select(self, channel: Channel) -> bytes:
        """Become current: nothing of an earlier selection is left; returns the FCI."""
        return fci(self.aid)

    def deselect(self, channel: Channel) -> None:
        """Nothing to drop besides what the channel drops itself."""

    def data_object(self, tag: int) -> DataObject | None:
        """What answers GET DATA for a tag."""
        return self.data_objects.get(tag)

    def entries(self, scope: StatusScope) -> Iterable[RegistryEntry]:
        """What GET STATUS lists: the applications it is responsible for, by AID."""
        return ()

    def receive(self, channel: Channel, state: StoreState, block: Block) -> bytes:
        """Take a block of STORE DATA that is for the domain itself; returns response data."""
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)

    def may_load(self, kvn: int) -> bool:
        """Whether PUT KEY may write this key version number."""
        return False

    def configuration(self) -> CardConfiguration:
        """How it runs SCP03."""
        return CardConfiguration(self.aid, SCP03_PARAMETER, LEVEL_33)

    def scp03_keys(self, kvn: int) -> KeySet | None:
        """The key set for a session; None answers 6A88."""
        return self.keys.scp03(kvn)

    def protocols(self) -> tuple[tuple[int, int], ...]:
        """Secure channel protocols with their options i, as the recognition data list them."""
        return ((0x03, SCP03_PARAMETER),) if self.keys.scp03() is not None else ()

    def recognition(self) -> CardData:
        """Card recognition data 66 (GPCS H.2)."""
        return CardData(
            recognition=CardRecognition(
                oid=_GP_RECOGNITION,
                version=Oid(oid=_GP_VERSION),
                identification=Oid(oid=_GP_IDENTIFICATION),
                protocols=tuple(scp_oid(protocol, options) for protocol, options in self.protocols()),
            )
        )


@lru_cache(maxsize=256)
def fci(aid: Aid) -> bytes:
    """What SELECT of a security domain returns."""
    proprietary = ProprietaryData(management_data=b"", maximum_length=_MAXIMUM_LENGTH)
    return FileControlInformation(aid=aid, proprietary=proprietary).encode()


def domain_of(channel: Channel) -> SecurityDomain:
    """The selected security domain, for handlers that are only in security domains' tables."""
    return cast(SecurityDomain, channel.application)


def authorised(channel: Channel) -> None:
    """Refuse (6982) what needs an open secure channel, SCP03, SCP80 or SCP81 (GPCS 11.1, table 11-1)."""
    if channel.session is None:
        if channel.authority is None:
            raise CardError(SW.SECURITY_STATUS)
    elif channel.session.state is not State.OPEN:
        raise CardError(SW.SECURITY_STATUS)


def session_keys(channel: Channel) -> Authority:
    """Key version and DEK of the open secure channel: the DEK protects keys inside commands (Amendment D 6.2.8)."""
    if channel.session is None:
        if channel.authority is None:
            raise CardError(SW.SECURITY_STATUS)
        return channel.authority
    keys = channel.session.keys
    if keys is None:
        raise CardError(SW.SECURITY_STATUS)
    return Authority(keys.kvn, keys.dek)


def _initialize_update(channel: Channel, command: CommandApdu) -> bytes:
    """Begin an SCP03 session (GPCS Amendment D 7.1.1).

    Whatever session there was has ended, and with it what was under way in it: a chain of STORE DATA, whom it was for,
    a random challenge (GPCS 11.11.3.2).
    """
    domain = domain_of(channel)
    channel.session = None
    channel.store = None
    channel.transient = {}
    if command.p2 != _INITIALIZE_UPDATE_P2:
        raise CardError(SW.WRONG_P1P2)
    configuration = domain.configuration()
    if len(command.data) != block_length(configuration.parameter):
        raise CardError(SW.WRONG_LENGTH)
    keys = domain.scp03_keys(command.p1)
    if keys is None:
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    pseudo_random = configuration.parameter & Parameter.PSEUDO_RANDOM
    counter = domain.keys.advance(keys.kvn) if pseudo_random else None
    session = Scp03Card(configuration)
    try:
        answer = session.initialize_update(keys, command.data, counter=counter, entropy=domain.card.entropy)
    except ChannelError as error:
        raise CardError(error.sw) from None
    channel.session = session
    return answer


def _external_authenticate(channel: Channel, command: CommandApdu) -> bytes:
    """Open the session (GPCS Amendment D 7.1.2); any error leaves none."""
    if channel.session is None:
        raise CardError(SW.CONDITIONS_OF_USE)
    try:
        channel.session.external_authenticate(command)
    except ChannelError as error:
        raise CardError(error.sw) from None
    return b""


def _get_data(channel: Channel, command: CommandApdu) -> bytes:
    """GET DATA: the whole object (GPCS 11.3)."""
    domain = domain_of(channel)
    build = domain.data_object(command.p1 << 8 | command.p2)
    if build is None:
        raise CardError(SW.REFERENCED_DATA_NOT_FOUND)
    return build(domain, channel, command)


def _get_data_value(channel: Channel, command: CommandApdu) -> bytes:
    """GET DATA in the interindustry class: the value without its tag and length."""
    return split(_get_data(channel, command))[0].value


OPENING: Final[dict[int, Handler]] = {
    key(PROPRIETARY, Ins.INITIALIZE_UPDATE): _initialize_update,
    key(PROPRIETARY, Ins.EXTERNAL_AUTHENTICATE): _external_authenticate,
    key(PROPRIETARY, Ins.GET_DATA): _get_data,
    key(INTERINDUSTRY, Ins.GET_DATA): _get_data_value,
}
"""Commands of every security domain that need no session, and so are their own check."""
