# SPDX-License-Identifier: Apache-2.0
"""What a server of the bindings is made from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from smsr.api.functions import Exchange, Function
from smsr.api.soap import SoapBinding
from smsr.serving.http.limits import Limits
from smsr.serving.http.metrics import Gauges, Metrics
from smsr.serving.parties import Parties
from smsr.serving.paths import Kind
from smsr.serving.service import Service

__all__ = ["Site"]


def _always() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A service with everything around it."""

    title: str
    """What it is: SM-SR, SM-DP."""
    service: Service
    soap: SoapBinding
    """Of the service's functions and of those that it is told about."""
    url: str
    """Where others reach it, without the path of an interface."""
    told: Sequence[Function] = ()
    """Functions of others whose callbacks are taken, and notifications."""
    parties: Parties = field(default_factory=Parties)
    limits: Limits = field(default_factory=Limits)
    ready: Callable[[], str] = _always
    """Why it cannot work now; empty: it can. May block."""
    embedded: bool = False
    """Whether its database is a part of this process, which reads without waiting for anybody."""
    gauges: Gauges = field(default_factory=dict)
    metrics: Metrics = field(init=False, compare=False)
    """Of all listeners."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", Metrics(self.gauges))

    def messages(self) -> Iterator[tuple[Function, Kind]]:
        """Each message that may come."""
        for function in self.service.functions:
            if function.exchange is not Exchange.NOTIFICATION:
                yield function, Kind.REQUEST
        for function in self.told:
            if (kind := Kind.told(function)) is not None:
                yield function, kind
