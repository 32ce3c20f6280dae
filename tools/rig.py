# SPDX-License-Identifier: Apache-2.0
"""Servers and a card put together in one process, as the demo, the benchmarks and tests need them.

parties ── make_servers ──► SM-SR, SM-DP
                              │ reach: reader bearer
                              ▼
factory ── make_station ──► modem ─► link ─► card
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from apdu.ids import Eid
from apdu.keys.secret import KeySet
from apdu.trace import IGNORE, Clock, Observer
from emulator.card import Card
from emulator.device.link import CardLink
from emulator.device.modem import Modem
from emulator.factory.eum import CardOrder, Eum, ManufacturedCard
from emulator.memory import Backend, JournalBackend, Memory
from smdp.keystore import MemoryKeyStore
from smdp.server import SmDp
from smsr.api.messages import Call, RegisterEisRequest
from smsr.bearers.reader import ReaderBearer
from smsr.server import SmSr
from smsr.store import MemoryEisStore
from smsr.views import PartnerRole
from tools.entropy import Source
from tools.errors import ToolError
from tools.pki import Parties, make_eid, signed_eis

__all__ = ["Servers", "Station", "make_servers", "make_station", "reach", "register"]


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
    factory = source.entropy("factory")
    memory = Memory(backend or JournalBackend())
    made = eum.manufacture(CardOrder(eid=make_eid(factory), lab=True), memory, factory)
    if made.lab is None:
        raise ToolError("a lab card was ordered and came without its key set")
    card = Card(memory, entropy=source.entropy("card"), clock=source.clock, observer=observer)
    modem = Modem(connect(card))
    return Station(made, card, modem, modem.start(), made.lab)


def _refresh(modem: Modem) -> None:
    """Let the card have the reset that it asks for; reset it anyway where it asks for none."""
    before = modem.resets
    modem.settle()
    if modem.resets == before:
        modem.start()


def reach(servers: Servers, station: Station, source: Source, observer: Observer = IGNORE) -> ReaderBearer:
    """Give the SM-SR a way to the card; a new one whenever something else has used the card's channel meanwhile."""
    modem = station.modem
    bearer = ReaderBearer(
        modem,
        station.lab,
        entropy=source.entropy("reader"),
        clock=source.clock,
        reset=lambda: _refresh(modem),
        observer=observer,
    )
    servers.sm_sr.attach(station.eid, bearer)
    return bearer


def register(servers: Servers, station: Station, clock: Clock) -> None:
    """ES1.RegisterEIS."""
    eum = servers.parties.eum
    request = RegisterEisRequest(call=Call(eum.oid, "register"), eis=signed_eis(station.made, eum, clock()))
    servers.sm_sr.register_eis(request).check("ES1.RegisterEIS")
