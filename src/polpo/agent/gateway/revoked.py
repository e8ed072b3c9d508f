"""Which connections a change of a gateway's row cuts: those translated as it is no more. Pure.

conntrack remembers the translation of each connection and would go on with it. A connection that is
forgotten is judged anew: also that of a workload which has got a floating IP.
"""

from ipaddress import IPv4Address

import msgspec

from polpo.agent.gateway.ruleset import own_ipv4
from polpo.target.rows import Gateway


class Revoked(msgspec.Struct, frozen=True):
    """Connections begun by `sources`, and to `destinations`; `everything` is all of IPv4."""

    sources: frozenset[IPv4Address] = frozenset()
    destinations: frozenset[IPv4Address] = frozenset()
    everything: bool = False


def revoked(before: Gateway, now: Gateway) -> Revoked:
    if (before.snat, before.routed, own_ipv4(before)) != (now.snat, now.routed, own_ipv4(now)):
        return Revoked(everything=True)
    pairs = set(before.floating) ^ set(now.floating)
    ports = set(before.forwardings) ^ set(now.forwardings)
    to = {floating for floating, _ in pairs} | {f.floating for f in ports}
    return Revoked(
        sources=frozenset(IPv4Address(fixed) for _, fixed in pairs),
        destinations=frozenset(map(IPv4Address, to)),
    )
