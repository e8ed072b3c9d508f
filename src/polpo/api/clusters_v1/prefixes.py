"""Prefixes of ClusterIPs: nothing that the cluster's router leads to may be in them."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

from polpo.api.hosts_v1.errors import Refused
from polpo.model.network import Subnet
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot

Prefix = IPv4Network | IPv6Network
SHORTEST = {4: 8, 6: 48}


def service_cidrs(snapshot: Snapshot, router_id: str, texts: Sequence[str]) -> tuple[str, ...]:
    """As they were given, in their usual form. Kubernetes knows one for each family at most."""
    prefixes = [_prefix(text) for text in texts]
    if len({prefix.version for prefix in prefixes}) < len(prefixes):
        raise Refused(400, "service_cidrs: one prefix for each family at most.")
    for prefix in prefixes:
        for cidr in routed_cidrs(snapshot, router_id):
            if _overlap(prefix, ip_network(cidr)):
                raise Refused(409, f"service_cidrs: {prefix} overlaps with subnet {cidr}.")
    return tuple(map(str, prefixes))


def _prefix(text: str) -> Prefix:
    """Hosts that have pods of the cluster send all of it there."""
    try:
        prefix = ip_network(text)
    except ValueError as error:
        raise Refused(400, f"service_cidrs: {error}") from error
    first, least = prefix.network_address, SHORTEST[prefix.version]
    if "%" in text or first.is_multicast or first.is_loopback or first.is_link_local:
        raise Refused(400, f"service_cidrs: {text} is no prefix of addresses to be routed.")
    if prefix.prefixlen < least:
        raise Refused(400, f"service_cidrs: {text} is too large, /{least} at most.")
    return prefix


def routed_cidrs(snapshot: Snapshot, router_id: str) -> Iterator[str]:
    """Of the subnets of all networks that the router joins."""
    networks: Iterable[str] = snapshot.traits(Port, "joined", router_id)
    for network in networks:
        yield from (subnet.cidr for subnet in snapshot.by(Subnet, "network", network))


def _overlap(one: Prefix, other: Prefix) -> bool:
    return one.version == other.version and one.overlaps(other)
