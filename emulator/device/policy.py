# SPDX-License-Identifier: Apache-2.0
"""What a device was told to do otherwise than it would: refuse, fail, delay or ignore a type of command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from apdu.cat.codes import GeneralResult
from apdu.cat.comprehension import Result

__all__ = ["Policy", "Reaction"]


@dataclass(frozen=True, slots=True)
class Reaction:
    """How to take a command: with this result instead of doing it, after this many seconds, or never."""

    result: Result | None = None
    delay: float = 0.0
    silent: bool = False

    @classmethod
    def refuse(cls) -> Self:
        """The user does not want it."""
        return cls(Result(GeneralResult.USER_DECLINED))

    @classmethod
    def fail(cls, general: int = GeneralResult.TERMINAL_UNABLE, additional: bytes = b"\x00") -> Self:
        """It does not work now."""
        return cls(Result(general, additional))


_AS_EVER = Reaction()


@dataclass(frozen=True, slots=True)
class Policy:
    """Reactions by type of command; a type that is not named is carried out."""

    reactions: Mapping[int, Reaction] = field(default_factory=dict)

    def reaction(self, type: int) -> Reaction:
        """The reaction to a type of command."""
        return self.reactions.get(type, _AS_EVER)
