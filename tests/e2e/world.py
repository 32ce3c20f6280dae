# SPDX-License-Identifier: Apache-2.0
"""Everybody: CI, EUM, SM-DP, SM-SR and a lab card in a reader, from one seed."""

from __future__ import annotations

from dataclasses import dataclass, field

from apdu.ids import Eid, Iccid
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import SecretKey
from apdu.trace import Recorder, TracingTransport
from emulator.card import Card
from emulator.factory.eum import CardOrder, CertificateIssuer, Eum
from emulator.memory import Flash, JournalBackend, Memory
from smdp.keystore import MemoryKeyStore
from smdp.server import Order, SmDp
from smsr.api.messages import AuditEisRequest, Call, ProfileRequest, RegisterEisRequest
from smsr.bearers.reader import ReaderBearer
from smsr.kit.pki import Validity
from smsr.server import SmSr
from smsr.store import MemoryEisStore
from smsr.views import PartnerRole
from tests.unit.kit.world import EUM_OID, MNO_OID, NOW, SM_DP_OID, SM_SR_OID, VALIDITY, World, world
from tools.pki import signed_eis

EID = Eid.create("8904903200000000000000000001")
CALL = Call(SM_DP_OID)


@dataclass
class Provisioning:
    """All servers and one card; `card` is the one that is powered now."""

    seed: str = "provisioning"
    everybody: World = field(default_factory=world)
    recorder: Recorder = field(default_factory=Recorder)
    validity: Validity = VALIDITY

    def __post_init__(self) -> None:
        entropy = SeededEntropy(self.seed.encode())
        self.flash = Flash()
        eum = Eum(
            identifier=self.everybody.eum.ca_identifier,
            key=self.everybody.eum.key,
            ci=CertificateIssuer(self.everybody.ci.ca_identifier, self.everybody.ci.key.public_key),
            master=SecretKey(entropy.draw(32)),
            expiration=self.validity.end.date(),
        )
        order = CardOrder(eid=EID)
        self.made = eum.manufacture(order, Memory(JournalBackend(self.flash)), entropy.fork("factory"))
        self.entropy = entropy
        self.card = self._power()
        roots = (self.everybody.ci.certificate,)
        partners = {
            EUM_OID: PartnerRole.EUM,
            SM_DP_OID: PartnerRole.SM_DP,
            MNO_OID: PartnerRole.MNO,
        }
        self.store = MemoryEisStore()
        self.smsr = SmSr(SM_SR_OID, roots=roots, partners=partners, store=self.store, clock=lambda: NOW)
        self.keys = MemoryKeyStore()
        self.smdp = SmDp(
            self.everybody.sm_dp,
            self.smsr,
            roots=roots,
            keys=self.keys,
            entropy=entropy.fork("sm-dp"),
            clock=lambda: NOW,
            observer=self.recorder,
        )
        assert self.made.lab is not None
        self.bearer = ReaderBearer(
            TracingTransport(self, self.recorder, clock=lambda: NOW),
            self.made.lab,
            entropy=entropy.fork("sm-sr"),
            clock=lambda: NOW,
            reset=lambda: self.card.reset(),
            observer=self.recorder,
        )

    def _power(self) -> Card:
        card = Card(
            Memory(JournalBackend(self.flash)),
            entropy=self.entropy.fork("card"),
            clock=lambda: NOW,
            observer=self.recorder,
        )
        card.power_on()
        return card

    def transmit(self, command: bytes) -> bytes:
        """The card, whichever is there now."""
        return self.card.transmit(command)

    def restart(self) -> None:
        """Power lost and back: a new card on what the flash holds."""
        self.card = self._power()

    def register(self) -> None:
        """ES1.RegisterEIS, and the card is in the reader."""
        eis = signed_eis(self.made, self.everybody.eum, NOW)
        response = self.smsr.register_eis(RegisterEisRequest(call=Call(EUM_OID), eis=eis))
        response.check("ES1.RegisterEIS")
        self.smsr.attach(EID, self.bearer)

    def order(self, package: bytes, iccid: Iccid) -> Order:
        """An order of the operator's."""
        return Order(eid=EID, iccid=iccid, mno_id=MNO_OID, package=package)

    def profile(self, iccid: Iccid) -> ProfileRequest:
        """A request about one profile."""
        return ProfileRequest(call=CALL, eid=EID, iccid=iccid)

    def audit(self) -> None:
        """ES3.AuditEIS."""
        self.smsr.audit_eis(AuditEisRequest(call=CALL, eid=EID)).check("ES3.AuditEIS")
