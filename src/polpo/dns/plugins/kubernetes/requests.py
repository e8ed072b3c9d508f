"""Counts what is asked of the API (control only: workers need none of `kube.client`)."""

from __future__ import annotations

from polpo.dns.counts import Counts, Histogram, Metric
from polpo.dns.plugins.kubernetes.metrics import (
    RATE_LIMITER_DURATION,
    REQUEST_DURATION,
    REQUESTS,
)
from polpo.kube.client import Observer


class Requests(Observer):
    """Counts what the client asks."""

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._histograms: dict[tuple[str, str, str], Histogram] = {}

    def asked(self, method: str, host: str, code: str, seconds: float) -> None:
        self._histogram(REQUEST_DURATION, method, host).observe(seconds)
        self._counts.values[self._counts.slot(REQUESTS.name, code, method, host)] += 1

    def held_back(self, method: str, host: str, seconds: float) -> None:
        self._histogram(RATE_LIMITER_DURATION, method, host).observe(seconds)

    def _histogram(self, metric: Metric, method: str, host: str) -> Histogram:
        key = (metric.name, method, host)
        if key not in self._histograms:
            self._histograms[key] = self._counts.histogram(metric, method, host)
        return self._histograms[key]
