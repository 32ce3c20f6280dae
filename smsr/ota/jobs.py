# SPDX-License-Identifier: Apache-2.0
"""Scripts that outlive the process that began them (design: journal).

    begin     an order becomes a job in the journal, then a task
    recover   in another process: every open job is led to where it stood, by the answers in the journal

What was sent and not answered goes on as its bearer can: an SMS packet is sent again byte for byte, an HTTPS card
comes back to the URI of its script with the answer. Where the journal does not fit the script, or a session with an
ISD-P (SCP03t) was open, nothing is replayed: the card is asked what happened, and whoever ordered it begins anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from apdu.errors import M2mError
from apdu.gp.codes import LifeCycle
from apdu.ids import Aid, Eid
from apdu.keys.entropy import Entropy, SeededEntropy
from apdu.script import ApduScript, ProfileScript
from smsr.ota.carrier import Way
from smsr.ota.dispatcher import Dispatcher
from smsr.ota.journal import Job, Journal, Order
from smsr.ota.task import JournalMismatch, Ledger, Task, command_task, profile_task
from smsr.scripts.audit import FUNCTION as AUDIT
from smsr.scripts.audit import audit, isd_p_states
from smsr.scripts.lifecycle import create_isdp, delete_profile, disable_profile, enable_profile

__all__ = ["ES5", "Jobs", "Procedure", "Recovered"]

_SEED: Final = 32
Arguments = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Procedure:
    """How a job's script is made from its arguments."""

    commands: Callable[[Arguments, Entropy], ApduScript[Any]] | None = None
    tlvs: Callable[[Arguments, Entropy], ProfileScript[Any]] | None = None
    """For SCP03t; one of both is given."""
    happened: Callable[[Arguments], ApduScript[bool]] | None = None
    """Asks the card whether the script had its effect."""

    def task(self, order: Order, seed: bytes, ledger: Ledger) -> Task[Any]:
        """The script as a task, with random bytes that are the same in every process."""
        entropy = SeededEntropy(seed)
        if self.commands is not None:
            return command_task(self.commands(order.arguments, entropy), order.name, ledger)
        assert self.tlvs is not None
        return profile_task(self.tlvs(order.arguments, entropy), order.name, ledger)


@dataclass(frozen=True, slots=True)
class Recovered:
    """An open job, and its task that goes on; None: the card has to be asked."""

    order: Order
    task: Task[Any] | None


class Jobs:
    """The jobs of all cards."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        journal: Journal,
        procedures: Mapping[tuple[str, int], Procedure],
        entropy: Entropy,
    ) -> None:
        self._dispatcher = dispatcher
        self._journal = journal
        self._procedures = procedures
        self._entropy = entropy

    def begin(self, order: Order, way: Way | None = None) -> Task[Any]:
        """Take an order; the task that does it."""
        dispatcher, procedure = self._dispatcher, self._procedures[order.name, order.version]
        seed = self._entropy.draw(_SEED)
        with dispatcher.lock:
            chosen = dispatcher.choose(order.eid, procedure.tlvs is not None, way)
            room = dispatcher.carriers[chosen].room
            job = self._journal.open_job(order, seed, room, dispatcher.chain_of(order.eid).opener)
            task = procedure.task(order, seed, self._journal.ledger(job))
            dispatcher.submit(order.eid, task, chosen)
        return task

    def recover(self, eid: Eid) -> list[Recovered]:
        """Take up what another process left, in its order."""
        with self._dispatcher.lock:
            return [Recovered(job.order, self._recover(job)) for job in self._journal.open_jobs(eid)]

    def happened(self, order: Order) -> Task[bool] | None:
        """The task that asks the card whether an order was carried out; None where that does not show."""
        question = self._procedures[order.name, order.version].happened
        if question is None:
            return None
        task = command_task(question(order.arguments), order.name)
        self._dispatcher.submit(order.eid, task)
        return task

    # ---

    def _recover(self, job: Job) -> Task[Any] | None:
        ledger = self._journal.ledger(job)
        procedure = self._procedures.get((job.order.name, job.order.version))
        if procedure is None or (procedure.tlvs is not None and job.steps):
            ledger.closed("given up: only the card knows how far it came")
            return None
        task = procedure.task(job.order, job.seed, ledger)
        chain = self._dispatcher.chain_of(job.order.eid)
        chain.opener = job.opener
        try:
            outstanding = task.replay(job.steps, job.room, chain)
        except JournalMismatch as error:
            ledger.closed(str(error))
            return None
        if not task.done:
            try:
                way = Way(job.steps[-1].bearer) if job.steps else None
                self._dispatcher.submit(job.order.eid, task, way, outstanding=outstanding)
            except M2mError as error:
                task.fail(error)
        return task


def _state(aid: Aid, *wanted: LifeCycle) -> ApduScript[bool]:
    return any(found.state in wanted for found in (yield from isd_p_states(aid)))


def _aid(arguments: Arguments) -> Aid:
    return Aid.from_string(arguments["aid"])


def _create(arguments: Arguments, entropy: Entropy) -> ApduScript[None]:
    load_file, module = Aid.from_string(arguments["load file"]), Aid.from_string(arguments["module"])
    return create_isdp(_aid(arguments), int(arguments["memory"]), load_file=load_file, module=module)


def _created(arguments: Arguments) -> ApduScript[bool]:
    return bool((yield from isd_p_states(_aid(arguments))))


def _deleted(arguments: Arguments) -> ApduScript[bool]:
    return not (yield from isd_p_states(_aid(arguments)))


ES5: Final[Mapping[tuple[str, int], Procedure]] = {
    ("ES5.CreateISDP", 1): Procedure(_create, happened=_created),
    ("ES5.EnableProfile", 1): Procedure(
        lambda arguments, entropy: enable_profile(_aid(arguments)),
        happened=lambda arguments: _state(_aid(arguments), LifeCycle.ENABLED),
    ),
    ("ES5.DisableProfile", 1): Procedure(
        lambda arguments, entropy: disable_profile(_aid(arguments)),
        happened=lambda arguments: _state(_aid(arguments), LifeCycle.DISABLED),
    ),
    ("ES5.DeleteProfile", 1): Procedure(lambda arguments, entropy: delete_profile(_aid(arguments)), happened=_deleted),
    (AUDIT, 1): Procedure(lambda arguments, entropy: audit()),
}
"""The SM-SR's own functions."""
