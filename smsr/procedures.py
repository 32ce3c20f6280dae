# SPDX-License-Identifier: Apache-2.0
"""One open procedure per EID: who works on a card, and until when (design: transactions of the SM-SR).

A download is one procedure from CreateISDP to ProfileDownloadCompleted or DeleteISDP: nobody else touches the card in
between. A procedure that its owner forgot ends with its lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final, Protocol

from apdu.ids import Eid, Iccid
from smsr.api.status import Code
from smsr.errors import Refused
from smsr.kit.oid import Oid

__all__ = ["LEASE", "MemoryProcedureStore", "OpenProcedure", "Opened", "ProcedureStore", "Procedures"]

LEASE: Final = 900.0
"""Seconds that an owner may stay silent."""


@dataclass(frozen=True, slots=True)
class OpenProcedure:
    """A procedure between two of its functions: whose, for which profile, until when (seconds since 1970)."""

    owner: Oid
    iccid: Iccid | None
    deadline: float
    chain: bytes = b""
    """Commands of a chain that the next SendData goes on with (smsr.forwarding)."""


@dataclass(slots=True)
class Opened:
    """A procedure while one of its functions runs."""

    before: bytes = b""
    """The chain that the function before left."""
    chain: bytes = b""
    """The chain that this one leaves."""


class ProcedureStore(Protocol):
    """The procedures that are open, at most one for each card."""

    def get(self, eid: Eid) -> OpenProcedure | None:
        """That of a card."""
        ...

    def put(self, eid: Eid, procedure: OpenProcedure) -> None:
        """Keep it, in the place of what was there."""
        ...

    def remove(self, eid: Eid) -> None:
        """It is over; nothing happens when there is none."""
        ...


class MemoryProcedureStore:
    """Keeps them in memory."""

    def __init__(self) -> None:
        self._open: dict[Eid, OpenProcedure] = {}

    def get(self, eid: Eid) -> OpenProcedure | None:
        """That of a card."""
        return self._open.get(eid)

    def put(self, eid: Eid, procedure: OpenProcedure) -> None:
        """Keep it, in the place of what was there."""
        self._open[eid] = procedure

    def remove(self, eid: Eid) -> None:
        """It is over."""
        self._open.pop(eid, None)


class Procedures:
    """The open procedures of an SM-SR. What runs is known here only: it ends with the process."""

    def __init__(self, clock: Callable[[], float], store: ProcedureStore | None = None) -> None:
        self._clock = clock
        self._store = store or MemoryProcedureStore()
        self._running: set[Eid] = set()

    @contextmanager
    def step(self, eid: Eid, owner: Oid, iccid: Iccid | None = None, *, goes_on: bool = False) -> Iterator[Opened]:
        """One function of a procedure, a new one or the owner's own; it stays open if it `goes_on` and did not fail.

        One that is given up half-way (GeneratorExit) leaves what is kept as it was: whoever takes it up begins there.
        """
        current = self._store.get(eid)
        mine = current is not None and (current.owner, current.iccid) == (owner, iccid)
        if eid in self._running or (current is not None and not mine and self._clock() < current.deadline):
            raise Refused(Code.BUSY, subject_identifier=eid)
        self._running.add(eid)
        opened = Opened(current.chain if current is not None and mine else b"")
        stays = mine  # a step that failed does not end the procedure: its owner cleans up
        try:
            yield opened
            stays = goes_on
        except GeneratorExit:
            current, stays = None, False
            raise
        finally:
            self._running.discard(eid)
            if stays:
                self._store.put(eid, OpenProcedure(owner, iccid, self._clock() + LEASE, opened.chain))
            elif current is not None:
                self._store.remove(eid)

    def break_off(self, eid: Eid) -> None:
        """The card is there anew: a chain of commands does not go on."""
        current = self._store.get(eid)
        if current is not None and current.chain:
            self._store.put(eid, replace(current, chain=b""))
