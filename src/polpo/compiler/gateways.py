"""What a router's gateway is, but for which of the two instances it is. Pure.

Neither instance depends on where the other one is, so that one that moves to another host leaves
the other alone.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from ipaddress import ip_address, ip_interface, ip_network

from polpo.compiler.qos import floating_limits
from polpo.compiler.routing import EVERYWHERE, external_network
from polpo.compiler.translation import floating, forwardings, inside, passes
from polpo.model.network import Subnet
from polpo.model.port import Port
from polpo.model.router import Router
from polpo.model.snapshot import Snapshot
from polpo.target import rows

Routing = Sequence[rows.Interface | rows.Route]


def gateway(snapshot: Snapshot, router: Router, routing: Routing) -> rows.Gateway | None:
    """None without one, or if the external network is nowhere outside. `routing`: its own rows."""
    network = external_network(snapshot, router)
    port = snapshot.get(Port, router.gateway_port_id)
    if network is None or port is None or not network.physical_network:
        return None
    found = inside(snapshot, router, routing)
    passing = passes(snapshot, router, network, found)
    subnets = list(snapshot.by(Subnet, "network", network.id))
    routes = _routes(router, subnets, routing)
    return rows.Gateway(
        router=router.id,
        vni=router.vni,
        physical_network=network.physical_network,
        vlan=network.vlan_id or 0,
        mtu=network.mtu,
        external_mac=port.mac_address,
        external=_external(port, subnets),
        next_hops=_next_hops(port, subnets, routes.keys()),
        on_link=_on_link(port, subnets),
        inside=tuple(str(prefix) for prefix, _ in found),
        snat=passing.snat,
        routed=passing.routed,
        floating=floating(snapshot, router),
        forwardings=forwardings(snapshot, router),
        routes=tuple(sorted(routes.items())),
        limits=floating_limits(snapshot, router),
    )


def _held(port: Port, subnets: Iterable[Subnet]) -> list[tuple[str, Subnet]]:
    """The port's addresses, the first one first, with their subnets."""
    found = {subnet.id: subnet for subnet in subnets}
    return [(f.ip_address, found[f.subnet_id]) for f in port.fixed_ips if f.subnet_id in found]


def _external(port: Port, subnets: Iterable[Subnet]) -> tuple[str, ...]:
    return tuple(f"{address}/{s.cidr.partition('/')[2]}" for address, s in _held(port, subnets))


def _next_hops(port: Port, subnets: Iterable[Subnet], routes: Collection[str]) -> tuple[str, ...]:
    """Of the families that have no default route of their own among the extra ones."""
    hops = dict.fromkeys(subnet.gateway_ip for _, subnet in _held(port, subnets))
    return tuple(h for h in hops if h and EVERYWHERE[ip_address(h).version] not in routes)


def _on_link(port: Port, subnets: Iterable[Subnet]) -> tuple[str, ...]:
    """The other subnets out there, where floating IPs may be from."""
    held = {subnet.id for _, subnet in _held(port, subnets)}
    return tuple(sorted(subnet.cidr for subnet in subnets if subnet.id not in held))


def _routes(
    router: Router, subnets: Iterable[Subnet], routing: Routing
) -> dict[str, tuple[str, ...]]:
    """Extra routes with next hops outside, which the router itself sends to its gateway."""
    links = [
        ip_interface(address).network
        for row in routing
        if isinstance(row, rows.Interface) and row.vni != router.vni
        for address in row.addresses
    ]
    beyond = [ip_network(subnet.cidr) for subnet in subnets]
    found: defaultdict[str, set[str]] = defaultdict(set)
    for route in router.routes:
        hop = ip_address(route.nexthop)
        if any(hop in x for x in beyond) and not any(hop in x for x in links):
            found[str(ip_network(route.destination, strict=False))].add(route.nexthop)
    return {prefix: tuple(sorted(hops)) for prefix, hops in found.items()}
