# SPDX-License-Identifier: Apache-2.0
"""What the SM-SR expects of every bearer that can run a script to its end."""

from __future__ import annotations

from typing import Protocol, TypeVar

from apdu.errors import StatusError
from apdu.script import ApduScript, ProfileScript

__all__ = ["Bearer", "SessionLost"]

T = TypeVar("T")


class SessionLost(StatusError):
    """The card does not share the secure session any more, and so refused the command; the next run opens another."""

    def __init__(self, sw: int) -> None:
        super().__init__("the secure session is lost", sw)


class Bearer(Protocol):
    """A way to one card."""

    def run(self, script: ApduScript[T], name: str = "") -> T:
        """Run a script of commands; `name` is the function that the trace shows."""
        ...

    def run_profile(self, script: ProfileScript[T], name: str = "") -> T:
        """Run a script of SCP03t TLVs."""
        ...

    def reset(self) -> None:
        """Have the card reset, as the REFRESH after a profile switch does."""
        ...
