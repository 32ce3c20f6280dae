# SPDX-License-Identifier: Apache-2.0
"""SM-SR and SM-DP are killed at any moment while an operator works on many cards: nothing is lost, or there twice.

The cards are in the SM-SR's process, so each of its ends is a power cut of all of them as well.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from threading import Event
from typing import Final

import pytest

from apdu.errors import M2mError
from apdu.gp.codes import LifeCycle
from apdu.ids import Eid, Iccid
from smdp.api import messages as es2
from smdp.config import SmDpConfig
from smdp.profiles.store import StockState, StoredProfile
from smdp.service import open_stock
from smsr.api import messages as es4
from smsr.api.eis import Eis
from smsr.api.eis_parts import ProfileState
from smsr.api.messages import EisResponse
from smsr.db.eis import SqlEisStore
from smsr.kit.oid import Oid
from smsr.kit.sealer import Sealer, read_master_key
from smsr.scripts.audit import audit
from smsr.service import MIGRATIONS
from smsr.serving.config import load_config
from smsr.serving.database import Database
from tests.faults.killed_servers import Caller, Servers, callbacks, hearing, written
from tests.scale import count, scale
from tests.support.smsc import wait_for
from tools.entropy import SystemEntropy
from tools.lab.create import create
from tools.lab.fill import fill_stock, register_cards
from tools.lab.layout import PROFILE_TYPE, Lab, open_lab
from tools.servers.inreach import CardInReach

CARDS: Final = 8
KILLS, PROVISIONINGS = count("server_kills"), count("killed_provisionings")
_AS_ON_CARD: Final = {ProfileState.ENABLED: LifeCycle.ENABLED, ProfileState.DISABLED: LifeCycle.DISABLED}


@dataclass
class _Work:
    """What the operator does with its cards."""

    caller: Caller
    enough: Event = field(default_factory=Event)
    answers: Counter[str] = field(default_factory=Counter)

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
            answer = self.caller.do("ES2.DownloadProfile", request, again=source.random() < 0.3)
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
                self._count("audit", self.caller.do("ES4.AuditEIS", request))
            else:
                # a profile that is deleted past its SM-DP is in stock again when somebody asks for it by name only
                interface = "ES2" if function == "DeleteProfile" else "ES4"
                self._profile(f"{interface}.{function}", eid, iccid, name, source)

    @property
    def provisioned(self) -> int:
        """Profiles that came to a card."""
        return sum(n for name, n in self.answers.items() if name.startswith("download EXECUTED"))

    @property
    def _sm_sr(self) -> Oid:
        return self.caller.lab.oid("sm-sr")

    def _others(self, eid: Eid, factory: Iccid, name: str) -> list[Iccid]:
        return [each.iccid for each in eis_of(self.caller, eid, name).profiles if each.iccid != factory]

    def _profile(self, function: str, eid: Eid, iccid: Iccid, name: str, source: Random) -> None:
        head, again = self.caller.head(name), source.random() < 0.3
        if function.startswith("ES2"):
            request: es4.Request = es2.ProfileRequest(call=head, eid=eid, iccid=iccid, smsr_id=self._sm_sr)
        else:
            request = es4.ProfileRequest(call=head, eid=eid, iccid=iccid)
        self._count(function[4:], self.caller.do(function, request, again=again))

    def _count(self, what: str, answer: es4.Response) -> None:
        status = answer.status
        self.answers[f"{what} {status.status}{f' {status.code}' if status.code else ''}"] += 1


def eis_of(caller: Caller, eid: Eid, name: str, function: str = "GetEIS") -> Eis:
    """The EIS with the operator's profiles: all that there are."""
    kind = es4.GetEisRequest if function == "GetEIS" else es4.AuditEisRequest
    answer = caller.do(f"ES4.{function}", kind(call=caller.head(name), eid=eid))
    assert isinstance(answer, EisResponse)
    assert answer.eis is not None, answer.status
    return answer.eis


def _killer(servers: Servers, work: _Work) -> Counter[str]:
    """Until there were enough kills and enough provisionings."""
    source, kills = Random("kills"), Counter[str]()
    while not work.enough.is_set():
        time.sleep(source.uniform(0.1, 1.5))
        if kills.total() < KILLS:
            name = source.choice(("sm-sr", "sm-sr", "sm-dp"))
            servers.kill(name)
            servers.start(name)
            kills[name] += 1
        elif work.provisioned >= PROVISIONINGS:
            work.enough.set()
    return kills


@contextmanager
def _up(path: Path) -> Iterator[tuple[Lab, Servers]]:
    create(path, CARDS, 2 * CARDS)
    lab = open_lab(path)
    fill_stock(lab)
    servers = Servers(lab)
    try:
        servers.start("sm-sr")
        wait_for(lambda: _registered(lab), 30)
        servers.start("sm-dp")
        yield lab, servers
    finally:
        servers.close()


def _registered(lab: Lab) -> bool:
    try:
        register_cards(lab, lambda: None)
    except (M2mError, OSError):  # it is not there yet
        return False
    return True


def _run(lab: Lab, servers: Servers, caller: Caller) -> tuple[_Work, Counter[str]]:
    work = _Work(caller)
    cards = [(Eid.from_string(each.eid), Iccid.from_string(each.iccid)) for each in lab.file.cards]
    with ThreadPoolExecutor(CARDS + 3) as pool:
        killer = pool.submit(_killer, servers, work)
        others = [pool.submit(work.provision, *card, seed) for seed, card in enumerate(cards)]
        others += [pool.submit(work.meddle, cards, seed) for seed in range(2)]
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
    return work, killer.result()


def _check_card(lab: Lab, eid: Eid, eis: Eis) -> set[Iccid]:
    """The EIS is what the card says; the profiles that it holds."""
    held = CardInReach.from_image(lab.image(str(eid)), SystemEntropy())
    found = held.bearer.run(audit())
    held.close()
    on_card = {each.aid: (each.state, each.fall_back) for each in found.isd_ps}
    assert {each.isd_p_aid: (_AS_ON_CARD.get(each.state), each.fall_back) for each in eis.profiles} == on_card
    assert eis.remaining_memory == found.resources.free_nonvolatile
    assert sum(state == LifeCycle.ENABLED for state, _ in on_card.values()) == 1
    return {each.iccid for each in eis.profiles}


def _check_stock(stock: list[StoredProfile], held: dict[Eid, set[Iccid]]) -> None:
    """Each profile is where the stock says."""
    on_card = {iccid: eid for eid, iccids in held.items() for iccid in iccids}
    for each in stock:
        assert each.operation == "", each
        assert (each.state is StockState.DOWNLOADED) == (each.iccid in on_card), each
        if each.state is StockState.DOWNLOADED:
            assert each.eid == on_card[each.iccid], each


@pytest.mark.timeout(300 if scale() == "ci" else 14_400)
def test_servers_that_are_killed_while_they_work(tmp_path: Path) -> None:
    with _up(tmp_path / "lab") as (lab, servers), hearing(lab) as caller:
        work, kills = _run(lab, servers, caller)
        print(kills, work.answers)
        assert min(kills.values()) > 0
        failed = sum(n for name, n in work.answers.items() if name.startswith("download FAILED"))
        assert failed * 10 < work.provisioned, work.answers  # what was interrupted is brought to its end
        eids = [Eid.from_string(each.eid) for each in lab.file.cards]
        said = {eid: eis_of(caller, eid, f"last-{eid}") for eid in eids}
        for eid, eis in said.items():
            assert eis_of(caller, eid, f"audit-{eid}", "AuditEIS").profiles == eis.profiles
        wait_for(lambda: caller.asynchronous <= callbacks(lab).keys(), 30)
        servers.stop()
    for name, messages in callbacks(lab).items():
        assert all(each == written(caller.answers[name]) for each in messages), name
    sealer = Sealer(read_master_key(lab.path / "smsr.master"), SystemEntropy())
    database = Database(f"sqlite:///{lab.path}/smsr.db", [MIGRATIONS])
    store, held = SqlEisStore(database, sealer), {}
    for eid in said:
        kept = store.get(eid)
        assert kept is not None
        assert store.verify_trail(eid) > 0
        held[eid] = _check_card(lab, eid, kept)
    database.close()
    with open_stock(load_config(lab.sm_dp, SmDpConfig), lab.path, SystemEntropy()) as stock:
        _check_stock(list(stock), held)
