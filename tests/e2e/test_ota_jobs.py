# SPDX-License-Identifier: Apache-2.0
"""The SM-SR's process ends in the middle of a provisioning, and another one completes it from the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from apdu.errors import M2mError
from apdu.gp.codes import LifeCycle
from apdu.ids import ISD_P_LOAD_FILE, ISD_P_MODULE
from apdu.keys.certificate import Certificate
from apdu.keys.entropy import Entropy
from apdu.keys.secret import KeySet
from apdu.script import ApduScript
from smdp.scripts.download import Download, download_profile
from smdp.scripts.establish import KeyEstablishment, establish_isdp_keyset
from smsr.api.eis_parts import ProfileInfo, ProfileState, SubscriptionAddress
from smsr.ota.carrier import Way
from smsr.ota.jobs import ES5, Arguments, Jobs, Procedure, Recovered
from smsr.ota.journal import Order, SqliteJournal
from smsr.scripts.audit import isd_p_states
from smsr.upkeep import with_profile
from tests.e2e.test_over_the_air import SECOND, executions
from tests.scale import count
from tests.support.air import EID, FIRST, Air, number_of
from tests.support.channels import Crash
from tests.unit.kit.world import MNO_OID

ORDERS = (
    Order(
        EID,
        "ES5.CreateISDP",
        arguments={"aid": str(SECOND), "memory": "0", "load file": str(ISD_P_LOAD_FILE), "module": str(ISD_P_MODULE)},
    ),
    Order(EID, "ES8.EstablishISDPKeySet"),
    Order(EID, "ES8.DownloadAndInstallation"),
    Order(EID, "ES5.EnableProfile", arguments={"aid": str(SECOND)}),
)
_TRIES = 4


class Saboteur:
    """Ends the process before or after the n-th write of the journal."""

    def __init__(self, journal: SqliteJournal, at: int, end: Callable[[], None] | None = None) -> None:
        self.writes = 0
        self._at = at
        self._end = end or _crash
        for name in ("open_job", "write_step", "write_answer", "close_job", "reserve", "keep_notification"):
            setattr(journal, name, partial(self._write, getattr(journal, name)))

    def _write(self, write: Any, *values: Any) -> Any:
        self.writes += 1
        if self.writes == self._at and self._at % 2:
            self._end()
        result = write(*values)
        if self.writes == self._at:
            self._end()
        return result


def _crash() -> None:
    raise Crash


class Provisioner:
    """An SM-SR and SM-DP that work from a journal; `process` is what one process does, from wherever that stands."""

    def __init__(self, air: Air) -> None:
        self.air = air
        self.keys: KeySet | None = None
        self.kept: Callable[[KeySet], None] = lambda keys: None
        self.restarts: list[str] = []
        self.replayed = 0

    def process(self) -> None:
        air = self.air
        if air.eis.find_isd_p(SECOND) is None:  # ES3 would have entered it
            person = air.subscribers[2]
            subscription = SubscriptionAddress(person.imsi, number_of(2).number)
            profile = ProfileInfo(
                iccid=person.iccid,
                isd_p_aid=SECOND,
                mno_id=MNO_OID,
                state=ProfileState.DISABLED,
                subscription=subscription,
            )
            air.store.put(with_profile(air.eis, profile))
        jobs = Jobs(air.ota.dispatcher, air.keeper, self.procedures(), air.entropy.fork(f"jobs {air.clock.now}"))
        open_ones = {recovered.order.name: recovered for recovered in jobs.recover(EID)}
        for order in ORDERS:
            if order.name in open_ones:
                self._go_on(jobs, order, open_ones[order.name])
            elif not self._done(order):
                self._do(jobs, order)
        air.ota.dispatcher.release(EID)
        air.wait(lambda: air.present == 2)

    def _go_on(self, jobs: Jobs, order: Order, recovered: Recovered) -> None:
        task = recovered.task
        if task is not None:
            self.replayed += 1
            self.air.wait(lambda: task.done)
            try:
                self._keep(order, task.result)
                return
            except M2mError:
                pass
        question = jobs.happened(order)
        if question is not None:
            self.air.wait(lambda: question.done)
            if question.result:
                return
        self.restarts.append(order.name)
        self._do(jobs, order)

    def _do(self, jobs: Jobs, order: Order) -> None:
        task = jobs.begin(order, self.air.way)
        self.air.wait(lambda: task.done)
        self._keep(order, task.result)

    def _done(self, order: Order) -> bool:
        """What an SM-SR's database would say: here the card's state, looked at from outside."""
        record = self.air.card.registry.find(SECOND)
        state = None if record is None else record.state
        reached = {
            "ES5.CreateISDP": state is not None,
            "ES8.EstablishISDPKeySet": self.keys is not None,
            "ES8.DownloadAndInstallation": state in (LifeCycle.DISABLED, LifeCycle.ENABLED),
            "ES5.EnableProfile": state is LifeCycle.ENABLED,
        }
        return reached[order.name]

    def _keep(self, order: Order, result: object) -> None:
        if order.name == "ES8.EstablishISDPKeySet":
            assert isinstance(result, KeySet)
            self.keys = result
            self.kept(result)

    def procedures(self) -> Mapping[tuple[str, int], Procedure]:
        air = self.air

        def establish(arguments: Arguments, entropy: Entropy) -> ApduScript[KeySet]:
            card = Certificate.parse(air.eis.info.ecasd_certificate)
            server = air.everybody.sm_dp
            request = KeyEstablishment(
                isd_p=SECOND, certificate=server.certificate, signer=server.key, card_key=card.public_key
            )
            return establish_isdp_keyset(request, entropy=entropy)

        def download(arguments: Arguments, entropy: Entropy) -> Any:
            assert self.keys is not None
            package = air.subscribers[2].package
            return download_profile(Download(isd_p=SECOND, keys=self.keys, package=package), entropy=entropy)

        return {
            **ES5,
            ("ES8.EstablishISDPKeySet", 1): Procedure(establish),
            ("ES8.DownloadAndInstallation", 1): Procedure(tlvs=download, happened=_downloaded),
        }


def _downloaded(arguments: Arguments) -> ApduScript[bool]:
    return any(found.state == LifeCycle.DISABLED for found in (yield from isd_p_states(SECOND)))


def writes_of(way: Way, path: Path) -> int:
    air = Air(way=way, journal=str(path))
    air.settle()
    saboteur = Saboteur(air.keeper, 0)
    Provisioner(air).process()
    assert air.states() == {FIRST: "DISABLED", SECOND: "ENABLED"}
    return saboteur.writes


@pytest.mark.parametrize("way", [Way.SMS, Way.HTTPS])
def test_the_process_ends_at_a_write_and_another_completes(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = writes_of(way, tmp_path / "whole")
    assert total > 20
    replayed, restarts = 0, set()
    for at in range(1, total + 1, count("journal_cut_stride")):
        air = Air(way=way, journal=str(tmp_path / f"cut {at}"))
        air.settle()
        provisioner = Provisioner(air)
        Saboteur(air.keeper, at)
        with executions(monkeypatch) as ran:
            with pytest.raises(Crash):
                provisioner.process()
            air.keeper.close()
            air.start_servers(air.entropy.fork("another process"))
            provisioner.process()
            assert [bytes(script).hex() for script, times in ran.items() if times > 1] == [], at
        assert air.states() == {FIRST: "DISABLED", SECOND: "ENABLED"}, at
        assert air.present == 2
        assert air.keeper.open_jobs(EID) == ()
        assert air.recorder.errors == []
        replayed += provisioner.replayed
        restarts |= set(provisioner.restarts)
    assert replayed
    assert "ES8.DownloadAndInstallation" in restarts  # a session was open
    assert "ES5.EnableProfile" not in restarts
