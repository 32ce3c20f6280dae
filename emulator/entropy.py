# SPDX-License-Identifier: Apache-2.0
"""The card's random numbers, tested while they are drawn: a generator that is stuck gives no challenge and no key.

NIST SP 800-90B 4.3 and 4.4.1: the start-up bytes are not used, a run of equal bytes is an error; and FIPS 140-2 4.9.2:
no block equals the one before. A card that has met an error draws nothing more until a new one takes its place.
"""

from __future__ import annotations

import re
from typing import Final

from apdu.command.status import SW
from apdu.keys.entropy import Entropy
from emulator.errors import CardError

__all__ = ["CheckedEntropy"]

_BLOCK: Final = 8
"""Bytes of each draw that are compared with the draw before: equal by chance once in 2^64."""
_CUTOFF: Final = 6
"""Equal bytes in a row: 1 + 40 / 8, a false alarm in 2^40 bytes (SP 800-90B 4.4.1)."""
_RUN: Final = re.compile(rb"(.)\1{%d}" % (_CUTOFF - 1), re.DOTALL)


class CheckedEntropy:
    """A source and its continuous tests; CardError 6400 (D) when it fails."""

    __slots__ = ("_before", "_failed", "_run", "_source")

    def __init__(self, source: Entropy) -> None:
        self._source = source
        self._before = b""
        self._run = b""
        self._failed = False

    def draw(self, n: int) -> bytes:
        """The next n bytes."""
        if not self._before:
            self._judged(_BLOCK)
        return self._judged(n)

    def _judged(self, n: int) -> bytes:
        data = b"" if self._failed else self._source.draw(n)
        block = data[:_BLOCK]
        together = self._run + data
        repeated = len(block) == _BLOCK and block == self._before
        if len(data) != n or self._failed or repeated or _RUN.search(together):
            self._failed = True
            raise CardError(SW.NO_PRECISE_DIAGNOSIS)
        if len(block) == _BLOCK:
            self._before = block
        self._run = together[1 - _CUTOFF :]
        return data
