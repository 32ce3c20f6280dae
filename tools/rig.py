# SPDX-License-Identifier: Apache-2.0
"""Servers and a card put together in one process, as the demo, the benchmarks and tests need them.

parties ── make_servers ──► SM-SR, SM-DP
                              │ reach: reader bearer      reach_by_air: sms, https (tools.air)
                              ▼
factory ── make_station ──► modem ─► link ─► card
factory ── make_live_station ──► device, attached with a profile from the factory
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from apdu.ids import Aid, Eid
from apdu.keys.secret import KeySet
from apdu.sms.address import Address
from apdu.trace import IGNORE, Clock, Observer
from emulator.card import Card
from emulator.device.link import CardLink
from emulator.device.modem import Modem
from emulator.factory.eum import Bootstrap, CardOrder, Eum, ManufacturedCard
from emulator.memory import Backend, JournalBackend, Memory
from smdp.keystore import MemoryKeyStore
from smdp.server import SmDp
from smsr.api.eis_parts import ProfileInfo, ProfileState, SubscriptionAddress
from smsr.api.messages import Call, RegisterEisRequest
from smsr.bearers.reader import ReaderBearer
from smsr.server import SmSr
from smsr.store import MemoryEisStore
from smsr.views import PartnerRole
from tools.entropy import Source
from tools.errors import ToolError
from tools.pki import Parties, make_eid, signed_eis
from tools.subscription import PreparedProfile

if TYPE_CHECKING:
    from smsr.bearers.ota import OtaBearer
    from tools.air import Air

__all__ = [
    "Servers",
    "Station",
    "make_live_station",
    "make_servers",
    "make_station",
    "number_of",
    "reach",
    "reach_by_air",
    "register",
]


@dataclass(frozen=True, slots=True)
class Servers:
    """An SM-SR, and an SM-DP that is its partner."""

    parties: Parties
    sm_sr: SmSr
    sm_dp: SmDp
    store: MemoryEisStore
    keys: MemoryKeyStore


def make_servers(parties: Parties, source: Source, observer: Observer = IGNORE) -> Servers:
    """Both trust the same CI, and the SM-SR knows EUM, SM-DP and operator."""
    roots = (parties.ci.certificate,)
    partners = {
        parties.eum.oid: PartnerRole.EUM,
        parties.sm_dp.oid: PartnerRole.SM_DP,
        parties.operator: PartnerRole.MNO,
    }
    store, keys = MemoryEisStore(), MemoryKeyStore()
    sm_sr = SmSr(parties.sm_sr.oid, roots=roots, partners=partners, store=store, clock=source.clock)
    sm_dp = SmDp(
        parties.sm_dp,
        sm_sr,
        roots=roots,
        keys=keys,
        entropy=source.entropy("SM-DP"),
        clock=source.clock,
        observer=observer,
    )
    return Servers(parties, sm_sr, sm_dp, store, keys)


@dataclass(frozen=True, slots=True)
class Station:
    """One card in one device, and how the SM-SR reaches it."""

    made: ManufacturedCard
    card: Card
    modem: Modem
    atr: bytes
    lab: KeySet
    """The key set of the card's ISD-R for work through a reader."""
    first: PreparedProfile | None = None
    """The profile from the factory."""

    @property
    def eid(self) -> Eid:
        """The card's identity."""
        return self.made.eid


Connect = Callable[[Card], CardLink]
"""Puts a card into a reader."""


def make_station(
    eum: Eum, source: Source, connect: Connect, observer: Observer = IGNORE, backend: Backend | None = None
) -> Station:
    """Manufacture a lab card (in RAM unless a backend is given), put it into a device and switch that on."""
    made, card = _manufacture(eum, source, observer, backend)
    modem = Modem(connect(card))
    return Station(made, card, modem, modem.start(), _lab_keys(made))


def make_live_station(
    eum: Eum, source: Source, connect: Connect, air: Air, first: PreparedProfile, observer: Observer = IGNORE,
    backend: Backend | None = None,
) -> Station:  # fmt: skip
    """Manufacture a card with a profile to begin with, and put it into a device that can be reached over the air."""
    bootstrap = Bootstrap(first.package)
    made, card = _manufacture(eum, source, observer, backend, bootstrap=bootstrap, addressing=air.addressing)
    air.subscribe(first, number_of(first))
    device, atr = air.switch_on(connect(card))
    return Station(made, card, device.modem, atr, _lab_keys(made), first)


def _manufacture(
    eum: Eum, source: Source, observer: Observer, backend: Backend | None, *,
    bootstrap: Bootstrap | None = None, addressing: tuple[bytes, ...] = (),
) -> tuple[ManufacturedCard, Card]:  # fmt: skip
    factory = source.entropy("factory")
    memory = Memory(backend or JournalBackend())
    order = CardOrder(eid=make_eid(factory), lab=True, bootstrap=bootstrap, addressing=addressing)
    made = eum.manufacture(order, memory, factory)
    return made, Card(memory, entropy=source.entropy("card"), clock=source.clock, observer=observer)


def _lab_keys(made: ManufacturedCard) -> KeySet:
    if made.lab is None:
        raise ToolError("a lab card was ordered and came without its key set")
    return made.lab


def number_of(profile: PreparedProfile) -> Address:
    """The number of a subscription; one that has none in its package gets its IMSI's last digits."""
    return Address.of(f"+{profile.msisdn or f'999{str(profile.imsi)[-9:]}'}")


def reach(servers: Servers, station: Station, source: Source, observer: Observer = IGNORE) -> ReaderBearer:
    """Give the SM-SR a way to the card; a new one whenever something else has used the card's channel meanwhile."""
    modem = station.modem
    bearer = ReaderBearer(
        modem,
        station.lab,
        entropy=source.entropy("reader"),
        clock=source.clock,
        reset=modem.refresh,
        observer=observer,
    )
    servers.sm_sr.attach(station.eid, bearer)
    return bearer


def reach_by_air(servers: Servers, station: Station, air: Air) -> OtaBearer:
    """Give the SM-SR the air as its way to the card."""
    bearer = air.bearer(station.eid)
    servers.sm_sr.attach(station.eid, bearer)
    return bearer


def register(servers: Servers, station: Station, clock: Clock) -> None:
    """ES1.RegisterEIS."""
    parties = servers.parties
    eis = signed_eis(station.made, parties.eum, clock())
    if station.first is not None:
        eis = replace(eis, profiles=(_at_manufacture(station.first, station.made.isd_ps[0], parties),))
    request = RegisterEisRequest(call=Call(parties.eum.oid, "register"), eis=eis)
    servers.sm_sr.register_eis(request).check("ES1.RegisterEIS")


def _at_manufacture(profile: PreparedProfile, isd_p: Aid, parties: Parties) -> ProfileInfo:
    return ProfileInfo(
        iccid=profile.iccid,
        isd_p_aid=isd_p,
        mno_id=parties.operator,
        smdp_id=parties.sm_dp.oid,
        state=ProfileState.ENABLED,
        fall_back=True,
        subscription=SubscriptionAddress(profile.imsi, number_of(profile).number),
    )
