"""The definition: each slice of the target whole, from one snapshot. Total and sorted by key."""

from collections.abc import Iterable, Iterator

from polpo.compiler import transit
from polpo.compiler.balancer_rows import balancer_row
from polpo.compiler.carriage import functions_of, networks_of
from polpo.compiler.cluster_services import slice_rows as service_slice_rows
from polpo.compiler.gateway_rows import gateway_row
from polpo.compiler.host_rows import network_row, policy_row, port_row, routing_row
from polpo.compiler.probes import probe_row
from polpo.compiler.shared_rows import (
    closed_rows,
    endpoint_row,
    groups_row,
    host_row,
    member_row,
    router_row,
    subnet_row,
)
from polpo.compiler.view import View
from polpo.model.host import Host
from polpo.model.load_balancer import LoadBalancer
from polpo.model.network import Network, Subnet
from polpo.model.placement import Placement
from polpo.model.port import Port
from polpo.model.probe import Probe
from polpo.model.router import Router
from polpo.model.snapshot import Snapshot
from polpo.target.rows import AnyRow, Carrying, Slices

HOSTS = "hosts"


def host_name(host: str) -> str:
    """The name of the slice of one host."""
    return f"host/{host}"


def network_name(network: Network) -> str:
    """The name of the slice of one network."""
    return f"network/{network.vni}"


def router_name(router: Router) -> str:
    """The name of the slice of one router."""
    return f"router/{router.vni}"


def transit_name(vni: int) -> str:
    """The name of the slice of a network function's transit network."""
    return f"network/{vni}"


def host_slice(view: View, host: str) -> dict[str, AnyRow]:
    """The host's own ports, the policies that they use, the networks and routers it carries."""
    find = view.snapshot
    rows: list[AnyRow | None] = [port_row(view, host, p.id) for p in find.by(Port, "host", host)]
    rows += [policy_row(view, host, groups) for groups in find.traits(Port, "guards", host)]
    rows += [probe_row(view, host, probe.id) for probe in find.by(Probe, "host", host)]
    return _by_key([*rows, *_functions(view, host), *carrying(view, host)])


def _functions(view: View, host: str) -> Iterator[AnyRow | None]:
    """The host's instances of network functions, and their ends in transit networks."""
    for placement in view.snapshot.by(Placement, "host", host):
        function = transit.function(view, placement.function_id)
        if function is not None:
            yield gateway_row(view, host, function.vni)
            yield balancer_row(view, host, function.vni)
            yield transit.port_row(view, host, placement.id)


def carrying(view: View, host: str) -> list[Carrying]:
    """The rows of the host's own slice that say which shared slices it needs."""
    ids = networks_of(view.snapshot, host)
    alone = [view.network(id) for id in ids if view.domain(id) is None]
    rows: list[Carrying | None] = [network_row(view, host, n.vni) for n in alone if n is not None]
    for domain in view.domains_on(host):
        networks, routers = view.numbers(domain)
        rows += [network_row(view, host, vni) for vni in networks]
        rows += [routing_row(view, host, vni) for vni in routers]
    balancers = map(view.balancer, functions_of(view.snapshot, host))
    rows += [network_row(view, host, b.vni) for b in balancers if b is not None]
    return [row for row in rows if row is not None]


def network_slice(view: View, network: Network) -> dict[str, AnyRow]:
    """All bound ports of the network, the sets of groups that they are in, and the subnets."""
    ports = [p for p in view.snapshot.by(Port, "network", network.id) if p.host]
    rows: list[AnyRow | None] = [endpoint_row(view, network.vni, port.id) for port in ports]
    sets = view.snapshot.traits(Port, "group_sets", network.id)
    rows += [groups_row(view, network.vni, groups) for groups in sets]
    subnets = view.snapshot.by(Subnet, "network", network.id)
    rows += [subnet_row(view, network.vni, subnet.id) for subnet in subnets]
    for balancer in view.snapshot.by(LoadBalancer, "vip_network", network.id):
        rows += view.services(balancer).values()
    return _by_key(rows)


def transit_slice(view: View, function: Router | LoadBalancer) -> dict[str, AnyRow]:
    """The network between a function's instances, and with the router if it is one's gateway."""
    placements = view.snapshot.by(Placement, "function", function.id)
    ends = [transit.endpoint_row(view, function.vni, p.id) for p in placements]
    subnets = [transit.subnet_row(view, function.vni, id) for id in transit.SUBNETS]
    return _by_key([*ends, *subnets])


def router_slice(view: View, router: Router) -> dict[str, AnyRow]:
    """A router that is switched on; the hosts that carry it, if its number is the domain's."""
    domain = view.domain_of(router)
    rows: list[AnyRow | None] = [router_row(view, router.vni), *view.routing(router).values()]
    rows += closed_rows(view, router).values()
    if domain.number == router.vni:
        hosts = map(view.host, view.hosts(domain))
        rows += [member_row(view, router.vni, h.address) for h in hosts if h is not None]
    return _by_key([*rows, *service_slice_rows(view, router)])


def hosts_slice(view: View) -> dict[str, AnyRow]:
    """Every host of the cloud."""
    return _by_key(host_row(view, host.name) for host in view.snapshot.all(Host))


def shared_slice(view: View, name: str) -> dict[str, AnyRow]:
    """The slice of that name; empty if there is no such network or router, or nothing in it."""
    if name == HOSTS:
        return hosts_slice(view)
    kind, _, number = name.partition("/")
    network, router = view.network_of(int(number)), view.router_of(int(number))
    if router is not None and kind == "router":
        return router_slice(view, router)
    function = router or view.balancer_of(int(number))
    if function is not None:
        return transit_slice(view, function)
    return network_slice(view, network) if network is not None and kind == "network" else {}


def is_there(view: View, name: str) -> bool:
    """Whether there is a network or router with that shared slice."""
    if name == HOSTS:
        return True
    kind, _, number = name.partition("/")
    vni = int(number)
    if view.router_of(vni) is not None:  # has a network of its own, too: the transit network
        return True
    return kind == "network" and bool(view.network_of(vni) or view.balancer_of(vni))


def all_slices(snapshot: Snapshot) -> Slices:
    """Every slice there is, empty ones left out."""
    view = View(snapshot)
    routers = [router for router in snapshot.all(Router) if router.admin_state_up]
    slices = {HOSTS: hosts_slice(view)}
    slices |= {host_name(h.name): host_slice(view, h.name) for h in snapshot.all(Host)}
    slices |= {network_name(n): network_slice(view, n) for n in snapshot.all(Network)}
    slices |= {router_name(router): router_slice(view, router) for router in routers}
    slices |= {transit_name(router.vni): transit_slice(view, router) for router in routers}
    for balancer in filter(None, (view.balancer(b.id) for b in snapshot.all(LoadBalancer))):
        slices[transit_name(balancer.vni)] = transit_slice(view, balancer)
    return {name: rows for name, rows in slices.items() if rows}


def carried(view: View, host: str) -> frozenset[str]:
    """The shared slices that the host needs: those that rows of its own slice name."""
    return frozenset({HOSTS, *(row.needs for row in carrying(view, host))})


def _by_key(rows: Iterable[AnyRow | None]) -> dict[str, AnyRow]:
    return {row.key: row for row in sorted((r for r in rows if r), key=lambda row: row.key)}
