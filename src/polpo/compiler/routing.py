"""What a router is to the switch: its interfaces, and its routes beyond their links. Pure.

A router with a gateway has a network of its own number, the transit network, where the gateway's
instances are its neighbours (docs/design/routing.md). Its addresses are the same for all routers.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network
from typing import TypeAlias

from polpo.model.network import Network, Subnet
from polpo.model.port import FixedIP, Port
from polpo.model.router import INTERFACES, Router
from polpo.model.snapshot import Snapshot
from polpo.target.rows import Interface, Route

TRANSIT = "transit"
TRANSIT_ADDRESSES = ("169.254.0.1/24", "fe80::1/64")
ACTIVE = {4: "169.254.0.2", 6: "fe80::2"}
"""Whoever is active of the gateway's instances, by family."""
INSTANCES = {4: ("169.254.0.3", "169.254.0.4"), 6: ("fe80::3", "fe80::4")}
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
HOPS = 8

Hop: TypeAlias = tuple[int, str]
Prefix: TypeAlias = IPv4Network | IPv6Network
Link: TypeAlias = tuple[Prefix, int]
"""A prefix that is on the link in the network of that number."""


def routing(snapshot: Snapshot, router: Router) -> dict[str, Interface | Route]:
    """The router's `Interface` and `Route` rows by key. It is switched on."""
    interfaces = list(_interfaces(snapshot, router))
    outside = external_network(snapshot, router)
    transit = [_transit(router, outside)] if outside is not None else []
    routes = _routes(snapshot, router, interfaces, outside)
    found: list[Interface | Route] = [*interfaces, *transit, *routes]
    return {row.key: row for row in found}


def external_network(snapshot: Snapshot, router: Router) -> Network | None:
    """Where its gateway leads; None without one."""
    if not router.gateway_port_id:
        return None
    return snapshot.get(Network, router.external_network_id)


def transit_mac(router: Router) -> str:
    """The router's own, in its transit network."""
    number = router.vni.to_bytes(3, "big")
    return f"02:70:6f:{number.hex(':')}"


def _transit(router: Router, outside: Network) -> Interface:
    """Networks of any type have at most the MTU that the overlay carries."""
    return Interface(TRANSIT, router.vni, transit_mac(router), outside.mtu, TRANSIT_ADDRESSES)


def _interfaces(snapshot: Snapshot, router: Router) -> Iterator[Interface]:
    for port in snapshot.by(Port, "device", router.id):
        network = snapshot.get(Network, port.network_id)
        if network is None or port.device_owner not in INTERFACES:
            continue
        if port.admin_state_up and network.admin_state_up:
            held = (_address(snapshot, network, fixed) for fixed in sorted(port.fixed_ips))
            addresses = tuple(address for address in held if address is not None)
            yield Interface(port.id, network.vni, port.mac_address, network.mtu, addresses)


def _address(snapshot: Snapshot, network: Network, fixed: FixedIP) -> str | None:
    subnet = snapshot.get(Subnet, fixed.subnet_id)
    if subnet is None or subnet.network_id != network.id:
        return None
    return f"{fixed.ip_address}/{subnet.cidr.partition('/')[2]}"


def _routes(
    snapshot: Snapshot, router: Router, interfaces: Sequence[Interface], outside: Network | None
) -> Iterator[Route]:
    """The user's own go before the gateway's."""
    links = [(ip_interface(a).network, row.vni) for row in interfaces for a in row.addresses]
    beyond = _prefixes(snapshot, outside) if outside is not None else []
    hops: defaultdict[str, set[Hop]] = defaultdict(set)
    for route in router.routes:
        destination = str(ip_network(route.destination, strict=False))
        hops[destination] |= set(_hops(router, links, beyond, route.nexthop))
    for family in {prefix.version for prefix in beyond}:
        if not hops[EVERYWHERE[family]]:
            hops[EVERYWHERE[family]] = {(router.vni, ACTIVE[family])}
    yield from (_route(router, prefix, via) for prefix, via in hops.items() if via)


def _prefixes(snapshot: Snapshot, network: Network) -> list[Prefix]:
    return [ip_network(subnet.cidr) for subnet in snapshot.by(Subnet, "network", network.id)]


def _hops(
    router: Router, links: Sequence[Link], beyond: Sequence[Prefix], next_hop: str
) -> Iterator[Hop]:
    """One, on a link of the router's or by way of its gateway; none if it is on neither."""
    address = ip_address(next_hop)
    near = min((vni for prefix, vni in links if address in prefix), default=None)
    if near is not None:
        yield near, next_hop
    elif any(address in prefix for prefix in beyond):
        yield router.vni, ACTIVE[address.version]


def _route(router: Router, prefix: str, hops: set[Hop]) -> Route:
    """Where the gateway is a hop, its instances are there for when nothing was learned."""
    via = tuple(sorted(hops)[:HOPS])
    family = ip_network(prefix).version
    leads_out = (router.vni, ACTIVE[family]) in via
    backups = [(router.vni, address) for address in INSTANCES[family]] if leads_out else []
    return Route(prefix, via, tuple(backups[: HOPS - len(via)]))
