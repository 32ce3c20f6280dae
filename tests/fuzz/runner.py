# SPDX-License-Identifier: Apache-2.0
"""Runs cases against a card and judges its answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random

from apdu.command.apdu import CommandApdu, ResponseApdu
from apdu.command.exchange import exchange
from apdu.errors import DecodeError
from emulator.memory import Moment
from tests.fuzz.generator import Case, next_case, well_formed
from tests.fuzz.stages import Stage, quiet_lab, recorded
from tests.support.lab import SecureHost

LEGAL = frozenset(bytes.fromhex("616263646567 68696A6B6C6D6E 90 91 93 94 98"))
"""First bytes of status words that a card may answer (card.md 2.11); 6F00 is an internal error."""
SUCCESS = frozenset((0x61, 0x90, 0x91))
OUT_OF_STEP = frozenset((0x6700, 0x6881, 0x6884, 0x6982, 0x6E00))
"""Answers after which the two ends of a session count differently, or there is none any more."""
CASES_PER_STATE = 60
SECONDS = 5.0
"""No case takes as long, on a machine that does other things too. Not a benchmark."""


@dataclass
class Tally:
    """What became of the cases."""

    cases: int = 0
    labelled: int = 0
    written: int = 0
    accepted: int = 0
    slowest: float = 0.0
    digest: bytes = b""
    labels: set[str] = field(default_factory=set)


class Runner:
    """Cases in one state of the card, from one seed."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.seed = seed
        self.random = Random(seed)
        self.tally = Tally()
        self._writes = 0
        self._lab = quiet_lab(self._hook)
        self._host: SecureHost | None = None
        self._corpus: list[bytes] = []
        self._left = 0

    def _hook(self, moment: Moment) -> None:
        self._writes += moment is Moment.BEFORE

    def run(self, number: int) -> Tally:
        """Run so many cases."""
        while self.tally.cases < number:
            if self._left <= 0:
                self._fresh()
            self._left -= 1
            self._one()
        return self.tally

    def _fresh(self) -> None:
        self._lab.flash = recorded().media[self.stage.medium].copy()
        self._lab.restart()
        self._host = self.stage.prepare(self._lab)
        self._corpus = list(self.stage.corpus)
        if self.stage.per_state is not None:
            self._corpus += self.stage.per_state(self._lab)
        self._left = CASES_PER_STATE if self.stage.per_state is None else 2

    def _one(self) -> None:
        case = next_case(self._corpus, self.random)
        writes, started = self._writes, time.perf_counter()
        sent, answer = self._send(case)
        self.tally.slowest = max(self.tally.slowest, time.perf_counter() - started)
        self.tally.cases += 1
        self.tally.digest = sha256(self.tally.digest + answer.encode()).digest()
        self._judge(case, sent, answer, self._writes - writes)
        if self._writes != writes and self.random.random() < 0.3:
            self._left = 0

    # --- sending

    def _send(self, case: Case) -> tuple[bytes, ResponseApdu]:
        """The command itself, through the session or around it."""
        host, raw = self._host, case.raw
        if host is None or self.random.random() < 0.05:
            if host is not None:
                self._left = 0
            return raw, self._raw(raw)
        try:
            plain = CommandApdu.parse(raw)
        except DecodeError:
            return self._broken_length(host, raw)
        if host.channel and not plain.cla & 0x7F:
            plain = plain._replace(
                cla=plain.cla & 0x80 | (0x40 | host.channel - 4 if host.channel > 3 else host.channel)
            )
        wrapped = host.session.wrap(plain)
        if self.random.random() < 0.1:
            return self._broken_protection(wrapped)
        answer = exchange(self._lab.card, wrapped)
        if answer.sw in OUT_OF_STEP or plain.cla & 0x10 or not plain.cla & 0x80:
            self._left = 0
            return raw, answer
        return raw, host.session.unwrap(answer)

    def _raw(self, raw: bytes) -> ResponseApdu:
        answer = self._lab.card.transmit(raw)
        assert len(answer) >= 2, self._where(raw, "no status word")
        return ResponseApdu.parse(answer)

    def _broken_length(self, host: SecureHost, raw: bytes) -> tuple[bytes, ResponseApdu]:
        """What has no right length cannot be protected: a command that was protected gets the same length."""
        self._left = 0
        wrapped = host.session.wrap(CommandApdu(0x80, 0xF2, 0x40, 0x02, b"\x4f\x00", 256)).encode()
        changed = bytes((wrapped[0],)) + (raw[1:] if len(raw) < len(wrapped) else wrapped[1:] + raw[len(wrapped) :])
        changed = changed if len(raw) else b""
        if well_formed(changed):
            changed = changed[:3]
        return changed, self._raw(changed)

    def _broken_protection(self, wrapped: CommandApdu) -> tuple[bytes, ResponseApdu]:
        """One bit of header, data or MAC: 6982 and nothing else."""
        self._left = 0
        place = self.random.randrange(len(wrapped.data) + 3)
        bit = 1 << self.random.randrange(8)
        if place < 3:
            header = [wrapped.ins, wrapped.p1, wrapped.p2]
            header[place] ^= bit
            changed = wrapped._replace(ins=header[0], p1=header[1], p2=header[2])
        else:
            data = bytearray(wrapped.data)
            data[place - 3] ^= bit
            changed = wrapped._replace(data=bytes(data))
        writes = self._writes
        raw = changed.encode()
        answer = self._raw(raw)
        if changed.ins not in (0x82, 0xC0):  # EXTERNAL AUTHENTICATE and GET RESPONSE have answers of their own
            assert answer.sw in (0x6982, 0x6881, 0x6E00, 0x6882, 0x6884), self._where(
                raw, f"wrong MAC answered {answer.sw:04X}"
            )
        assert answer.sw >> 8 not in SUCCESS, self._where(raw, f"wrong MAC answered {answer.sw:04X}")
        assert self._writes == writes, self._where(raw, "wrong MAC, and something was written")
        return raw, answer

    # --- judging

    def _judge(self, case: Case, sent: bytes, answer: ResponseApdu, writes: int) -> None:
        errors = self._lab.recorder.errors
        assert not errors, self._where(case.raw, f"{case.how}: {errors[-1]!r}", sent)
        assert answer.sw >> 8 in LEGAL, self._where(case.raw, f"{case.how}: {answer.sw:04X}", sent)
        assert self.tally.slowest < SECONDS, self._where(case.raw, f"{self.tally.slowest:.1f} s", sent)
        self.tally.written += writes > 0
        self.tally.accepted += answer.sw >> 8 in SUCCESS
        if case.label is not None:
            self.tally.labelled += 1
            self.tally.labels.add(case.how)
            assert answer.sw >> 8 not in SUCCESS, self._where(case.raw, f"{case.label}: {answer.sw:04X}", sent)
            assert writes == 0, self._where(case.raw, f"{case.label}: {answer.sw:04X}, and it wrote", sent)
        if writes:
            self._check_registry(case.raw)
        if self._host is None:
            sessions = (channel.session for channel in self._lab.card.channels.values())
            assert all(session is None or session.level is None for session in sessions), self._where(case.raw, "level")

    def _check_registry(self, raw: bytes) -> None:
        """I1, I2, I5 after everything that wrote."""
        registry = self._lab.card.registry
        records = list(registry.isd_ps())
        assert sum(record.state == 0x3F for record in records) == 1, self._where(raw, "not one enabled profile")
        assert registry.find(registry.isd_r.fallback or b"\x00" * 5) is not None, self._where(raw, "no fall-back")
        assert registry.free() >= 0, self._where(raw, "memory")

    def _where(self, raw: bytes, what: str, sent: bytes = b"") -> str:
        through = f" (sent as {sent.hex()})" if sent and sent != raw else ""
        return f"{what}\nstage {self.stage.name!r}, seed {self.seed}, case {self.tally.cases}: {raw.hex()}{through}"
