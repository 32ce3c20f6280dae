# SPDX-License-Identifier: Apache-2.0
"""SM-DP, SM-SR, network, device and card in one process, the SM-SR with nothing but the air between it and the card.

Time is a number: it goes on when nothing else moves. Short messages take a `LocalSms`, channels a `LocalChannels`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.parameters import AlgorithmParameters
from apdu.cat.codes import LocationStatus
from apdu.ids import Aid, Iccid
from apdu.keys.entropy import Entropy, SeededEntropy
from apdu.keys.secret import SecretKey
from apdu.ota.addressing import SmsAddressing
from apdu.ota.trigger import RetryPolicy
from apdu.sms.address import Address
from apdu.sms.tpdu import DeliverReport
from apdu.sms.transport import NO_TROUBLE, LocalSms, Trouble
from apdu.trace import Recorder
from emulator.card import Card
from emulator.device.device import Device, Surroundings
from emulator.device.link import VirtualLink
from emulator.device.settings import Settings
from emulator.factory.eum import Bootstrap, CardOrder, CertificateIssuer, Eum
from emulator.memory import Backend, Flash, JournalBackend, Memory
from emulator.memory.image import ImageBackend
from emulator.memory.journal import Hook
from emulator.network.auc import AuC
from emulator.network.auc import Subscriber as NetworkSubscriber
from emulator.network.network import Network
from emulator.network.sms import SmsCentre
from smdp.keystore import MemoryKeyStore
from smdp.server import Order, SmDp
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileInfo, ProfileState, SubscriptionAddress
from smsr.api.messages import AuditEisRequest, Call, ProfileRequest
from smsr.kit.sealer import Sealer
from smsr.ota.carrier import Way
from smsr.ota.journal import SqliteJournal
from smsr.ota.ota import OtaSettings, OverTheAir
from smsr.ota.push import PushSettings
from smsr.ota.sms import SmsSettings
from smsr.server import SmSr
from smsr.store import MemoryEisStore
from smsr.views import PartnerRole
from tests.e2e.world import EID
from tests.support.channels import LocalChannels
from tests.support.profile import PIN1, Subscriber, personalisation, subscriber
from tests.unit.kit.world import EUM_OID, MNO_OID, NOW, SM_DP_OID, SM_SR_OID, VALIDITY, World, world
from tools.pki import signed_eis

__all__ = ["EID", "FIRST", "SM_SR", "Air", "Clock"]

SM_SR = Address.of("+491710000001")
FIRST = Aid.isd_p(0x10)
CALL = Call(SM_DP_OID)
JOURNAL_KEY = SecretKey(b"key of a journal")
_STEPS = 2_000_000


class Clock:
    """Seconds that tests and waiting turn."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


def number_of(which: int) -> Address:
    """The MSISDN of a subscriber."""
    return Address.of(personalisation(which).msisdn or "")


@dataclass
class Air:
    """Everybody. The card leaves the factory with the profile of subscriber 1."""

    trouble: Trouble = NO_TROUBLE
    seed: str = "air"
    way: Way | None = Way.SMS
    addressing: tuple[bytes, ...] = (SmsAddressing(address=SM_SR).encode(),)
    everybody: World = field(default_factory=world)
    sms_settings: SmsSettings = field(default_factory=lambda: SmsSettings(originator=SM_SR))
    journal: str = ":memory:"
    image: Path | None = None
    """Keeps the card in a file, and uses the card that is there already."""
    hook: Hook | None = None
    """Called at every moment of a commit of the card, from the next start of the device on."""

    def __post_init__(self) -> None:
        self.clock = Clock()
        self.entropy = SeededEntropy(self.seed.encode())
        self.recorder = Recorder()
        self.flash = Flash()
        self.subscribers = {number: subscriber(number) for number in (1, 2)}
        self._manufacture()
        self.sms = LocalSms(self.entropy.fork("sms"), self.trouble)
        self.store = MemoryEisStore()
        self.channels: LocalChannels | None = None
        self.start_servers()
        self.store.add(self._eis())
        self.start_device()

    # --- parties

    def _manufacture(self) -> None:
        eum = Eum(
            identifier=self.everybody.eum.ca_identifier,
            key=self.everybody.eum.key,
            ci=CertificateIssuer(self.everybody.ci.ca_identifier, self.everybody.ci.key.public_key),
            master=SecretKey(self.entropy.fork("master").draw(32)),
            expiration=VALIDITY.end.date(),
        )
        bootstrap = Bootstrap(self.subscribers[1].package, FIRST)
        order = CardOrder(eid=EID, bootstrap=bootstrap, addressing=self.addressing)
        backend: Backend = JournalBackend(self.flash)
        if self.image is not None and not self.image.exists():
            backend = ImageBackend.create(self.image)
        self.made = eum.manufacture(order, Memory(backend), self.entropy.fork("factory"))
        if isinstance(backend, ImageBackend):
            backend.close()

    def _eis(self) -> Eis:
        """What the EUM says, and that the first profile is on the card."""
        first = ProfileInfo(
            iccid=self.subscribers[1].iccid,
            isd_p_aid=FIRST,
            mno_id=MNO_OID,
            smdp_id=SM_DP_OID,
            state=ProfileState.ENABLED,
            fall_back=True,
            subscription=SubscriptionAddress(self.subscribers[1].imsi, number_of(1).number),
        )
        eis = signed_eis(self.made, self.everybody.eum, NOW)
        return replace(eis, profiles=(first,), smsr_id=SM_SR_OID)

    def start_servers(self, entropy: Entropy | None = None) -> None:
        """An SM-SR and an SM-DP, with what their databases hold and nothing else."""
        roots = (self.everybody.ci.certificate,)
        partners = {EUM_OID: PartnerRole.EUM, SM_DP_OID: PartnerRole.SM_DP, MNO_OID: PartnerRole.MNO}
        drawn = entropy or self.entropy.fork("sm-sr")
        self.keeper = SqliteJournal(self.journal, Sealer(JOURNAL_KEY, SeededEntropy(drawn.draw(16))))
        settings = OtaSettings(
            sms=self.sms_settings,
            push=PushSettings(address=ip_address("127.0.0.1"), port=8443, retry=RetryPolicy.after(5, 10)),
        )
        self.ota = OverTheAir(
            self.store, self.sms, settings, keeper=self.keeper, entropy=drawn, clock=self.clock, observer=self.recorder
        )
        self.sms.serve(SM_SR, self.ota.sms)
        self.smsr = SmSr(SM_SR_OID, roots=roots, partners=partners, store=self.store, clock=self.clock)
        self.bearer = self.ota.bearer(EID, self.wait, way=self.way)
        self.smsr.attach(EID, self.bearer)
        self.keys = getattr(self, "keys", None) or MemoryKeyStore()
        self.smdp = SmDp(
            self.everybody.sm_dp,
            self.smsr,
            roots=roots,
            keys=self.keys,
            entropy=self.entropy.fork("sm-dp"),
            clock=self.clock,
            observer=self.recorder,
        )
        if self.channels is not None:
            self.channels.drop()  # the old process took its sockets along
            self.channels.desk, self.channels.crashed = self.ota.https, None

    # --- the card's side

    def start_device(self) -> None:
        """A new card object on what the flash holds, in a device that attaches."""
        self.starts = getattr(self, "starts", 0) + 1
        self.card = Card(
            Memory(JournalBackend(self.flash, self.hook) if self.image is None else ImageBackend(self.image)),
            entropy=self.entropy.fork(f"card {self.starts}"),
            clock=self.clock,
            observer=self.recorder,
        )
        auc = AuC(self.entropy.fork(f"auc {self.starts}"))
        for person in self.subscribers.values():
            parameters = AlgorithmParameters(AlgorithmId.MILENAGE, person.k, person.opc)
            auc.add(NetworkSubscriber(person.imsi, parameters))
        assert self.ota.https is not None
        self.channels = LocalChannels(self.ota.https, self.entropy.fork("tls"), self.clock)
        centre = SmsCentre(lambda message: self._sent(message.tpdu))
        self.device = Device(
            VirtualLink(self.card),
            clock=self.clock,
            settings=Settings(pin=PIN1, poll=None),
            surroundings=Surroundings(network=Network(auc, sms=centre), bip=self.channels),
        )
        for number in self.subscribers:
            self.sms.connect(number_of(number), self._deliver_to(number))
        self.device.power_up()

    @property
    def present(self) -> int:
        """Which subscriber the device is attached as; 0: none."""
        if self.device.identity is None or self.device.service is not LocationStatus.NORMAL:
            return 0
        return next(number for number, one in self.subscribers.items() if one.imsi == self.device.identity.imsi)

    def _deliver_to(self, number: int) -> Callable[[bytes], DeliverReport | None]:
        return lambda tpdu: self.device.deliver(tpdu) if self.present == number else None

    def _sent(self, tpdu: bytes) -> None:
        self.sms.submit(number_of(self.present), tpdu)

    # --- time

    def step(self) -> bool:
        """Let one thing happen that is due now."""
        before = self.present
        moved = self.sms.step() or self.device.step()
        if self.present != before and self.present:
            self.sms.alert(number_of(self.present))
        return moved

    def wait(self, done: Callable[[], bool]) -> None:
        """Let things happen, and time pass, until something is so."""
        for _ in range(_STEPS):
            assert self.channels is not None
            if self.channels.crashed is not None:
                raise self.channels.crashed
            if done():
                return
            if not self.step():
                self._pass_time()
        raise AssertionError("nothing comes of this waiting")

    def _pass_time(self) -> None:
        assert self.channels is not None
        times = (self.device.wake, self.ota.dispatcher.wake, self.channels.wake, self.clock.now + 1.0)
        self.clock.now = max(min(time for time in times if time is not None), self.clock.now + 0.001)
        self.ota.dispatcher.tick()
        self.channels.tick()

    def settle(self, seconds: float = 5.0) -> None:
        """Let some time pass."""
        end = self.clock.now + seconds
        self.wait(lambda: self.clock.now >= end)

    # --- what is done

    def order(self, number: int = 2, *, attempts: int = 1) -> Order:
        """The operator orders the profile of a subscriber."""
        person: Subscriber = self.subscribers[number]
        return Order(
            eid=EID,
            iccid=person.iccid,
            mno_id=MNO_OID,
            package=person.package,
            attempts=attempts,
            subscription=SubscriptionAddress(person.imsi, number_of(number).number),
        )

    def profile(self, iccid: Iccid) -> ProfileRequest:
        """A request about one profile."""
        return ProfileRequest(call=CALL, eid=EID, iccid=iccid)

    def audit(self) -> None:
        """ES3.AuditEIS."""
        self.smsr.audit_eis(AuditEisRequest(call=CALL, eid=EID)).check("ES3.AuditEIS")

    @property
    def eis(self) -> Eis:
        """What the SM-SR believes."""
        eis = self.store.get(EID)
        assert eis is not None
        return eis

    def states(self) -> dict[Aid, str]:
        """What the card holds, by name of the state as the EIS has it."""
        return {record.aid: record.state.name for record in self.card.registry.isd_ps()}
