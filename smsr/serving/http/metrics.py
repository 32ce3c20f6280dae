# SPDX-License-Identifier: Apache-2.0
"""Figures of a server for Prometheus. Labels are names of functions and status codes: nothing that callers make up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

__all__ = ["METRICS_TYPE", "Gauges", "Metrics"]

Gauges = Mapping[str, Callable[[], float]]
"""Figures that are looked up when they are asked for, such as `queue_length`, by name."""

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """Counts and durations by function, and gauges."""

    __slots__ = ("_counts", "_durations", "_registry")

    def __init__(self, gauges: Gauges) -> None:
        self._registry = CollectorRegistry()
        labels = ("function", "binding")
        self._counts = Counter(
            "euicc_requests", "Requests that were answered.", (*labels, "status"), registry=self._registry
        )
        self._durations = Histogram(
            "euicc_request_seconds", "From headers to answer.", labels, registry=self._registry, buckets=_BUCKETS
        )
        self._registry.register(_Gauges(gauges))

    def count(self, function: str, binding: str, status: int, seconds: float) -> None:
        """One request."""
        self._counts.labels(function, binding, str(int(status))).inc()
        self._durations.labels(function, binding).observe(seconds)

    def text(self) -> bytes:
        """All of them."""
        return generate_latest(self._registry)


class _Gauges(Collector):
    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, value in self._gauges.items():
            yield GaugeMetricFamily(f"euicc_{name}", name.replace("_", " "), value=value())
