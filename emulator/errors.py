# SPDX-License-Identifier: Apache-2.0
"""The card's refusal of a command: an error that is a status word."""

from __future__ import annotations

from apdu.command.status import StatusWord
from apdu.errors import M2mError

__all__ = ["CardError"]


class CardError(M2mError):
    """Ends a command with a status word (and data, where the specification returns some); its writes are dropped."""

    def __init__(self, sw: int, data: bytes = b"") -> None:
        self.sw = int(sw)
        self.data = data
        super().__init__(sw)

    def __str__(self) -> str:
        return str(StatusWord(self.sw))
