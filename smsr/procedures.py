# SPDX-License-Identifier: Apache-2.0
"""One open procedure per EID: who works on a card, and until when (design: transactions of the SM-SR).

A download is one procedure from CreateISDP to ProfileDownloadCompleted or DeleteISDP: nobody else touches the card in
between. A procedure that its owner forgot ends with its lease.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from apdu.ids import Eid, Iccid
from smsr.api.status import Code
from smsr.errors import Refused
from smsr.kit.oid import Oid

__all__ = ["LEASE", "Procedures"]

LEASE: Final = 900.0
"""Seconds that an owner may stay silent."""


@dataclass(slots=True)
class _Procedure:
    owner: Oid
    iccid: Iccid | None
    deadline: float
    running: bool = True


class Procedures:
    """The open procedures of an SM-SR."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._open: dict[Eid, _Procedure] = {}

    @contextmanager
    def step(self, eid: Eid, owner: Oid, iccid: Iccid | None = None, *, goes_on: bool = False) -> Iterator[None]:
        """One function of a procedure, a new one or the owner's own; it stays open if it `goes_on` and did not fail."""
        current = self._open.get(eid)
        if current is not None and self._blocks(current, owner, iccid):
            raise Refused(Code.BUSY, subject_identifier=eid)
        self._open[eid] = mine = _Procedure(owner, iccid, self._clock() + LEASE)
        keep = current is not None and (current.owner, current.iccid) == (owner, iccid)
        try:
            yield
        except BaseException:
            if keep:
                mine.running = False  # a step that failed does not end the procedure: its owner cleans up
            else:
                del self._open[eid]
            raise
        if goes_on:
            mine.running = False
        else:
            del self._open[eid]

    def _blocks(self, current: _Procedure, owner: Oid, iccid: Iccid | None) -> bool:
        if current.running:
            return True
        return (current.owner, current.iccid) != (owner, iccid) and self._clock() < current.deadline
