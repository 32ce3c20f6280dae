# SPDX-License-Identifier: Apache-2.0
"""Questions to a trace: which entries are of this kind, and did things happen in this order.

log = TraceLog(events)
log.one(name="AUTHENTICATE", sw="9862")
assert not log.where(ins=0x20, sw="63Cx")
assert log.in_order("SELECT", "READ BINARY")
assert not log.findings
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from apdu.errors import M2mError
from apdu.trace.decode import Entry, Exchange, Finding, decode
from apdu.trace.decode.table import find, view
from apdu.trace.events import AnyEvent

__all__ = ["Criteria", "NotOne", "TraceLog", "command_name"]

_SELECT_BY_AID: Final = (0xA4, 0x04)
_STATUS: Final = re.compile(r"[0-9A-Fa-fXx]{4}")


class NotOne(M2mError, LookupError):
    """A question that has one answer has none, or several."""


def command_name(entry: Entry) -> str:
    """The name of an exchange's command as its specification prints it; empty for everything else."""
    seen = view(entry) if isinstance(entry, Exchange) else None
    row = None if seen is None else find(seen.command)
    return "" if row is None else row.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """What an entry has to be; what is None does not matter. Only an exchange has INS, status word, channel, AID."""

    name: str | None = None
    """The command: READ BINARY; INSTALL means every INSTALL [for ...]. Case does not matter."""
    ins: int | None = None
    sw: str | int | None = None
    """The status word after protection is removed; an X or x stands for any digit: 63Cx, 9xxx."""
    aid: bytes | None = None
    """The application selected when the command came, or selected by it, begins with this."""
    channel: int | None = None
    function: str | None = None
    """A part of the function's name: EnableProfile."""
    layer: str | None = None
    since: float | None = None
    until: float | None = None
    with_findings: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.sw, str) and not _STATUS.fullmatch(self.sw):
            raise ValueError(f"a status word has four digits, X for any: {self.sw!r} is none")

    def match(self, entry: Entry) -> bool:
        """Whether an entry is what was asked for."""
        if self.layer is not None and entry.layer != self.layer:
            return False
        if self.function is not None and self.function.casefold() not in entry.function.casefold():
            return False
        if (self.since is not None and entry.time < self.since) or (self.until is not None and entry.time > self.until):
            return False
        if self.with_findings and not entry.findings:
            return False
        about_commands = (self.name, self.ins, self.sw, self.aid, self.channel)
        if any(each is not None for each in about_commands):
            return isinstance(entry, Exchange) and self._match_exchange(entry)
        return True

    def _match_exchange(self, entry: Exchange) -> bool:
        if self.ins is not None and entry.ins != self.ins:
            return False
        if self.channel is not None and entry.channel != self.channel:
            return False
        if self.sw is not None and not _same_status(self.sw, entry.sw):
            return False
        if self.name is not None and not _same_name(self.name, command_name(entry)):
            return False
        return self.aid is None or entry.place.application.startswith(self.aid) or _selects(entry, self.aid)


def _same_status(wanted: str | int, sw: int | None) -> bool:
    if sw is None or isinstance(wanted, int):
        return sw == wanted
    return all(digit in "Xx" or digit == shown for digit, shown in zip(wanted.upper(), f"{sw:04X}", strict=True))


def _same_name(wanted: str, name: str) -> bool:
    folded, given = name.casefold(), wanted.casefold()
    return folded == given or folded.startswith(f"{given} [")


def _selects(entry: Exchange, aid: bytes) -> bool:
    seen = view(entry)
    if seen is None or (seen.command.ins, seen.command.p1) != _SELECT_BY_AID:
        return False
    return seen.command.data.startswith(aid)


class TraceLog:
    """The entries of a trace that may still grow: it is decoded as far as it goes each time it is asked."""

    def __init__(self, events: Sequence[AnyEvent]) -> None:
        self._events = events

    @property
    def entries(self) -> list[Entry]:
        """Every entry so far. The last one may still get more: GET RESPONSE after it belongs to it."""
        return list(decode(self._events))

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __str__(self) -> str:
        return "\n".join(_line(entry) for entry in self.entries)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, in the order of the trace."""
        return [finding for entry in self.entries for finding in entry.findings]

    def where(self, **criteria: Any) -> list[Entry]:
        """The entries that meet `Criteria`."""
        wanted = Criteria(**criteria)
        return [entry for entry in self.entries if wanted.match(entry)]

    def one(self, **criteria: Any) -> Entry:
        """The one entry that meets `Criteria`; NotOne shows what there is instead."""
        found = self.where(**criteria)
        if len(found) != 1:
            asked = ", ".join(f"{name}={value!r}" for name, value in criteria.items())
            shown = "\n".join(_line(entry) for entry in found or self.entries)
            raise NotOne(f"{len(found)} entries with {asked}, not one:\n{shown}")
        return found[0]

    def in_order(self, *names: str) -> bool:
        """Whether commands of these names came in this order; others may have come between."""
        rest = iter([command_name(entry) for entry in self.entries])
        return all(any(_same_name(wanted, name) for name in rest) for wanted in names)


def _line(entry: Entry) -> str:
    marks = "".join(f"  !! {finding.text}" for finding in entry.findings)
    return f"{entry.number:>5}  {entry.summary}{marks}"
