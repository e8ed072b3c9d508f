"""The agent's figures for Prometheus, taken from what it holds at the moment of asking."""

from collections.abc import Callable, Iterator, Mapping

import msgspec
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from polpo.target.status import Status

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Figures(msgspec.Struct, frozen=True):
    """What is asked for besides the status. Traffic: port id -> counter name -> value.

    asked    DHCP and router solicitations, by service; answers: by service and outcome
    pods     of ports that pods have: port id -> <namespace>/<pod>
    """

    held: int
    feed_cuts: int
    feed_connected: bool
    disk_errors: int
    traffic: Mapping[str, Mapping[str, int]]
    asked: Mapping[str, int] = {}
    answers: Mapping[tuple[str, str], int] = {}
    pods: Mapping[str, str] = {}


class Metrics(Collector):
    """`more`: what parts of the agent say of what they do."""

    def __init__(
        self,
        status: Callable[[], Status],
        figures: Callable[[], Figures],
        *more: Callable[[], Iterator[Metric]],
    ) -> None:
        self._status, self._figures, self._more = status, figures, more
        self.registry = CollectorRegistry()
        self.registry.register(self)
        self.loop_seconds = Histogram(
            "polpo_agent_loop_seconds",
            "Duration of one pass over everything",
            buckets=_SECONDS,
            registry=self.registry,
        )

    def text(self) -> str:
        return generate_latest(self.registry).decode()

    def describe(self) -> list[Metric]:
        """Nothing is read while the registry learns of us."""
        return []

    def collect(self) -> Iterator[Metric]:
        status, figures = self._status(), self._figures()
        yield _gauge("revision_held", "Revision of the target that the agent has", figures.held)
        yield _gauge("revision_reached", "Revision that is in the kernel", status.revision)
        yield _gauge("error", "1 if something keeps the target from being reached", status.error)
        yield _gauge("feed_connected", "1 while the feed is read", figures.feed_connected)
        yield _gauge("ports", "Ports that carry traffic here", len(status.ports))
        yield _counter("feed_reconnects", "Feeds that were lost", figures.feed_cuts)
        yield _counter("disk_errors", "Writes to the state directory failed", figures.disk_errors)
        yield _gauges("rows", "Entries of the switch's tables", "table", status.rows)
        yield _counters("drift", "Changed under us and repaired", "kind", status.drift)
        yield _counters("drops", "Packets dropped by the switch", "reason", status.drops)
        yield _counters("asked", "DHCP and router solicitations", "service", figures.asked)
        yield _answers(figures.answers)
        yield from _traffic(figures.traffic)
        yield _denied(figures)
        for metrics in self._more:
            yield from metrics()


def _gauge(name: str, help: str, value: object) -> Metric:
    number = float(value) if isinstance(value, int | float) else float(value is not None)
    return GaugeMetricFamily(f"polpo_agent_{name}", help, value=number)


def _counter(name: str, help: str, value: int) -> Metric:
    return CounterMetricFamily(f"polpo_agent_{name}", help, value=value)


def _gauges(name: str, help: str, label: str, values: Mapping[str, int]) -> Metric:
    metric = GaugeMetricFamily(f"polpo_agent_{name}", help, labels=[label])
    for key, value in dict(values).items():
        metric.add_metric([key], value)
    return metric


def _counters(name: str, help: str, label: str, values: Mapping[str, int]) -> Metric:
    metric = CounterMetricFamily(f"polpo_agent_{name}", help, labels=[label])
    for key, value in dict(values).items():
        metric.add_metric([key], value)
    return metric


def _answers(answers: Mapping[tuple[str, str], int]) -> Metric:
    help = "What became of what was asked, and advertisements that were not"
    metric = CounterMetricFamily("polpo_agent_answers", help, labels=["service", "outcome"])
    for labels, value in dict(answers).items():
        metric.add_metric(list(labels), value)
    return metric


def _traffic(traffic: Mapping[str, Mapping[str, int]]) -> Iterator[Metric]:
    names = sorted({name for counters in traffic.values() for name in counters})
    for name in names:
        of_name = {port: counters.get(name, 0) for port, counters in traffic.items()}
        yield _counters(f"port_{name}", "Of one port, from its own view", "port", of_name)


def _denied(figures: Figures) -> Metric:
    """As many series as the host has pods that were ever denied something."""
    help = "Packets that a policy has denied a pod of this host, to receive or to send"
    labels = ["namespace", "pod", "direction"]
    metric = CounterMetricFamily("polpo_agent_pod_denied", help, labels=labels)
    for port, name in figures.pods.items():
        namespace, _, pod = name.partition("/")
        counters = figures.traffic.get(port, {})
        for direction, counter in (("ingress", "denied_in"), ("egress", "denied_out")):
            if counters.get(counter):
                metric.add_metric([namespace, pod, direction], counters[counter])
    return metric
