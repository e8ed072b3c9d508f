"""An ipBlock as the prefixes that are left when its exceptions are taken out."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from polpo.policy.objects import IPBlock

Prefix = IPv4Network | IPv6Network


@lru_cache(maxsize=4096)
def prefixes(block: IPBlock) -> tuple[Prefix, ...]:
    """None that cannot be read: such a block lets nobody pass."""
    try:
        left: list[Any] = [ip_network(block.cidr, strict=False)]
        for text in block.except_ or ():
            taken = ip_network(text, strict=False)
            left = [part for whole in left for part in _without(whole, taken)]
    except ValueError:
        return ()
    return tuple(sorted(left))


def _without(whole: Any, taken: Any) -> list[Any]:
    if whole.version != taken.version or not whole.overlaps(taken):
        return [whole]
    if whole.subnet_of(taken):
        return []
    return list(whole.address_exclude(taken))
