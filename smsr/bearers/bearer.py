# SPDX-License-Identifier: Apache-2.0
"""What the SM-SR expects of every bearer that can run a script to its end."""

from __future__ import annotations

from typing import Protocol, TypeVar

from apdu.errors import RemoteProtocolError
from apdu.script import ApduScript, ProfileScript

__all__ = ["Bearer", "SessionLost"]

T = TypeVar("T")


class SessionLost(RemoteProtocolError):
    """The secure session with the card is gone; what its last command did shows only in an audit."""


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
