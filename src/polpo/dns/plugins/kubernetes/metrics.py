"""What the plugin counts, under CoreDNS's names."""

from __future__ import annotations

from polpo.dns.counts import Metric, exponential

DEFAULT_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

PROGRAMMING = Metric(
    "coredns_kubernetes_dns_programming_duration_seconds",
    "histogram",
    "Histogram of the time (in seconds) it took to program a dns instance.",
    ("service_kind",),
    exponential(0.001, 2, 20),
)
REQUEST_DURATION = Metric(
    "coredns_kubernetes_rest_client_request_duration_seconds",
    "histogram",
    "Request latency in seconds. Broken down by verb and host.",
    ("verb", "host"),
    DEFAULT_BUCKETS,
)
RATE_LIMITER_DURATION = Metric(
    "coredns_kubernetes_rest_client_rate_limiter_duration_seconds",
    "histogram",
    "Client side rate limiter latency in seconds. Broken down by verb and host.",
    ("verb", "host"),
    DEFAULT_BUCKETS,
)
REQUESTS = Metric(
    "coredns_kubernetes_rest_client_requests_total",
    "counter",
    "Number of HTTP requests, partitioned by status code, method, and host.",
    ("code", "method", "host"),
)
METRICS = (PROGRAMMING, REQUEST_DURATION, RATE_LIMITER_DURATION, REQUESTS)
