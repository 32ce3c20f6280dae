# SPDX-License-Identifier: Apache-2.0
"""A virtual eUICC as a test holds it: a card with what belongs to it, and the trace of what is said to it."""

from __future__ import annotations

from datetime import date
from typing import Final

from apdu.ids import Eid
from apdu.keys.ec import Curve, PrivateKey
from apdu.keys.entropy import SeededEntropy
from apdu.keys.secret import KeySet, SecretKey
from apdu.trace import Recorder
from apdu.trace.events import Event, LinkEvent, LinkKind, Side
from emulator.card import Card
from emulator.factory.eum import Bootstrap, CardOrder, CertificateIssuer, Eum, ManufacturedCard
from emulator.memory import Flash, JournalBackend, Memory

__all__ = ["VirtualEuicc"]

_ISSUER: Final = "89001012"
"""EIDs of an issuer that does not exist."""
_CI: Final = bytes.fromhex("2B0601040183") + b"CI"
_EUM: Final = b"EUM of a test"
_EXPIRATION: Final = date(2045, 1, 1)
_TICK: Final = 0.001


class VirtualEuicc:
    """A card that was just made, and powered when first used. It is a card transport and goes into a VirtualReader.

    The same seed makes the same card, and the same commands get the same bytes: keys, challenges and times are drawn
    from it. Time passes only when it is read.
    """

    def __init__(self, seed: str, *, profile: bytes | None = None, production: bool = False) -> None:
        entropy = SeededEntropy(seed.encode())
        self._entropy = entropy
        self._now = 0
        self._starts = 0
        self._flash = Flash()
        self._recorder = Recorder()
        self.ci_key = PrivateKey.from_entropy(entropy.fork("CI"), Curve.P256)
        """The key of the CI that the card trusts: certificates of an SM-DP are made with it."""
        self.ci_identifier = _CI
        """How the card knows that CI."""
        eum = Eum(
            identifier=_EUM,
            key=PrivateKey.from_entropy(entropy.fork("EUM"), Curve.P256),
            ci=CertificateIssuer(_CI, self.ci_key.public_key),
            master=SecretKey(entropy.fork("master").draw(32)),
            expiration=_EXPIRATION,
        )
        serial = int.from_bytes(entropy.fork("EID").draw(8), "big") % 10**22
        order = CardOrder(
            eid=Eid.create(f"{_ISSUER}{serial:022d}"),
            lab=not production,
            bootstrap=None if profile is None else Bootstrap(profile),
        )
        self.made: ManufacturedCard = eum.manufacture(
            order, Memory(JournalBackend(self._flash)), entropy.fork("factory")
        )
        """What the EUM tells an SM-SR: keys for SCP80 and SCP81, certificate."""
        self._card = self._open()

    @property
    def eid(self) -> Eid:
        """Its EID."""
        return self.made.eid

    @property
    def isd_r_keys(self) -> KeySet | None:
        """The SCP03 keys of a lab card's ISD-R; a production card has none."""
        return self.made.lab

    @property
    def events(self) -> list[Event]:
        """Everything that was said to it and that it said, as events of a trace."""
        return self._recorder.events

    @property
    def errors(self) -> list[BaseException]:
        """What went wrong inside the card itself: always a bug in it."""
        return self._recorder.errors

    # --- what a reader does with a card

    @property
    def atr(self) -> bytes:
        """The answer to the last reset; empty without power."""
        return self._card.atr

    @property
    def powered(self) -> bool:
        """Whether it has power."""
        return self._card.powered

    def power_on(self) -> bytes:
        """Give it power; returns the ATR."""
        return self._report(LinkKind.ATR, self._card.power_on())

    def reset(self) -> bytes:
        """Warm reset; returns the ATR."""
        return self._report(LinkKind.ATR, self._card.reset())

    def power_off(self) -> None:
        """Take the power away."""
        self._card.power_off()
        self._report(LinkKind.POWER_OFF, b"")

    def transmit(self, command: bytes) -> bytes:
        """One command; the answer is data || SW1 SW2. A card without power is powered first."""
        if not self._card.powered:
            self.power_on()
        self._report(LinkKind.COMMAND, bytes(command))
        return self._report(LinkKind.RESPONSE, self._card.transmit(bytes(command)))

    def cut_power(self) -> bytes:
        """Lose power and come back as a new card on the memory that survived; returns the ATR."""
        self._report(LinkKind.POWER_OFF, b"")
        self._card = self._open()
        return self.power_on()

    # ---

    def _open(self) -> Card:
        self._starts += 1
        return Card(
            Memory(JournalBackend(self._flash)),
            entropy=self._entropy.fork(f"card {self._starts}"),
            clock=self._clock,
            observer=self._recorder,
        )

    def _clock(self) -> float:
        self._now += 1
        return round(self._now * _TICK, 3)

    def _report(self, kind: LinkKind, data: bytes) -> bytes:
        self._recorder.event(LinkEvent(time=self._clock(), side=Side.READER, kind=kind, data=data))
        return data
