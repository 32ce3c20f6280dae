# SPDX-License-Identifier: Apache-2.0
"""The demo's flow against one bench, in steps that can each be done again: an SM-SR that was interrupted asks the card.

Two profiles: one from the factory, which holds the Fall-Back Attribute, and one that is created, downloaded, enabled,
used, disabled and deleted. The scripts are the project's own; the link in between keeps what the card said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from apdu.aka.algorithm import AlgorithmId
from apdu.aka.parameters import AlgorithmParameters
from apdu.channel.scp03 import SecurityLevel
from apdu.gp.codes import LifeCycle
from apdu.gp.keys import PutKey, PutKeyEntry
from apdu.ids import Aid
from apdu.keys.certificate import Certificate
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet, SecretKey
from emulator.device.modem import Modem
from emulator.factory.eum import Bootstrap
from emulator.network.attach import attach
from emulator.network.auc import AuC
from emulator.network.auc import Subscriber as NetworkSubscriber
from smdp.scripts.download import Download, download_profile
from smdp.scripts.establish import KeyEstablishment, establish_isdp_keyset
from smsr.bearers.reader import ReaderBearer
from smsr.scripts.audit import Audit, audit, isd_p_states
from smsr.scripts.lifecycle import create_isdp, delete_profile, disable_profile, enable_profile
from tests.support.lab import Lab, SecureHost
from tests.support.profile import ADM1, Subscriber, subscriber

FIRST, SECOND = Aid.isd_p(0x10), Aid.isd_p(0x13)
_QUOTA = 0x4000


def flow_lab(seed: int = 1) -> Lab:
    """A bench whose card left the factory with the first subscriber's profile."""
    return Lab(seed=seed, bootstrap=Bootstrap(subscriber(1).package, FIRST))


@dataclass
class Seen:
    """What the card has let out: it must never go back behind it."""

    exchanges: list[tuple[bytes, bytes]] = field(default_factory=list)
    counters: dict[bytes, int] = field(default_factory=dict)
    """Largest sequence counter by selected application."""
    tries: dict[int, int] = field(default_factory=dict)
    """Tries left that a wrong PIN was answered with, by reference."""
    challenges: list[bytes] = field(default_factory=list)
    """Challenges that were answered with RES: none is answered again."""


class Link:
    """The wire to whichever card is powered now, with a memory of what went over it."""

    def __init__(self, lab: Lab, seen: Seen) -> None:
        self.lab = lab
        self.seen = seen
        self._selected = b""
        self._command = b""

    def transmit(self, command: bytes) -> bytes:
        answer = self.lab.card.transmit(command)
        self.seen.exchanges.append((command, answer))
        self._watch(command, answer)
        return answer

    def reset(self) -> bytes:
        return self.lab.card.reset() if self.lab.card.powered else self.lab.card.power_on()

    def _watch(self, command: bytes, answer: bytes) -> None:
        ins = command[1]
        if ins == 0xA4 and command[2] == 0x04:
            self._selected = command[5 : 5 + command[4]]
        elif ins == 0x50 and len(answer) == 34:
            assert int.from_bytes(answer[29:32], "big") > self.seen.counters.get(self._selected, 0), "counter repeated"
            self.seen.counters[self._selected] = int.from_bytes(answer[29:32], "big")
        elif ins == 0x20 and answer[0] == 0x63:
            self.seen.tries[command[3]] = answer[1] & 0x0F
        elif ins == 0x20 and answer == b"\x90\x00":
            self.seen.tries.pop(command[3], None)
        elif ins == 0x88 and answer[:1] == b"\xdb":
            self.seen.challenges.append(command)


class Flow:
    """One run. `at` is the step under way; `run` goes on from there."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.seen = Seen()
        self.link = Link(lab, self.seen)
        self.entropy = SeededEntropy(b"flow" + lab.seed.to_bytes(4, "big"))
        self.profiles = {FIRST: subscriber(1), SECOND: subscriber(2)}
        self.auc = AuC(self.entropy.fork("auc"))
        for profile in self.profiles.values():
            self.auc.add(
                NetworkSubscriber(profile.imsi, AlgorithmParameters(AlgorithmId.MILENAGE, profile.k, profile.opc))
            )
        self.keys: KeySet | None = None
        self.audited: Audit | None = None
        self.at = 0
        self.steps: list[tuple[str, Callable[[], None]]] = [
            ("start", self._start),
            ("attach first", lambda: self._attach(FIRST)),
            ("create-isdp", self._create),
            ("establish-keyset", self._establish),
            ("put-key", self._put_key),
            ("download", self._download),
            ("enable", self._enable),
            ("attach", lambda: self._attach(SECOND)),
            ("wrong pin", self._wrong_pin),
            ("write", self._write),
            ("attach again", lambda: self._attach(SECOND)),
            ("audit", self._audit),
            ("disable", self._disable),
            ("attach fall-back", lambda: self._attach(FIRST)),
            ("delete", self._delete),
            ("last audit", self._audit),
        ]

    def run(self) -> None:
        """Do every step that is left."""
        self.modem = Modem(self.link)
        self.modem.start()
        self.bearer = ReaderBearer(
            self.modem,
            self.lab.keys,
            entropy=self.entropy.fork(f"bearer {self.lab.starts}"),
            clock=lambda: 0.0,
            reset=self._settle,
        )
        while self.at < len(self.steps):
            self.steps[self.at][1]()
            self.at += 1

    @property
    def step(self) -> str:
        """The name of the step under way."""
        return self.steps[self.at][0] if self.at < len(self.steps) else "the end"

    def state(self, aid: Aid = SECOND) -> LifeCycle | None:
        """What GET STATUS says."""
        found = self.bearer.run(isd_p_states(aid))
        return LifeCycle(found[0].state) if found else None

    def package(self) -> Subscriber:
        """The profile that is downloaded."""
        return self.profiles[SECOND]

    # --- steps: each looks first what is still to do

    def _start(self) -> None:
        assert self.lab.card.atr

    def _settle(self) -> None:
        before = self.modem.resets
        self.modem.settle()
        if self.modem.resets == before:  # the card asks for no reset any more: it had one, or never got to ask
            self.modem.start()

    def _create(self) -> None:
        if self.state() is None:
            self.bearer.run(create_isdp(SECOND, _QUOTA))

    def _establish(self) -> None:
        state = self.state()
        if state is LifeCycle.SELECTABLE or (state is LifeCycle.PERSONALIZED and self.keys is None):
            lab = self.lab
            certificate = Certificate.parse(lab.made.certificate)
            request = KeyEstablishment(
                isd_p=SECOND, certificate=lab.certificate(), signer=lab.dp, card_key=certificate.public_key
            )
            self.keys = None
            self.seen.counters.pop(bytes(SECOND), None)  # a new set counts from its beginning
            self.keys = self.bearer.run(
                establish_isdp_keyset(request, entropy=self.entropy.fork(f"ephemeral {lab.starts}"))
            )

    def _put_key(self) -> None:
        """A second key set, by PUT KEY in a session with the ISD-P itself; it may be there from a try before."""
        if self.state() is not LifeCycle.PERSONALIZED:
            return
        if self.keys is None:
            self._establish()
        assert self.keys is not None
        assert self.modem.transmit(bytes.fromhex("0070000001")) == b"\x01\x90\x00"
        host = SecureHost(self.modem, self.keys, SECOND, SecurityLevel.ALL, 1, self.entropy.fork("host").draw(8))
        host.open()
        new = tuple(SecretKey(bytes((number,)) * 16) for number in (1, 2, 3))
        entries = tuple(PutKeyEntry.protect(key, self.keys.dek) for key in new)
        there = bytes.fromhex("C00401318810") in host.command("80CA00E000").data
        answer = host.command(PutKey(0x31, entries, 0x01, 0x31 if there else 0x00).command())
        assert answer.sw == 0x9000
        assert self.modem.transmit(bytes.fromhex("00708001")) == b"\x90\x00"

    def _download(self) -> None:
        if self.state() is LifeCycle.PERSONALIZED:
            assert self.keys is not None
            download = Download(isd_p=SECOND, keys=self.keys, package=self.package().package)
            entropy = self.entropy.fork(f"challenge {self.lab.starts}")
            self.bearer.run_profile(download_profile(download, entropy=entropy))

    def _enable(self) -> None:
        if self.state() is LifeCycle.DISABLED:
            self.bearer.run(enable_profile(SECOND))
        assert self.state() is LifeCycle.ENABLED
        self.bearer.reset()

    def _attach(self, aid: Aid) -> None:
        self.bearer.reset()
        result = attach(self.modem, self.auc)
        assert result.imsi == self.profiles[aid].imsi
        assert result.iccid == self.profiles[aid].iccid

    def _verify(self, reference: int, pin: str) -> int:
        command = bytes((0x00, 0x20, 0x00, reference, 0x08)) + pin.encode().ljust(8, b"\xff")
        return int.from_bytes(self.modem.transmit(command)[-2:], "big")

    def _wrong_pin(self) -> None:
        self.modem.transmit(bytes.fromhex("00A40004023F00"))
        assert self._verify(0x0A, "00000000") & 0xFFF0 == 0x63C0

    def _write(self) -> None:
        for command in ("00A40004023F00", "00A40004027FFF"):
            self.modem.transmit(bytes.fromhex(command))
        self.modem.transmit(bytes.fromhex("00A4040C07A0000000871002"))
        assert self._verify(0x0A, ADM1) == 0x9000
        assert self.modem.transmit(bytes.fromhex("00A4000C026F46")) == b"\x90\x00"  # EF.SPN
        assert self.modem.transmit(bytes.fromhex("00D6000005") + b"\x01M2M\xff") == b"\x90\x00"
        assert self.modem.transmit(bytes.fromhex("00B0000005")) == b"\x01M2M\xff\x90\x00"

    def _audit(self) -> None:
        self.audited = self.bearer.run(audit())

    def _disable(self) -> None:
        if self.state() is LifeCycle.ENABLED:
            self.bearer.run(disable_profile(SECOND))
        assert self.state() is LifeCycle.DISABLED
        assert self.state(FIRST) is LifeCycle.ENABLED
        self.bearer.reset()

    def _delete(self) -> None:
        if self.state() is not None:
            self.bearer.run(delete_profile(SECOND))
        assert self.state() is None
