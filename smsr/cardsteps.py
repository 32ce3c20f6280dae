# SPDX-License-Identifier: Apache-2.0
"""The steps of an SM-SR's procedures, a script on a card or its reset, and the cards that can be reached for them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from apdu.errors import M2mError
from apdu.ids import Eid
from apdu.script import ApduScript, ProfileScript
from smsr.api.status import Code
from smsr.bearers.bearer import Bearer
from smsr.errors import Refused

__all__ = [
    "CardProcedure",
    "CardStep",
    "Reach",
    "ResetCard",
    "RunCommands",
    "RunTlvs",
    "noted",
    "run_commands",
    "run_tlvs",
]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RunCommands:
    """A script of commands; `name` is the function that the trace shows."""

    eid: Eid
    script: ApduScript[Any]
    name: str = ""
    note: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunTlvs:
    """A script of SCP03t TLVs."""

    eid: Eid
    script: ProfileScript[Any]
    name: str = ""
    note: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ResetCard:
    """The reset that follows a profile switch."""

    eid: Eid
    name: str = "reset"
    note: Mapping[str, str] = field(default_factory=dict)


CardStep = RunCommands | RunTlvs | ResetCard
CardProcedure = Generator[CardStep, Any, T]


def run_commands(eid: Eid, script: ApduScript[T], name: str = "") -> CardProcedure[T]:
    """Have a script of commands run; its result."""
    result: T = yield RunCommands(eid, script, name)
    return result


def run_tlvs(eid: Eid, script: ProfileScript[T], name: str = "") -> CardProcedure[T]:
    """Have a script of SCP03t TLVs run; its result."""
    result: T = yield RunTlvs(eid, script, name)
    return result


def noted(procedure: CardProcedure[T], note: Mapping[str, str]) -> CardProcedure[T]:
    """The same procedure, each of its steps with this note."""
    try:
        step = next(procedure)
        while True:
            try:
                result = yield replace(step, note=note)
            except M2mError as error:
                step = procedure.throw(error)
            else:
                step = procedure.send(result)
    except StopIteration as stop:
        return cast(T, stop.value)
    finally:
        procedure.close()


class Reach:
    """The cards that can be reached, each over its bearer."""

    def __init__(self) -> None:
        self._bearers: dict[Eid, Bearer] = {}

    def attach(self, eid: Eid, bearer: Bearer) -> None:
        """A card can be reached."""
        self._bearers[eid] = bearer

    def detach(self, eid: Eid) -> None:
        """A card cannot be reached any more."""
        self._bearers.pop(eid, None)

    def has(self, eid: Eid) -> bool:
        """Whether a card is in reach."""
        return eid in self._bearers

    def perform(self, step: CardStep) -> Any:
        """Do a step and wait for its end; M2mError."""
        bearer = self._bearers.get(step.eid)
        if bearer is None:
            raise Refused(Code.ISD_R_FAILED, "the card cannot be reached", step.eid)
        if isinstance(step, RunCommands):
            return bearer.run(step.script, step.name)
        if isinstance(step, RunTlvs):
            return bearer.run_profile(step.script, step.name)
        bearer.reset()
        return None
