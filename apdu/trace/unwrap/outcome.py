# SPDX-License-Identifier: Apache-2.0
"""What unwrapping one exchange came to, and the event that tells it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apdu.trace.events import ChannelEvent, Json, Masked, Octets
from apdu.trace.rules.table import Rule

__all__ = ["Found", "Outcome", "covered"]


class Found:
    """Findings of one exchange."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: list[Mapping[str, Json]] = []

    def add(self, rule: Rule, detail: str = "", severity: str = "") -> None:
        """One more; `detail` says what exactly."""
        self._rows.append(
            {
                "rule": rule.id,
                "severity": severity or rule.severity,
                "text": f"{rule.text}: {detail}" if detail else rule.text,
                "clause": rule.clause,
            }
        )

    def __bool__(self) -> bool:
        return bool(self._rows)

    @property
    def rows(self) -> tuple[Mapping[str, Json], ...]:
        """As they stand in the `extra` of an event."""
        return tuple(self._rows)


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One exchange of a secure channel as far as it could be followed."""

    layer: str
    target: bytes
    protected: bytes
    response_protected: bytes
    plain: Octets
    response_plain: Octets
    verified: bool | None
    """None: there were no keys for it; `why` says more."""
    why: str = ""
    kvn: int | None = None
    level: int | None = None
    chained: bool = False
    """The command came in several of an ISO chain, and `protected` is the whole."""
    found: Found = field(default_factory=Found)

    def event(self, time: float, side: str) -> ChannelEvent:
        """The event that a trace gets."""
        return ChannelEvent(
            time=time,
            layer=self.layer,
            side=side,
            target=self.target.hex().upper(),
            protected=self.protected,
            plain=self.plain,
            response_protected=self.response_protected,
            response_plain=self.response_plain,
            extra=self.extra(),
        )

    def extra(self) -> dict[str, Json]:
        """What the event says about itself."""
        extra: dict[str, Json] = {"verified": self.verified}
        if self.why:
            extra["why"] = self.why
        if self.kvn is not None:
            extra["kvn"] = f"{self.kvn:02X}"
        if self.level is not None:
            extra["level"] = f"{self.level:02X}"
        if self.chained:
            extra["chained"] = True
        if self.found:
            extra["findings"] = self.found.rows
        return extra


def covered(head: bytes, size: int, tail: bytes) -> Octets:
    """Bytes of which `size` in the middle are not known."""
    return Masked(head + bytes(size) + tail, ((len(head), size),)) if size > 0 else head + tail
