"""`acl [ZONES...] { ACTION [type TYPES...] [net NETWORKS...] }`: who may ask what."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

from polpo.dns.corefile.block import Directive, ServerBlock
from polpo.dns.corefile.words import unknown, zones
from polpo.dns.counts import Metric
from polpo.dns.wire.registry import type_number

ACTIONS = ("allow", "block", "filter", "drop")
_LABELS = ("server", "zone", "view")


def _counter(action: str) -> Metric:
    name = f"coredns_acl_{action}_requests_total"
    return Metric(name, "counter", f"Counter of DNS requests being {action}.", _LABELS)


COUNTED = {
    "allow": _counter("allowed"),
    "block": _counter("blocked"),
    "filter": _counter("filtered"),
    "drop": _counter("dropped"),
}
METRICS = tuple(COUNTED.values())


class Policy(NamedTuple):
    """Empty `types` and `networks` mean all."""

    action: str
    types: frozenset[int] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()


class Rule(NamedTuple):
    """The first policy that fits a query within the zones decides."""

    zones: tuple[bytes, ...]
    policies: tuple[Policy, ...]


def parse(directives: tuple[Directive, ...], block: ServerBlock) -> tuple[Rule, ...]:
    return tuple(
        Rule(zones(d, d.arguments, block.zones), tuple(_policy(d, o) for o in d.block))
        for d in directives
    )


def _policy(directive: Directive, option: Directive) -> Policy:
    if option.name not in ACTIONS:
        unknown(directive, option, ACTIONS)
    types: set[int] = set()
    networks: list[IPv4Network | IPv6Network] = []
    section = ""
    for word in option.arguments:
        if word in {"type", "net"}:
            section = word
        elif word in {"*", "ANY"} and section:
            pass  # all, as if nothing had been said
        elif section == "type":
            types.add(_type(option, word))
        elif section == "net":
            networks.append(_network(option, word))
        else:
            raise option.wrong(f"{word}: allowed are type TYPES..., net NETWORKS...")
    return Policy(option.name, frozenset(types), tuple(networks))


def _type(option: Directive, word: str) -> int:
    try:
        return type_number(word)
    except ValueError as wrong:
        raise option.wrong(str(wrong)) from wrong


def _network(option: Directive, word: str) -> IPv4Network | IPv6Network:
    try:
        return ip_network(word, strict=False)
    except ValueError as wrong:
        raise option.wrong(str(wrong)) from wrong
