# SPDX-License-Identifier: Apache-2.0
"""What a run of the demo is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["DemoOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """The options of `euicc demo` that change what is done."""

    profile: Path | None = None
    trace: Path | None = None
    seed: int | None = None
    timings: bool = False
    card: Path | None = None
    """The image that keeps the card."""
    bearer: str = "https"
    """How the servers reach the card: reader, sms, https."""
    loss: float = 0.0
    """The share of short messages that get lost, and of those that come twice, and out of order."""
