# SPDX-License-Identifier: Apache-2.0
"""How much, how fast and how slowly callers may send."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from smsr.kit.oid import Oid

__all__ = ["Limits", "Rates"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, times in seconds."""

    body: int = 2 * 1024 * 1024
    head: int = 16 * 1024
    """Request line and headers."""
    handshake_time: float = 10.0
    head_time: float = 10.0
    """From the first byte that is awaited to the end of the headers."""
    body_time: float = 30.0
    idle_time: int = 60
    """Between two requests of one connection."""
    connections: int = 1024
    rate: float = 5000.0
    """Requests of one caller in a second."""
    burst: int = 5000
    """How many of them may come at once."""
    threads: int = 8
    """That work for callers at the same time."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """A bucket of tokens for each caller. Callers have certificates, so their number is bounded. Not for threads."""

    __slots__ = ("_buckets", "_limits", "_now")

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._now = now
        self._buckets: dict[Oid, _Bucket] = {}

    def take(self, caller: Oid) -> int:
        """Seconds after which the caller may try again; 0: it may go on, and has one token less."""
        now = self._now()
        bucket = self._buckets.setdefault(caller, _Bucket(self._limits.burst, now))
        gained = (now - bucket.at) * self._limits.rate
        bucket.tokens = min(float(self._limits.burst), bucket.tokens + gained)
        bucket.at = now
        if bucket.tokens < 1:
            return max(1, math.ceil((1 - bucket.tokens) / self._limits.rate))
        bucket.tokens -= 1
        return 0
