"""What a router's gateway does with addresses, by prefixes and by single ones. Pure.

Prefixes of IPv4 inside are translated to the router's own address outside (SNAT), or pass as they
are if the outside is of their own address scope; IPv6 passes as it is within one scope or within
none. What is in neither `snat` nor `routed` does not pass. As Neutron's address scopes have it.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network
from typing import NamedTuple, TypeAlias

from polpo.model.network import Network, Subnet, SubnetPool
from polpo.model.port import Port
from polpo.model.router import FloatingIP, Router
from polpo.model.snapshot import Snapshot
from polpo.target import forwarding, rows

Prefix: TypeAlias = IPv4Network | IPv6Network


class Inside(NamedTuple):
    """A prefix that is reached through the router, and the address scope it is in ("" for none)."""

    prefix: Prefix
    scope: str


class Passes(NamedTuple):
    """The prefixes that are translated, and those that pass as they are."""

    snat: tuple[str, ...]
    routed: tuple[str, ...]


def inside(
    snapshot: Snapshot, router: Router, routing: Sequence[rows.Interface | rows.Route]
) -> list[Inside]:
    """The subnets that it joins, and what is routed on within them. `routing`: its own rows."""
    links = [
        Inside(ip_interface(address).network, _scope_at(snapshot, row.port, address))
        for row in routing
        if isinstance(row, rows.Interface) and row.vni != router.vni
        for address in row.addresses
    ]
    beyond = (_beyond(router, links, r) for r in routing if isinstance(r, rows.Route))
    return sorted({*links, *(b for b in beyond if b is not None)}, key=str)


def _beyond(router: Router, links: Sequence[Inside], route: rows.Route) -> Inside | None:
    """A route to a next hop inside, of whose link the scope is. Of default routes only the
    gateway's own counts: what has come in by it must find out again.
    """
    prefix = ip_network(route.prefix)
    hops = [address for vni, address in route.via if vni != router.vni]
    if len(hops) < len(route.via) or not prefix.prefixlen:
        return None
    scopes = (link.scope for link in links if ip_address(hops[0]) in link.prefix)
    return Inside(prefix, next(scopes, ""))


def passes(snapshot: Snapshot, router: Router, outside: Network, found: list[Inside]) -> Passes:
    scopes = {version: scope_outside(snapshot, outside, version) for version in (4, 6)}
    snat, routed = [], []
    for prefix, scope in found:
        same = scope == scopes[prefix.version]
        translated = prefix.version == 4 and router.enable_snat
        if same and (scope or not translated):
            routed.append(str(prefix))
        elif translated:
            snat.append(str(prefix))
    return Passes(tuple(snat), tuple(routed))


def scope_outside(snapshot: Snapshot, network: Network, version: int) -> str:
    """The address scope of a network, which its subnets of one family share."""
    subnets = snapshot.by(Subnet, "network", network.id)
    of_pools = sorted(s.id for s in subnets if s.ip_version == version and s.subnetpool_id)
    return _scope(snapshot, of_pools[0]) if of_pools else ""


def _scope_at(snapshot: Snapshot, port_id: str, address: str) -> str:
    """Of the subnet that a port's address is in."""
    port = snapshot.get(Port, port_id)
    bare = address.partition("/")[0]
    ids = [f.subnet_id for f in port.fixed_ips if f.ip_address == bare] if port is not None else []
    return _scope(snapshot, ids[0]) if ids else ""


def _scope(snapshot: Snapshot, subnet_id: str) -> str:
    subnet = snapshot.get(Subnet, subnet_id)
    pool = snapshot.get(SubnetPool, subnet.subnetpool_id or "") if subnet is not None else None
    return (pool.address_scope_id or "") if pool is not None else ""


def floating(snapshot: Snapshot, router: Router) -> tuple[tuple[str, str], ...]:
    """(floating, fixed) addresses."""
    found = snapshot.by(FloatingIP, "router", router.id)
    return tuple(sorted((f.floating_ip_address, f.fixed_ip_address) for f in found if f.port_id))


def forwardings(snapshot: Snapshot, router: Router) -> tuple[forwarding.Forwarding, ...]:
    found = snapshot.by(FloatingIP, "router", router.id)
    return tuple(sorted((row for fip in found for row in _forwarded(fip)), key=str))


def _forwarded(fip: FloatingIP) -> Iterator[forwarding.Forwarding]:
    for f in fip.forwardings:
        one = f.internal_port_last in (0, f.internal_port)
        yield forwarding.Forwarding(
            floating=fip.floating_ip_address,
            protocol=f.protocol,
            first=f.external_port,
            last=f.external_port_last,
            fixed=f.internal_address,
            port=f.internal_port,
            one=one and f.external_port_last > f.external_port,
        )
