"""`forward FROM TO...`: who is asked about the names that nobody here knows, and how."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from polpo.dns.corefile.address_words import host_and_port
from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, duration_s, integer, no_block, unknown
from polpo.dns.corefile.words import zones as zones_of
from polpo.dns.counts import Metric, exponential
from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Rcode

MOST_UPSTREAMS = 15
POLICIES = ("random", "round_robin", "sequential")
PORTS = {"dns": 53, "tls": 853}
OPTIONS = (
    "except", "force_tcp", "prefer_udp", "expire", "max_fails", "max_connect_attempts", "tls",
    "tls_servername", "policy", "health_check", "max_concurrent", "next", "next_on_nodata",
    "failover", "failfast_all_unhealthy_upstreams", "read_timeout", "max_age",
)  # fmt: skip
BOUNDS = exponential(0.00025, 2, 16)
DURATION = Metric(
    "coredns_proxy_request_duration_seconds",
    "histogram",
    "Histogram of the time each request took.",
    ("proxy_name", "to", "rcode"),
    BOUNDS,
)
HEALTH_FAILURES = Metric(
    "coredns_proxy_healthcheck_failures_total",
    "counter",
    "Counter of the number of failed healthchecks.",
    ("proxy_name", "to"),
)
REUSED = Metric(
    "coredns_proxy_conn_cache_hits_total",
    "counter",
    "Counter of connection cache hits per upstream and protocol.",
    ("proxy_name", "to", "proto"),
)
OPENED = Metric(
    "coredns_proxy_conn_cache_misses_total",
    "counter",
    "Counter of connection cache misses per upstream and protocol.",
    ("proxy_name", "to", "proto"),
)
BROKEN = Metric(
    "coredns_forward_healthcheck_broken_total",
    "counter",
    "Counter of the number of complete failures of the healthchecks.",
)
REJECTS = Metric(
    "coredns_forward_max_concurrent_rejects_total",
    "counter",
    "Counter of the number of queries rejected because the concurrent queries were at maximum.",
)
# Retired by CoreDNS, still asked for by public dashboards.
OLD_REQUESTS = Metric(
    "coredns_forward_requests_total", "counter", "Counter of requests made per upstream.", ("to",)
)
OLD_RESPONSES = Metric(
    "coredns_forward_responses_total",
    "counter",
    "Counter of responses received per upstream.",
    ("to", "rcode"),
)
OLD_DURATION = Metric(
    "coredns_forward_request_duration_seconds",
    "histogram",
    "Histogram of the time each request took.",
    ("to", "rcode"),
    BOUNDS,
)
OLD_HEALTH_FAILURES = Metric(
    "coredns_forward_healthcheck_failures_total",
    "counter",
    "Counter of the number of failed healthchecks.",
    ("to",),
)
METRICS = (
    DURATION, HEALTH_FAILURES, REUSED, OPENED, BROKEN, REJECTS, OLD_REQUESTS, OLD_RESPONSES,
    OLD_DURATION, OLD_HEALTH_FAILURES,
)  # fmt: skip


class Target(NamedTuple):
    """One upstream. `server_name` is of "tls" only."""

    protocol: str
    host: str
    port: int
    server_name: str = ""

    @property
    def label(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class HealthCheck(NamedTuple):
    """What is asked, and how often, of an upstream that has failed."""

    every_s: float = 0.5
    recursion: bool = True
    name: bytes = b"\0"


class Forward(NamedTuple):
    """One directive."""

    zones: tuple[bytes, ...]
    targets: tuple[Target, ...]
    excepted: tuple[bytes, ...] = ()
    force_tcp: bool = False
    prefer_udp: bool = False
    expire_s: float = 10.0
    max_age_s: float = 0.0  # of a connection; 0: none
    max_fails: int = 2
    max_attempts: int = 0
    tls_files: tuple[str, ...] = ()
    policy: str = "random"
    health: HealthCheck = HealthCheck()
    max_concurrent: int = 0
    next_rcodes: frozenset[int] = frozenset()
    next_on_nodata: bool = False
    failover_rcodes: frozenset[int] = frozenset()
    fail_fast: bool = False
    read_timeout_s: float = 2.0


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[Forward, ...]:
    return tuple(map(_parse, directives))


def expand(directive: Directive) -> Directive:
    """A file such as /etc/resolv.conf becomes the addresses in it."""
    if len(directive.arguments) < 2:
        return directive
    words = list(directive.arguments[:1])
    for word in directive.arguments[1:]:
        words += _nameservers(directive, word) if word.startswith(("/", "./")) else [word]
    return directive._replace(arguments=tuple(words))


def _nameservers(directive: Directive, path: str) -> list[str]:
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
    except OSError as failed:
        raise directive.wrong(f"{path} cannot be read: {failed.strerror}") from failed
    words = [line.split() for line in lines]
    found = [w[1].partition("%")[0] for w in words if len(w) > 1 and w[0] == "nameserver"]
    if not found:
        raise directive.wrong(f"{path} has no nameserver")
    return [f"[{address}]:53" if ":" in address else address for address in found]


def _parse(directive: Directive) -> Forward:
    words = arguments(directive, 2, MOST_UPSTREAMS + 1)
    settings: dict[str, object] = {}
    for option in directive.block:
        if option.name not in OPTIONS:
            unknown(directive, option, OPTIONS)
        settings |= _option(option)
    server_name = str(settings.pop("server_name", ""))
    targets = tuple(_target(directive, word, server_name) for word in words[1:])
    zones = zones_of(directive, words[:1], ())
    if settings.get("force_tcp") and settings.get("prefer_udp"):
        raise directive.wrong("force_tcp and prefer_udp exclude each other")
    return Forward(zones, targets, **settings)  # type: ignore[arg-type]


def _option(option: Directive) -> dict[str, object]:
    """What one line sets; those that are single words first."""
    no_block(option)
    name = option.name
    flags = {"force_tcp": "force_tcp", "prefer_udp": "prefer_udp"}
    flags |= {
        "next_on_nodata": "next_on_nodata",
        "failfast_all_unhealthy_upstreams": "fail_fast",
    }
    if name in flags:
        arguments(option, 0)
        return {flags[name]: True}
    many = {"except": _except, "tls": _tls, "health_check": _health}
    many |= {"next": _rcodes, "failover": _rcodes}
    if name in many:
        return many[name](option)
    word = arguments(option, 1)[0]
    if name in {"expire", "read_timeout", "max_age"}:
        seconds = duration_s(option, word)
        return {f"{name}_s": seconds}
    if name == "tls_servername":
        return {"server_name": word}
    if name == "policy":
        if word not in POLICIES:
            raise option.wrong(f"{word}: allowed are {', '.join(POLICIES)}")
        return {"policy": word}
    key = "max_attempts" if name == "max_connect_attempts" else name
    return {key: integer(option, word)}


def _except(option: Directive) -> dict[str, object]:
    return {"excepted": zones_of(option, arguments(option, 1, 1000), ())}


def _tls(option: Directive) -> dict[str, object]:
    return {"tls_files": arguments(option, 0, 3)}


def _rcodes(option: Directive) -> dict[str, object]:
    found = set()
    for word in arguments(option, 1, 30):
        if word not in Rcode.__members__:
            raise option.wrong(f"{word}: allowed are {', '.join(Rcode.__members__)}")
        found.add(int(Rcode[word]))
    return {f"{option.name}_rcodes": frozenset(found)}


def _health(option: Directive) -> dict[str, object]:
    words = list(arguments(option, 1, 4))
    every_s = duration_s(option, words.pop(0))
    recursion, name = True, b"\0"
    while words:
        word = words.pop(0)
        if word == "no_rec":
            recursion = False
        elif word == "domain" and words:
            try:
                name = from_text(words.pop(0))
            except ValueError as wrong:
                raise option.wrong(str(wrong)) from wrong
        else:
            raise option.wrong(f"{word}: allowed are no_rec, domain NAME")
    return {"health": HealthCheck(every_s or 0.5, recursion, name)}


def _target(directive: Directive, text: str, server_name: str) -> Target:
    scheme, mark, rest = text.rpartition("://")
    scheme = scheme if mark else "dns"
    if scheme not in PORTS:
        raise directive.wrong(f"{text}: the schemes are dns://, tls://")
    rest, _, own_name = rest.partition("%")
    try:
        host, port = host_and_port(rest, PORTS[scheme])
    except ValueError as wrong:
        raise directive.wrong(f"{text}: {wrong}, nor a file") from wrong
    return Target(scheme, host, port, own_name or server_name)
