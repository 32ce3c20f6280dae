# SPDX-License-Identifier: Apache-2.0
"""A bench on which any function is called by its row: whatever a request needs and is not said has a value here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, Final

from apdu.gp.codes import LifeCycle
from apdu.ids import ECASD, Aid, Eid, Iccid, Imsi
from apdu.keys.entropy import SeededEntropy
from smsr.api import messages as m
from smsr.api.eis import Eis
from smsr.api.eis_parts import (
    ECASD_KEYSET,
    EisCertificate,
    Keyset,
    Pol2Action,
    Pol2Qualification,
    Pol2Rule,
    ProfileInfo,
    ProfileState,
    Property,
    SdRole,
    SecurityDomain,
    SubscriptionAddress,
)
from smsr.api.functions import FUNCTIONS, Exchange, Function, Interface
from smsr.api.grants import NotificationType, Onc, Plma, PlmaOperation
from smsr.api.notifications import PlmaNotification, ProfileNotification
from smsr.api.transport_keys import wrap_keys
from smsr.cardsteps import CardStep, RunCommands, RunTlvs
from smsr.kit.oid import Oid
from smsr.kit.pki import issue_ecasd
from smsr.serving.outbox import MemoryOutbox
from tests.unit.kit.world import EID, EUM_OID, MNO_OID, SM_DP_OID, VALIDITY, world
from tests.unit.smsr.bench import ICCID, ICCID_2, M2M_SP, TRANSPORT, Bench, PaperCard, make_eis

ES1, ES3, ES4, ES4A = Interface.ES1, Interface.ES3, Interface.ES4, Interface.ES4A
ROWS: Final = {(each.interface, each.name): each for each in FUNCTIONS if each.exchange is not Exchange.NOTIFICATION}
"""Every function that is called."""
CALLERS: Final = {ES1: EUM_OID, ES3: SM_DP_OID, ES4: MNO_OID, ES4A: MNO_OID}
FIRST: Final = Aid.isd_p(0x10)
TYPE: Final = "meter"
"""The type of every profile."""
UNKNOWN_EID: Final = Eid.create("8904903299")
EID_2: Final = Eid.create("8904903277")
ICCID_4: Final = Iccid.from_string("8988211000000123485")
"""Nobody's."""
ICCID_3: Final = Iccid.from_string("8988211000000123477")
"""On the other card, with the same operator and SM-DP."""
ADDRESS: Final = SubscriptionAddress(Imsi("001010123456789"), "15551234")
FULL_GRANT: Final = Plma(
    mno_id=MNO_OID,
    m2m_sp_id=M2M_SP,
    profile_type=TYPE,
    operations=tuple(PlmaOperation),
    notifications=tuple(NotificationType),
)


def rule(action: Pol2Action, qualification: Pol2Qualification = Pol2Qualification.NOT_ALLOWED) -> tuple[Pol2Rule, ...]:
    """POL2 of one rule."""
    return (Pol2Rule(action, qualification),)


AUTO_DELETE: Final = rule(Pol2Action.DISABLE, Pol2Qualification.AUTO_DELETE)
_DEFAULTS: Final[dict[str, Any]] = {
    "eid": EID,
    "iccid": ICCID,
    "sd_aid": FIRST,
    "data": b"\x84\x00",
    "new_subscription_address": ADDRESS,
    "connectivity_parameters": b"\x84\x00",
    "plma": FULL_GRANT,
    "onc": Onc(mno_id=MNO_OID, profile_type=TYPE, discarded=(NotificationType.PROFILE_ENABLED,)),
    "additional_properties": (Property("colour", "green"),),
}
Told = tuple[Oid, Interface, str, Iccid | None, Oid | None]
"""Receiver, interface, name, profile, and the operator that a relayed one is for."""


@dataclass
class Scene(Bench):
    """The card is registered already."""

    def __post_init__(self) -> None:
        super().__post_init__()
        assert self.store.add(_registered())
        self.smsr.attach(EID, self.card)

    def call(self, interface: Interface, name: str, requester: Oid | None = None, **values: Any) -> Any:
        """Have a function carried out; its response."""
        return self.smsr.call(ROWS[interface, name], request(ROWS[interface, name], requester, **values))

    def done(self, interface: Interface, name: str, requester: Oid | None = None, **values: Any) -> Any:
        """The same of one that succeeds."""
        response = self.call(interface, name, requester, **values)
        assert response.status.is_success, response.status
        return response

    def install(
        self, iccid: Iccid = ICCID, *, mno: Oid = MNO_OID, smdp: Oid = SM_DP_OID, enabled: bool = False, **changes: Any
    ) -> Aid:
        """A profile of an operator, downloaded by an SM-DP."""
        created = self.done(ES3, "CreateISDP", smdp, iccid=iccid, mno_id=mno, required_memory=0x100, more_to_do=True)
        aid: Aid = created.isd_p_aid
        self.card.isd_ps[aid] = LifeCycle.DISABLED
        self.done(ES3, "ProfileDownloadCompleted", smdp, iccid=iccid, **{"profile_type": TYPE, **changes})
        if enabled:
            self.done(ES3, "EnableProfile", smdp, iccid=iccid)
        return aid

    def two(self, **changes: Any) -> None:
        """ICCID is enabled, ICCID_2 is the fall-back profile; changes are of ICCID."""
        self.card.fall_back = self.install(ICCID_2)
        self.install(enabled=True, **changes)
        self.done(ES3, "AuditEIS")
        self.outbox.entries.clear()

    def second_card(self) -> None:
        """Another card, which holds ICCID_3."""
        profile = ProfileInfo(
            iccid=ICCID_3,
            isd_p_aid=FIRST,
            mno_id=MNO_OID,
            smdp_id=SM_DP_OID,
            state=ProfileState.DISABLED,
            profile_type=TYPE,
        )
        assert self.store.add(other_eis(profiles=(profile,)))

    def foreign_card(self) -> Eid:
        """A card of another EUM."""
        assert self.store.add(make_eis(eid=EID_2, eum_id=Oid("1.3.6.1.4.1.99999.80")))
        return EID_2

    @property
    def outbox(self) -> MemoryOutbox:
        """What is to be told."""
        outbox = self.smsr.stores.outbox
        assert isinstance(outbox, MemoryOutbox)
        return outbox

    def told(self) -> list[Told]:
        """What was told since this was asked last."""
        entries = [_told(*entry) for entry in self.outbox.entries]
        self.outbox.entries.clear()
        return sorted(entries, key=str)

    def state(self, iccid: Iccid = ICCID) -> ProfileState | None:
        """Of a profile, by the EIS; None when it is gone."""
        profile = self.eis.find(iccid)
        return None if profile is None else profile.state

    def kept(self) -> tuple[object, ...]:
        """Everything that a function that is refused must leave as it is."""
        stores = self.smsr.stores
        eis = tuple(replace(each, audit_trail=(), last_audit=None) for each in self.store)
        operators = sorted({profile.mno_id for each in eis for profile in each.profiles} | {MNO_OID})
        grants = stores.grants.plma(), tuple(stores.grants.onc(each) for each in operators)
        return eis, dict(self.card.isd_ps), grants, tuple(self.outbox.entries)


@cache
def _registered() -> Eis:
    bench = Bench()
    bench.register()
    return bench.eis


@cache
def _other_ecasd() -> SecurityDomain:
    everybody = world()
    key = everybody.ecasd_key.public_key
    certificate = issue_ecasd(everybody.eum, EID_2, key, VALIDITY, entropy=SeededEntropy(b"other")).encoded
    keyset = Keyset(version=ECASD_KEYSET, certificates=(EisCertificate(1, EUM_OID, certificate),))
    return SecurityDomain(aid=ECASD, role=SdRole.ECASD, keysets=(keyset,))


def other_eis(**changes: Any) -> Eis:
    """Another card of the same EUM, that nobody registered yet."""
    return make_eis(eid=EID_2, ecasd=_other_ecasd(), **changes)


def _told(receiver: Oid, function: Function, message: object) -> Told:
    if isinstance(message, PlmaNotification):
        return receiver, function.interface, function.name, None, None
    assert isinstance(message, ProfileNotification)
    return receiver, function.interface, function.name, message.iccid, getattr(message, "mno_id", None)


def perform(card: PaperCard, step: CardStep) -> Any:
    """Do a step on a card."""
    if isinstance(step, RunCommands):
        return card.run(step.script)
    if isinstance(step, RunTlvs):
        return card.run_profile(step.script)
    return card.reset()


def request(function: Function, requester: Oid | None = None, **values: Any) -> m.Request:
    """A request; what is not said has its value from the table."""
    names = {each.name for each in fields(function.request)}
    needed = {each.name for each in fields(function.request) if each.name in _DEFAULTS}
    values = {name: _DEFAULTS[name] for name in needed} | values
    if "eis" in names:
        values.setdefault("eis", wrap_keys(other_eis(), TRANSPORT))
    if "mno_id" in names:
        values.setdefault("mno_id", MNO_OID)
    made = function.request(call=m.Call(requester or CALLERS[function.interface]), **values)  # type: ignore[call-arg]
    assert isinstance(made, m.Request)
    return made


def states(eis: Eis) -> Sequence[tuple[Iccid, ProfileState]]:
    """The profiles of a card."""
    return sorted((each.iccid, each.state) for each in eis.profiles)
