# SPDX-License-Identifier: Apache-2.0
"""What has to be so when servers were killed while they worked: in answers, cards, EIS and stock."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from apdu.gp.codes import LifeCycle
from apdu.ids import Eid, Iccid
from smdp.config import SmDpConfig
from smdp.profiles.store import StockState, StoredProfile
from smdp.service import open_stock
from smsr.api.eis import Eis
from smsr.api.eis_parts import Operation, ProfileState
from smsr.db.eis import SqlEisStore
from smsr.kit.sealer import Sealer, read_master_key
from smsr.scripts.audit import audit
from smsr.service import MIGRATIONS
from smsr.serving.config import load_config
from smsr.serving.database import Database
from tests.faults.killed_servers import callbacks, written
from tests.faults.killed_work import Work, eis_of
from tests.support.smsc import wait_for
from tools.entropy import SystemEntropy
from tools.lab.layout import Lab
from tools.servers.inreach import CardInReach

__all__ = ["check_after", "check_while_up"]

_AS_ON_CARD: Final = {ProfileState.ENABLED: LifeCycle.ENABLED, ProfileState.DISABLED: LifeCycle.DISABLED}
_OPEN: Final = "SELECT function, step FROM call WHERE state <> 'done'"
_TOLD: Final = 150.0
"""Seconds until all was told: what a process was sending for the second time when it ended, another sends after 120."""
_MAX_TRAIL: Final = 1000
"""Records that an SM-SR keeps of one card."""


def check_while_up(work: Work) -> None:
    """Both servers were killed, downloads came to their end, each EIS is what the card says, callbacks have come."""
    print(work.kills, work.answers)
    assert set(work.kills) == {"sm-sr", "sm-dp"}
    assert work.failed * 10 < work.provisioned, work.answers  # what was interrupted is brought to its end
    for card in work.caller.lab.file.cards:
        eid = Eid.from_string(card.eid)
        said = eis_of(work, eid, f"last-{eid}")
        assert eis_of(work, eid, f"audit-{eid}", audit=True).profiles == said.profiles
    lab = work.caller.lab
    wait_for(lambda: not any(_rows(path, _OPEN) for path in _databases(lab)), 30)
    wait_for(lambda: work.caller.asynchronous <= callbacks(lab).keys(), _TOLD)


def check_after(work: Work) -> None:
    """When nothing runs any more: each call has one answer and one effect; EIS, card and stock say the same."""
    lab = work.caller.lab
    for name, messages in callbacks(lab).items():
        assert all(each == written(work.caller.answers[name]) for each in messages), name
    for path in _databases(lab):
        _check_calls(path)
    sealer = Sealer(read_master_key(lab.path / "smsr.master"), SystemEntropy())
    database = Database(f"sqlite:///{lab.path}/smsr.db", [MIGRATIONS])
    store, held = SqlEisStore(database, sealer), {}
    for card in lab.file.cards:
        eid = Eid.from_string(card.eid)
        kept = store.get(eid)
        assert kept is not None
        assert store.verify_trail(eid) > 0
        _check_trail(work, kept)
        held[eid] = _check_card(lab, kept)
    database.close()
    with open_stock(load_config(lab.sm_dp, SmDpConfig), lab.path, SystemEntropy()) as stock:
        _check_stock(list(stock), held)


def _databases(lab: Lab) -> tuple[Path, Path]:
    return lab.path / "smsr.db", lab.path / "smdp.db"


def _rows(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(query).fetchall()


def _check_calls(path: Path) -> None:
    """All are over, each called back with one answer, and some were begun by one process and ended by another."""
    assert _rows(path, _OPEN) == []
    told = _rows(path, "SELECT DISTINCT operation, message FROM outbox WHERE operation <> ''")
    assert len(told) == len({operation for operation, _ in told})
    ((attempts,),) = _rows(path, "SELECT max(attempts) FROM call")
    assert attempts > 1, f"{path.stem} was killed while it had nothing to do"


def _check_trail(work: Work, eis: Eis) -> None:
    """What the operator was told that was done stands in the trail, and as often."""
    operator = work.caller.lab.oid("operator")
    recorded = Counter(
        (each.operation, each.iccid)
        for each in eis.audit_trail
        if each.requester == operator and each.status is not None and each.status.is_success
    )
    told = work.effects[eis.eid]
    assert recorded == told or (len(eis.audit_trail) == _MAX_TRAIL and recorded <= told), (recorded, told)


def _check_card(lab: Lab, eis: Eis) -> set[Iccid]:
    """The EIS is what the card says, and the trail what it did; the profiles that it holds."""
    held = CardInReach.from_image(lab.image(str(eis.eid)), SystemEntropy())
    found, isd_r = held.bearer.run(audit()), held.card.registry.isd_r
    held.close()
    if len(eis.audit_trail) < _MAX_TRAIL:
        assert _switches(eis) == isd_r.sequence - isd_r.attached  # it counts what it notifies of
    on_card = {each.aid: (each.state, each.fall_back) for each in found.isd_ps}
    assert {each.isd_p_aid: (_AS_ON_CARD.get(each.state), each.fall_back) for each in eis.profiles} == on_card
    assert eis.remaining_memory == found.resources.free_nonvolatile
    assert sum(state == LifeCycle.ENABLED for state, _ in on_card.values()) == 1
    return {each.iccid for each in eis.profiles}


def _switches(eis: Eis) -> int:
    """How often another profile was enabled, as the trail says: what failed did nothing."""
    (fall_back,) = [each.iccid for each in eis.profiles if each.fall_back]
    enabled, found = fall_back, 0
    for each in eis.audit_trail:
        done = each.status is not None and each.status.is_success
        if done and each.iccid is not None and each.operation == Operation.ENABLE:
            enabled, found = each.iccid, found + 1
        elif done and each.iccid == enabled and each.operation in (Operation.DISABLE, Operation.DELETE):
            enabled, found = fall_back, found + 1
    assert eis.enabled is not None
    assert enabled == eis.enabled.iccid
    return found


def _check_stock(stock: list[StoredProfile], held: dict[Eid, set[Iccid]]) -> None:
    """Each profile is where the stock says."""
    on_card = {iccid: eid for eid, iccids in held.items() for iccid in iccids}
    for each in stock:
        assert each.operation == "", each
        assert (each.state is StockState.DOWNLOADED) == (each.iccid in on_card), each
        if each.state is StockState.DOWNLOADED:
            assert each.eid == on_card[each.iccid], each
