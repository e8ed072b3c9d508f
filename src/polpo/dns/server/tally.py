"""What the server itself counts: requests, responses, sizes, durations, under CoreDNS's names.

All labels of an answer are known when it is made: a *combination* is a pair of slots, answers and
seconds, from which all the metrics are worked out when somebody asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from polpo.dns.counts import Histogram, Metric, Row, exponential
from polpo.dns.wire.name import to_text
from polpo.dns.wire.record import Rcode

SIZES = (0, 100, 200, 300, 400, 511, 1023, 2047, 4095, 8291, 16e3, 32e3, 48e3, 64e3)
DURATIONS = exponential(0.00025, 2, 16)
MOST_COMBINATIONS = 20_000
_ZONE = ("server", "zone", "view")
REQUESTS = Metric(
    "coredns_dns_requests_total",
    "counter",
    "Counter of DNS requests made per zone, protocol and family.",
    (*_ZONE, "proto", "family", "type"),
)
RESPONSES = Metric(
    "coredns_dns_responses_total",
    "counter",
    "Counter of response status codes.",
    (*_ZONE, "rcode", "plugin"),
)
DO = Metric(
    "coredns_dns_do_requests_total",
    "counter",
    "Counter of DNS requests with DO bit set per zone.",
    _ZONE,
)
DURATION = Metric(
    "coredns_dns_request_duration_seconds",
    "histogram",
    "Histogram of the time (in seconds) each request took per zone.",
    _ZONE,
    DURATIONS,
)
REQUEST_SIZE = Metric(
    "coredns_dns_request_size_bytes",
    "histogram",
    "Size of the EDNS0 UDP buffer in bytes (64K for TCP) per zone and protocol.",
    (*_ZONE, "proto"),
    SIZES,
)
RESPONSE_SIZE = Metric(
    "coredns_dns_response_size_bytes",
    "histogram",
    "Size of the returned response in bytes.",
    (*_ZONE, "proto"),
    SIZES,
)
PANICS = Metric("coredns_panics_total", "counter", "A metrics that counts the number of panics.")
METRICS = (REQUESTS, RESPONSES, DO, DURATION, REQUEST_SIZE, RESPONSE_SIZE, PANICS)

# Types that CoreDNS counts by name (plugin/metrics/vars/monitor.go).
_TYPES = {
    1: "A", 28: "AAAA", 5: "CNAME", 43: "DS", 48: "DNSKEY", 15: "MX", 47: "NSEC", 50: "NSEC3",
    2: "NS", 12: "PTR", 46: "RRSIG", 6: "SOA", 33: "SRV", 16: "TXT", 64: "SVCB", 65: "HTTPS",
    251: "IXFR", 252: "AXFR", 255: "ANY",
}  # fmt: skip


class Combination(NamedTuple):
    """The labels of an answer. `family` 1 or 2; `cached` as in Query, for
    hits only."""

    server: str
    zone: str
    protocol: str
    family: str
    type: str
    rcode: str
    plugin: str
    dnssec_ok: bool
    asked_bytes: int
    answered_bytes: int
    cached: str = ""
    view: str = ""


def zone_text(zone: bytes) -> str:
    """The label of a zone."""
    return to_text(zone)


def type_label(type: int) -> str:
    return _TYPES.get(type, "other")


def rcode_label(rcode: int) -> str:
    try:
        return Rcode(rcode).name
    except ValueError:
        return f"RCODE{rcode}"


class Tally:
    """`values[slot]` answers and `values[slot + 1]` seconds of each combination."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self._combinations: dict[Combination, int] = {}
        self._late: dict[tuple[str, str, str], tuple[list[float], Histogram]] = {}
        self.panics = 0

    def slot(self, combination: Combination) -> int:
        found = self._combinations.get(combination)
        if found is None:
            if len(self._combinations) >= MOST_COMBINATIONS:
                combination = combination._replace(
                    asked_bytes=_round_up(combination.asked_bytes),
                    answered_bytes=_round_up(combination.answered_bytes),
                )
                found = self._combinations.get(combination)
            if found is None:
                found = self._combinations[combination] = len(self.values)
                self.values += (0, 0)
        return found

    def count(self, slot: int, seconds: float, combination: Combination, times: int = 1) -> None:
        """Answers that were worked for, or waited for, each for so long."""
        self.values[slot] += times
        self.values[slot + 1] += seconds * times
        if seconds > DURATIONS[0]:
            self.late(combination).observe(seconds, times)

    def turn(self, slot: int) -> int:
        """One more hit of the combination: how many that makes."""
        self.values[slot] += 1
        return int(self.values[slot])

    def late_slot(self, slot: int, times: int, seconds: float) -> None:
        """Hits that took longer than the first bucket has it: the process was held up."""
        combination = next(c for c, at in self._combinations.items() if at == slot)
        self.late(combination).observe(seconds, times)

    def late(self, combination: Combination) -> Histogram:
        """Durations beyond the first bucket."""
        key = (combination.server, combination.zone, combination.view)
        found = self._late.get(key)
        if found is None:
            values: list[float] = [0] * (len(DURATIONS) + 2)
            found = self._late[key] = (values, Histogram(values, 0, DURATIONS))
        return found[1]

    def rows(self) -> Iterator[Row]:
        sums: dict[tuple[str, tuple[str, ...]], float] = {}
        for combination, slot in self._combinations.items():
            count, seconds = self.values[slot], self.values[slot + 1]
            for name, labels, value in _rows(combination, count, seconds):
                sums[name, labels] = sums.get((name, labels), 0) + value
        for name, labels, value in self._moved():
            sums[name, labels] = sums.get((name, labels), 0) + value
        yield from ((name, labels, value) for (name, labels), value in sums.items())
        yield PANICS.name, (), self.panics

    def _moved(self) -> Iterator[Row]:
        """Late answers out of the first bucket, in which `_rows` has put all, into their own."""
        for labels, (values, _) in self._late.items():
            for bound, value in zip((*DURATIONS, float("inf")), values, strict=False):
                yield f"{DURATION.name}_bucket", (*labels, _bound(bound)), value
            late = sum(values[: len(DURATIONS) + 1])
            yield f"{DURATION.name}_bucket", (*labels, _bound(DURATIONS[0])), -late


def _rows(c: Combination, count: float, seconds: float) -> Iterator[Row]:
    zone = (c.server, c.zone, c.view)
    yield REQUESTS.name, (*zone, c.protocol, c.family, c.type), count
    yield RESPONSES.name, (*zone, c.rcode, c.plugin), count
    if c.dnssec_ok:
        yield DO.name, zone, count
    for bound in (*DURATIONS, float("inf")):
        in_first = bound == DURATIONS[0]
        yield f"{DURATION.name}_bucket", (*zone, _bound(bound)), count if in_first else 0
    yield f"{DURATION.name}_sum", zone, seconds
    for metric, size in ((REQUEST_SIZE, c.asked_bytes), (RESPONSE_SIZE, c.answered_bytes)):
        labels = (*zone, c.protocol)
        at = _round_up(size)
        for bound in (*SIZES, float("inf")):
            yield f"{metric.name}_bucket", (*labels, _bound(bound)), count if bound == at else 0
        yield f"{metric.name}_sum", labels, size * count
    if c.cached:
        kind, _, zones = c.cached.partition(" ")
        yield "coredns_cache_hits_total", (c.server, kind, zones, c.view), count
        yield "coredns_cache_requests_total", (c.server, zones, c.view), count


def _round_up(size: int) -> int:
    return int(next((bound for bound in SIZES if size <= bound), SIZES[-1]))


def _bound(value: float) -> str:
    return "+Inf" if value == float("inf") else f"{value:g}"
