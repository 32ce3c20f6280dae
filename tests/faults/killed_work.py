# SPDX-License-Identifier: Apache-2.0
"""What an operator does with its cards while the servers of a lab are killed, and how long that goes on."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from threading import Event, Lock
from typing import Final

from apdu.errors import M2mError
from apdu.ids import Eid, Iccid
from smdp.api import messages as es2
from smsr.api import messages as es4
from smsr.api.eis import Eis
from smsr.api.eis_parts import Operation
from smsr.api.messages import EisResponse
from smsr.kit.oid import Oid
from tests.faults.killed_servers import Caller, Servers
from tools.lab.fill import register_cards
from tools.lab.layout import PROFILE_TYPE, Lab

__all__ = ["Plan", "Work", "eis_of", "registered", "work_on"]

_AGAIN: Final = 0.3
"""Share of calls that are made once more when they are over."""
_MOMENT: Final = 3.0
"""Seconds that a kill waits for its moment at most."""
_WITHIN: Final = 0.3
"""Seconds after its beginning at most."""
_RUNNING: Final = "SELECT number FROM call WHERE state = 'running' AND function || ' ' || identifier LIKE ?"
_IN_TRAIL: Final = {
    "EnableProfile": Operation.ENABLE,
    "DisableProfile": Operation.DISABLE,
    "DeleteProfile": Operation.DELETE,
    "AuditEIS": Operation.AUDIT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much is to happen."""

    kills: int
    provisionings: int
    """Profiles that come to a card; no more begin when there were so many, and so many kills."""
    pause: tuple[float, float]
    """Seconds between two kills, at least and at most."""
    moments: tuple[str, ...] = ("%",)
    """When to kill, in turn: the SM-SR has begun a call of which function and identifier are LIKE this."""


@dataclass
class Work:
    """What the operator does with its cards, and what it heard."""

    caller: Caller
    enough: Event = field(default_factory=Event)
    answers: Counter[str] = field(default_factory=Counter)
    effects: dict[Eid, Counter[tuple[Operation, Iccid | None]]] = field(default_factory=dict)
    """What the SM-SR said that it did for the operator itself."""
    kills: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def provision(self, eid: Eid, factory: Iccid, seed: int) -> None:
        """Download and enable, then disable or not, and delete; the profile is in stock again."""
        source, number = Random(f"provision {seed}"), 0
        while not self.enough.is_set():
            number += 1
            name = f"{eid}-{number}"
            for iccid in self._others(eid, factory, f"{name}-look"):
                self._profile("ES2.DeleteProfile", eid, iccid, f"{name}-{iccid}", source)
            head = self.caller.head(f"{name}-download")
            request = es2.DownloadProfileRequest(
                call=head, eid=eid, smsr_id=self._sm_sr, profile_type=PROFILE_TYPE, enable_profile=True
            )
            answer = self.caller.do("ES2.DownloadProfile", request, again=source.random() < _AGAIN)
            self._count("download", answer)
            if source.random() < 0.4 and isinstance(answer, es2.DownloadProfileResponse) and answer.iccid is not None:
                self._profile("ES2.DisableProfile", eid, answer.iccid, f"{name}-disable", source)

    def meddle(self, cards: list[tuple[Eid, Iccid]], seed: int) -> None:
        """Any function on any card."""
        source, number = Random(f"meddle {seed}"), 0
        while not self.enough.is_set():
            number += 1
            eid, factory = source.choice(cards)
            name = f"meddle-{seed}-{number}"
            iccid = source.choice([*self._others(eid, factory, f"{name}-look"), factory])
            function = source.choice(("EnableProfile", "DisableProfile", "EnableProfile", "DeleteProfile", "AuditEIS"))
            if function == "AuditEIS":
                request = es4.AuditEisRequest(call=self.caller.head(name), eid=eid)
                answer = self.caller.do("ES4.AuditEIS", request)
                self._count("AuditEIS", answer)
                self.has_effect(function, eid, None, answer)
            else:
                # a profile that is deleted past its SM-DP is in stock again when somebody asks for it by name only
                interface = "ES2" if function == "DeleteProfile" else "ES4"
                self._profile(f"{interface}.{function}", eid, iccid, name, source)

    def has_effect(self, function: str, eid: Eid, iccid: Iccid | None, answer: es4.Response) -> None:
        """A function of ES4 was answered."""
        if answer.status.is_success:
            with self._lock:
                self.effects.setdefault(eid, Counter())[_IN_TRAIL[function], iccid] += 1

    @property
    def provisioned(self) -> int:
        """Profiles that came to a card."""
        return sum(n for name, n in self.answers.items() if name.startswith("download EXECUTED"))

    @property
    def failed(self) -> int:
        """Downloads that came to nothing."""
        return sum(n for name, n in self.answers.items() if name.startswith("download FAILED"))

    @property
    def _sm_sr(self) -> Oid:
        return self.caller.lab.oid("sm-sr")

    def _others(self, eid: Eid, factory: Iccid, name: str) -> list[Iccid]:
        return [each.iccid for each in eis_of(self, eid, name).profiles if each.iccid != factory]

    def _profile(self, function: str, eid: Eid, iccid: Iccid, name: str, source: Random) -> None:
        head, again = self.caller.head(name), source.random() < _AGAIN
        if function.startswith("ES2"):
            request: es4.Request = es2.ProfileRequest(call=head, eid=eid, iccid=iccid, smsr_id=self._sm_sr)
        else:
            request = es4.ProfileRequest(call=head, eid=eid, iccid=iccid)
        answer = self.caller.do(function, request, again=again)
        self._count(function[4:], answer)
        if function.startswith("ES4"):
            self.has_effect(function[4:], eid, iccid, answer)

    def _count(self, what: str, answer: es4.Response) -> None:
        status = answer.status
        with self._lock:
            self.answers[f"{what} {status.status}{f' {status.code}' if status.code else ''}"] += 1


def eis_of(work: Work, eid: Eid, name: str, *, audit: bool = False) -> Eis:
    """The EIS with the operator's profiles, which are all that there are; `audit`: asked of the card."""
    kind, function = (es4.AuditEisRequest, "AuditEIS") if audit else (es4.GetEisRequest, "GetEIS")
    answer = work.caller.do(f"ES4.{function}", kind(call=work.caller.head(name), eid=eid))
    assert isinstance(answer, EisResponse)
    assert answer.eis is not None, answer.status
    if audit:
        work.has_effect(function, eid, None, answer)
    return answer.eis


def registered(lab: Lab) -> bool:
    """Whether the SM-SR knows the cards now; it is told of them."""
    try:
        register_cards(lab, lambda: None)
    except (M2mError, OSError):  # it is not there yet
        return False
    return True


def work_on(servers: Servers, caller: Caller, plan: Plan, meddlers: int) -> Work:
    """Have the operator work on all cards, and so many others meddle, while both servers are killed; then all ended."""
    work = Work(caller)
    cards = [(Eid.from_string(each.eid), Iccid.from_string(each.iccid)) for each in caller.lab.file.cards]
    with ThreadPoolExecutor(len(cards) + meddlers + 1) as pool:
        killer = pool.submit(_kill, servers, work, plan)
        others = [pool.submit(work.provision, *card, seed) for seed, card in enumerate(cards)]
        others += [pool.submit(work.meddle, cards, seed) for seed in range(meddlers)]
        try:
            while not killer.done():
                for each in others:
                    if each.done():
                        each.result()
                time.sleep(0.1)
            for each in others:
                each.result()
        finally:
            work.enough.set()
    killer.result()
    return work


def _kill(servers: Servers, work: Work, plan: Plan) -> None:
    """Until there were enough kills and enough provisionings."""
    source, names, moments = Random("kills"), cycle(("sm-sr", "sm-dp", "sm-sr")), cycle(plan.moments)
    while not work.enough.is_set():
        time.sleep(source.uniform(*plan.pause))
        if work.kills.total() < plan.kills:
            name = next(names)
            _await(work.caller.lab, next(moments))
            time.sleep(source.uniform(0, _WITHIN))
            servers.kill(name)
            servers.start(name)
            work.kills[name] += 1
        elif work.provisioned >= plan.provisionings:
            work.enough.set()


def _await(lab: Lab, moment: str) -> None:
    """Until the SM-SR runs such a call, or did not for some seconds."""
    end = time.monotonic() + _MOMENT
    with closing(sqlite3.connect(lab.path / "smsr.db")) as database:
        while not database.execute(_RUNNING, (moment,)).fetchall() and time.monotonic() < end:
            time.sleep(0.005)
