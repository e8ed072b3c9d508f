"""Measures that are read off the parts when Prometheus asks."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from polpo.api.hosts_v1.parts import Parts
from polpo.model.host import Host
from polpo.model.kinds import KINDS

MOST_HOSTS = 1000
"""Hosts with a series of their own; a larger cloud is shown by its laggards."""


class Gauges(Collector):
    def __init__(self, parts: Parts, registry: CollectorRegistry) -> None:
        self._parts = parts
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        parts, snapshot = self._parts, self._parts.store.snapshot
        yield _one("polpo_revision", "The newest revision", snapshot.revision)
        yield _one(
            "polpo_revision_everywhere",
            "The revision that all live hosts have reached",
            parts.reports.reached(snapshot),
        )
        yield _one("polpo_hosts", "Hosts that are known", snapshot.count(Host))
        yield _one("polpo_hosts_alive", "Hosts heard of late", len(parts.reports.live(snapshot)))
        objects = GaugeMetricFamily("polpo_objects", "Objects by kind", labels=("kind",))
        for kind, cls in KINDS.items():
            objects.add_metric((kind,), snapshot.count(cls))
        yield objects
        yield self._lags()

    def _lags(self) -> GaugeMetricFamily:
        """The largest lags, so that the number of series stays bounded."""
        head = self._parts.store.snapshot.revision
        lags = [(head - r.status.revision, host) for host, r in self._parts.reports.items()]
        family = GaugeMetricFamily(
            "polpo_host_lag_revisions", "How many revisions the host is behind", labels=("host",)
        )
        for lag, host in sorted(lags, reverse=True)[:MOST_HOSTS]:
            family.add_metric((host,), max(0, lag))
        return family


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
