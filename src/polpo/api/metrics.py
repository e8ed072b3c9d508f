"""What the controller measures of itself, in a registry of its own (Prometheus)."""

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)

_QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SLOW = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """One of each; what is read from other parts at scrape time is in `gauges.py`."""

    def __init__(self) -> None:
        # each counter has a second series otherwise, which nobody asks for
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "polpo_requests",
            "Requests answered",
            ("method", "route", "code"),
            registry=registry,
        )
        self.request_time = Histogram(
            "polpo_request_seconds",
            "From a request's first byte to its answer's",
            ("method", "route"),
            buckets=_QUICK,
            registry=registry,
        )
        self.convergence = Histogram(
            "polpo_convergence_seconds",
            "From a revision's commit to the last live host's report that it has it",
            buckets=_SLOW,
            registry=registry,
        )
        self.compile_time = Histogram(
            "polpo_compile_seconds",
            "Turning a burst of revisions into what hosts must change",
            buckets=_QUICK,
            registry=registry,
        )
        self.rows_compiled = Counter(
            "polpo_rows_compiled", "Rows that revisions changed, each once", registry=registry
        )
        self.commit_time = Histogram(
            "polpo_commit_seconds",
            "A commit of the store, with the writing functions in it",
            buckets=_QUICK,
            registry=registry,
        )
        self.commit_writes = Histogram(
            "polpo_commit_writes",
            "Requests that one commit made durable",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        self.streams = Gauge("polpo_feed_streams", "Agents that listen", registry=registry)
        self.feed_bytes = Counter("polpo_feed_bytes", "Bytes said to all agents", registry=registry)
        self.cuts = Counter(
            "polpo_feed_cuts", "Streams ended because they fell behind", registry=registry
        )

    def committed(self, writes: int, seconds: float) -> None:
        self.commit_writes.observe(writes)
        self.commit_time.observe(seconds)
