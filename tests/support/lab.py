# SPDX-License-Identifier: Apache-2.0
"""A bench: CI, EUM, SM-DP and a card, all made from one seed, with an observer that keeps internal errors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date

from apdu.channel.scp03 import SecurityLevel
from apdu.channel.scp03_host import Scp03Host
from apdu.command import CommandApdu, ResponseApdu, exchange
from apdu.command.cla import INTERINDUSTRY, class_byte
from apdu.gp.codes import LifeCycle
from apdu.ids import ISD_R, Aid, Eid
from apdu.keys.certificate import Certificate, Role, Subject, serial_number
from apdu.keys.ec import Curve, PrivateKey
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet, SecretKey
from apdu.trace import Recorder
from apdu.transport import CardTransport
from emulator.card import Card
from emulator.factory.eum import Bootstrap, CardOrder, CertificateIssuer, Eum, ManufacturedCard
from emulator.memory import Flash, JournalBackend, Memory
from emulator.memory.journal import Hook
from emulator.sd.records import IsdPRecord

EXPIRATION = date(2045, 1, 1)
EID = Eid.from_string("89001012012341234012345678901224")
CI_IDENTIFIER = bytes.fromhex("2B0601040183") + b"CI"
DP_OID = bytes.fromhex("2B06010401830101")


@dataclass
class Lab:
    """Everything of one bench. `card` is the card that is powered now; `restart` opens a new one on the same flash."""

    seed: int = 1
    lab: bool = True
    curve: Curve = Curve.P256
    memory_size: int = 512 * 1024
    bootstrap: Bootstrap | None = None
    addressing: tuple[bytes, ...] = ()
    hook: Hook | None = None
    flash: Flash = field(default_factory=Flash)
    recorder: Recorder = field(default_factory=Recorder)

    def __post_init__(self) -> None:
        self.entropy = SeededEntropy(self.seed.to_bytes(4, "big"))
        self.ci = PrivateKey.from_entropy(self.entropy.fork("ci"), self.curve)
        self.dp = PrivateKey.from_entropy(self.entropy.fork("dp"), self.curve)
        self.eum_key = PrivateKey.from_entropy(self.entropy.fork("eum"), self.curve)
        self.eum = Eum(
            identifier=b"EUM of the tests",
            key=self.eum_key,
            ci=CertificateIssuer(CI_IDENTIFIER, self.ci.public_key),
            master=SecretKey(self.entropy.fork("master").draw(32)),
            expiration=EXPIRATION,
        )
        order = CardOrder(
            eid=EID,
            lab=self.lab,
            memory=self.memory_size,
            bootstrap=self.bootstrap,
            addressing=self.addressing,
        )
        memory = Memory(JournalBackend(self.flash))
        self.made: ManufacturedCard = self.eum.manufacture(order, memory, self.entropy.fork("factory"))
        self.starts = 0
        self.card = self.restart()

    def restart(self) -> Card:
        """Power lost: a new card object on what the flash holds."""
        self.starts += 1
        self.card = Card(
            Memory(JournalBackend(self.flash, self.hook)),
            entropy=self.entropy.fork(f"card {self.starts}"),
            clock=lambda: 0.0,
            observer=self.recorder,
        )
        assert self.card.power_on() or self.recorder.errors
        return self.card

    def send(self, text: str) -> str:
        """One command without protection, both ways in upper-case hexadecimal; blanks in the command are allowed."""
        return self.card.transmit(bytes.fromhex(text)).hex().upper()

    def snapshot(self) -> dict[str, bytes]:
        """What is durable, by key: read from a copy of the flash, as a new card would."""
        return dict(JournalBackend(self.flash.copy()).items(""))

    def put_isd_p(
        self, number: int, state: LifeCycle, *, pol1: int = 0, granted: int = 0, used: int = 0, fallback: bool = False
    ) -> Aid:
        """An ISD-P's registry entry, written past the card: a state without the way that leads to it."""
        registry = self.card.registry
        aid = Aid.isd_p(number)
        registry.save(IsdPRecord(aid=aid, state=state, granted=granted, used=used, pol1=pol1))
        if fallback:
            registry.save_isd_r(replace(registry.isd_r, fallback=aid))
        self.card.memory.commit()
        return aid

    def state_of(self, aid: Aid) -> LifeCycle | None:
        """The durable state of an ISD-P; None when there is none."""
        record = self.card.registry.find(aid)
        return None if record is None else record.state

    def certificate(self, role: Role = Role.SM_DP, **changes: object) -> Certificate:
        """A certificate of the SM-DP's key, or one with something else in it."""
        subject = Subject(
            identifier=DP_OID,
            public_key=self.dp.public_key,
            expiration=EXPIRATION,
            role=role,
        )
        issuer = changes.get("issuer", self.ci)
        assert isinstance(issuer, PrivateKey)
        return Certificate.issue(subject, serial_number(self.entropy), issuer, CI_IDENTIFIER)

    @property
    def keys(self) -> KeySet:
        """The lab key set of the ISD-R."""
        assert self.made.lab is not None
        return self.made.lab

    def open_isd_r(self, channel: int = 0) -> SecureHost:
        """Select the ISD-R and open its SCP03 session."""
        host = SecureHost(self.card, self.keys, ISD_R, SecurityLevel(0x33), channel, self.entropy.draw(8))
        host.open()
        return host


class SecureHost:
    """A host that talks SCP03 to one security domain."""

    def __init__(
        self, card: CardTransport, keys: KeySet, aid: bytes, level: SecurityLevel, channel: int, challenge: bytes
    ) -> None:
        self.card = card
        self.channel = channel
        self.aid = aid
        self.session = Scp03Host(keys, level, challenge, aid, channel=channel)

    def send(self, command: CommandApdu) -> ResponseApdu:
        """One exchange without more protection."""
        return exchange(self.card, command)

    def open(self) -> None:
        """SELECT, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE."""
        assert (
            self.send(CommandApdu(class_byte(INTERINDUSTRY, self.channel), 0xA4, 0x04, 0x00, bytes(self.aid), 256)).sw
            == 0x9000
        )
        answer = self.send(self.session.initialize_update())
        assert answer.sw == 0x9000, f"{answer.sw:04X}"
        self.session.authenticated(self.send(self.session.external_authenticate(answer)))

    @staticmethod
    def parse(text: str) -> CommandApdu:
        """A command from hexadecimal digits; blanks are allowed."""
        return CommandApdu.parse(bytes.fromhex(text))

    def command(self, text: str | CommandApdu) -> ResponseApdu:
        """One protected exchange; the class of the basic channel is replaced by that of the session's."""
        command = self.parse(text) if isinstance(text, str) else text
        if not command.cla & 0x7F:  # written for the basic channel
            command = command._replace(cla=class_byte(command.cla >> 7, self.channel))
        wrapped = self.session.wrap(command)
        return self.session.unwrap(self.send(wrapped))
