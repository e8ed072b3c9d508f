"""`cache [TTL] [ZONES...]`: replies kept for as long as their records say, within bounds."""

from __future__ import annotations

from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import arguments, duration_s, integer, once, unknown, zones
from polpo.dns.counts import Metric
from polpo.dns.wire.name import to_text

OPTIONS = ("success", "denial", "prefetch", "serve_stale", "servfail", "disable", "keepttl")
CAPACITY = 9984
_ZONES = ("zones", "view")


def _counter(name: str, words: str, *labels: str) -> Metric:
    return Metric(f"coredns_cache_{name}", "counter", words, ("server", *labels, *_ZONES))


ENTRIES = Metric(
    "coredns_cache_entries",
    "gauge",
    "The number of elements in the cache.",
    ("server", "type", *_ZONES),
)
REQUESTS = _counter("requests_total", "The count of cache requests.")
HITS = _counter("hits_total", "The count of cache hits.", "type")
MISSES = _counter(
    "misses_total", "The count of cache misses. Deprecated, derive misses from cache hits/requests."
)
PREFETCHES = _counter("prefetch_total", "The number of times the cache has prefetched an item.")
STALE = _counter("served_stale_total", "The number of requests served from stale cache entries.")
EVICTIONS = _counter("evictions_total", "The count of cache evictions.", "type")
DROPS = _counter(
    "drops_total", "The number responses that are not cached, because the reply is malformed."
)
METRICS = (ENTRIES, REQUESTS, HITS, MISSES, PREFETCHES, STALE, EVICTIONS, DROPS)


class Bounds(NamedTuple):
    """Of one kind of replies: how many, and the most and least seconds that each is kept."""

    capacity: int
    most_s: int
    least_s: int = 5


class Prefetch(NamedTuple):
    """What is asked for anew before it ends: after `amount` hits with no gap of `gap_s`, when less
    than `part` of its life is left. Amount 0: nothing."""

    amount: int = 0
    gap_s: float = 60.0
    part: float = 0.1


class Cache(NamedTuple):
    """One directive. `stale_s`: for how long after its end a reply is better than none; `verify_s`:
    how long the fresh one is waited for first (0: not at all)."""

    zones: tuple[bytes, ...]
    success: Bounds
    denial: Bounds
    servfail_s: float = 5.0
    prefetch: Prefetch = Prefetch()
    stale_s: float = 0.0
    verify: bool = False
    no_success: tuple[bytes, ...] = ()
    no_denial: tuple[bytes, ...] = ()
    keep_ttl: bool = False

    @property
    def label(self) -> str:
        return ",".join(to_text(zone) for zone in self.zones)


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> Cache:
    directive = once(directives)
    words = list(directive.arguments)
    success, denial = Bounds(CAPACITY, 3600), Bounds(CAPACITY, 1800)
    if words and words[0].isascii() and words[0].isdigit():
        ttl_s = integer(directive, words.pop(0), 1)
        success, denial = success._replace(most_s=ttl_s), denial._replace(most_s=ttl_s)
    value = Cache(zones(directive, words, block.zones), success, denial)
    for option in directive.block:
        value = _option(value, option, directive)
    return value


def _option(value: Cache, option: Directive, directive: Directive) -> Cache:
    match option.name:
        case "success":
            return value._replace(success=_bounds(option, value.success))
        case "denial":
            return value._replace(denial=_bounds(option, value.denial))
        case "prefetch":
            return value._replace(prefetch=_prefetch(option))
        case "serve_stale":
            return _stale(value, option)
        case "servfail":
            seconds = duration_s(option, arguments(option, 1)[0])
            if seconds > 300:
                raise option.wrong("at most 5m (RFC 2308 7.1)")
            return value._replace(servfail_s=seconds)
        case "disable":
            return _disable(value, option)
        case "keepttl":
            arguments(option, 0)
            return value._replace(keep_ttl=True)
    return unknown(directive, option, OPTIONS)


def _bounds(option: Directive, bounds: Bounds) -> Bounds:
    words = arguments(option, 1, 3)
    capacity = integer(option, words[0], 1)
    most_s = integer(option, words[1], 1) if len(words) > 1 else bounds.most_s
    least_s = integer(option, words[2]) if len(words) > 2 else bounds.least_s
    return Bounds(capacity, most_s, min(least_s, most_s))


def _prefetch(option: Directive) -> Prefetch:
    words = arguments(option, 1, 3)
    amount = integer(option, words[0])
    gap_s = duration_s(option, words[1]) if len(words) > 1 else 60.0
    part = 0.1
    if len(words) > 2:
        if not words[2].endswith("%"):
            raise option.wrong(f"{words[2]} is no percentage such as 10%")
        part = integer(option, words[2][:-1], 10, 90) / 100
    return Prefetch(amount, gap_s, part)


def _stale(value: Cache, option: Directive) -> Cache:
    words = arguments(option, 0, 3)
    stale_s = duration_s(option, words[0]) if words else 3600.0
    if len(words) > 1 and words[1].lower() not in {"immediate", "verify"}:
        raise option.wrong(f"{words[1]}: allowed are immediate, verify")
    verify = len(words) > 1 and words[1].lower() == "verify"
    return value._replace(stale_s=stale_s, verify=verify)


def _disable(value: Cache, option: Directive) -> Cache:
    kind, *names = arguments(option, 1, 1000)
    found = zones(option, names, value.zones)
    if kind == "success":
        return value._replace(no_success=found)
    if kind == "denial":
        return value._replace(no_denial=found)
    raise option.wrong(f"{kind}: allowed are success, denial")
