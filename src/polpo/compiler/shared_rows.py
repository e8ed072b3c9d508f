"""Rows that many hosts need: of a network, of a router, and the cloud's hosts."""

from polpo.compiler.numbers import Groups, groups_number
from polpo.compiler.view import View
from polpo.model.cluster import Cluster
from polpo.model.port import Port
from polpo.model.router import Router
from polpo.target import rows
from polpo.target.rows import (
    Endpoint,
    GroupSet,
    Host,
    Interface,
    Member,
    Route,
    Subnet,
)


def endpoint_row(view: View, vni: int, id: str) -> Endpoint | None:
    """The port as others reach it; None unless it is bound to a host that exists."""
    port, network = view.snapshot.get(Port, id), view.network_of(vni)
    if port is None or network is None or port.network_id != network.id or not port.host:
        return None
    host = view.host(port.host)
    if host is None:
        return None
    return Endpoint(
        port=port.id,
        mac=port.mac_address,
        host_address=host.address,
        addresses=tuple(sorted(fixed.ip_address for fixed in port.fixed_ips)),
        groups=groups_number(port.group_set),
    )


def groups_row(view: View, vni: int, groups: Groups) -> GroupSet | None:
    """The set, as long as a bound port of the network is in just these groups."""
    network = view.network_of(vni)
    if network is None or not view.snapshot.has_trait(Port, "group_sets", network.id, groups):
        return None
    return GroupSet(number=groups_number(groups), groups=groups)


def subnet_row(view: View, vni: int, id: str) -> Subnet | None:
    subnet, network = view.subnet(id), view.network_of(vni)
    if subnet is None or network is None or subnet.network_id != network.id:
        return None
    return Subnet(
        id=subnet.id,
        cidr=subnet.cidr,
        gateway=subnet.gateway_ip,
        dns_servers=subnet.dns_nameservers,
        routes=tuple((route.destination, route.nexthop) for route in subnet.host_routes),
        dhcp=subnet.enable_dhcp,
        ra_mode=subnet.ipv6_ra_mode,
        address_mode=subnet.ipv6_address_mode,
        domain=network.dns_domain.removesuffix("."),
    )


def router_row(view: View, vni: int) -> rows.Router | None:
    router = view.router_of(vni)
    if router is None:
        return None
    return rows.Router(vni, router.id, view.domain_of(router).number)


def routing_row(view: View, vni: int, key: str) -> Interface | Route | None:
    """One of the router's interfaces or routes, by its key."""
    router = view.router_of(vni)
    if router is None:
        return None
    return view.routing(router).get(key) or closed_rows(view, router).get(key)


def closed_rows(view: View, router: Router) -> dict[str, Route]:
    """Routes to nowhere, by key: what no Service is at of their prefixes is not outside, either."""
    clusters = view.snapshot.by(Cluster, "router", router.id)
    prefixes = sorted({prefix for cluster in clusters for prefix in cluster.service_cidrs})
    rows = (Route(prefix, ()) for prefix in prefixes)
    return {row.key: row for row in rows if row.key not in view.routing(router)}


def member_row(view: View, vni: int, address: str) -> Member | None:
    """The host at that address, as long as it carries the domain of that number."""
    router, host = view.router_of(vni), view.host_at(address)
    if router is None or host is None:
        return None
    domain = view.domain_of(router)
    is_member = domain.number == vni and host.name in view.hosts(domain)
    return Member(address) if is_member else None


def host_row(view: View, name: str) -> Host | None:
    host = view.host(name)
    return Host(name=host.name, address=host.address) if host is not None else None
