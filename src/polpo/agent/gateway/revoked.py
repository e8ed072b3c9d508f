"""Where to look for connections that a change of a gateway's row has made wrong. Pure.

All that the former row allows and the new one does not (`wrong.py`) are there.
"""

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address
from typing import Any

import msgspec

from polpo.agent.gateway.translation import forwarded, inward, outward
from polpo.target.rows import Gateway

MANY = 4  # the kernel walks its whole table for each address; for more, all is looked at


class Revoked(msgspec.Struct, frozen=True):
    """Connections begun by `sources`, and to `destinations`; or `everything`."""

    sources: frozenset[IPv4Address] = frozenset()
    destinations: frozenset[IPv4Address] = frozenset()
    everything: bool = False


def revoked(before: Gateway, now: Gateway) -> Revoked:
    for of in ("external", "snat", "routed"):
        if getattr(before, of) != getattr(now, of):
            return Revoked(everything=True)
    sources = frozenset(_differ(outward(before), outward(now)))
    destinations = set(_differ(inward(before), inward(now)))
    if before.forwardings != now.forwardings:
        ports = _differ(dict(forwarded(before)), dict(forwarded(now)))
        destinations |= {floating for _, floating, _ in ports}
    if len(sources) + len(destinations) > MANY:
        return Revoked(everything=True)
    return Revoked(sources, frozenset(destinations))


def _differ(before: Mapping[Any, Any], now: Mapping[Any, Any]) -> Iterator[Any]:
    """The keys that do not have the same value in both."""
    return (key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
