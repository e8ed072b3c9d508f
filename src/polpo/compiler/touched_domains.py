"""Which rows of routers, and of what hosts carry, changes may concern.

As in touched.py; but of all changes at once, as many of them may concern one domain, whose rows
are on many hosts.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from polpo.compiler import host_rows, shared_rows
from polpo.compiler.carriage import networks_of
from polpo.compiler.domains import Domain, reshapes
from polpo.compiler.slices import host_name, router_name
from polpo.compiler.touched import Touched, merged
from polpo.compiler.view import View
from polpo.model.change import Change
from polpo.model.host import Host
from polpo.model.network import Network, Subnet
from polpo.model.placement import Placement
from polpo.model.port import Port
from polpo.model.router import INTERFACES, Router

Changes = Sequence[Change[Any]]


def touched_domains(view: View, changes: Changes) -> Touched:
    """The rows in `view` that routers and what they join have a part in."""
    seen = [state for change in changes if _matters(change) for state in change.states]
    domains = {domain.number: domain for domain in _reshaped(view, changes)}
    routers = {router.id: router for state in seen for router in _routers(view, state)}
    parts = [_domain(view, domain) for domain in domains.values()]
    parts += [_router(view, router) for router in routers.values()]
    return merged([*parts, *(_on_hosts(view, state) for state in seen)])


def touched_carriage(before: View, after: View, changes: Changes) -> Touched:
    """The rows that a host has because it carries what it did not carry before, or no more.

    Asked of both views at once: a port more, where there is one already, is none of this.
    """
    states = [s for change in changes for s in change.states]
    places = {
        (port.host, port.network_id) for port in states if isinstance(port, Port) and port.host
    }
    views = (before, after)
    moved = [place for place in places if len({_is_tied(view, *place) for view in views}) > 1]
    homes = {(p.host, p.function_id) for p in states if isinstance(p, Placement)}
    parts = [_because_of(view, *place) for place in moved for view in views]
    return merged([*parts, *(_because_of_router(view, *at) for at in homes for view in views)])


def _matters(change: Change[Any]) -> bool:
    return _seen(change.before) != _seen(change.after)


def _seen(state: Any) -> tuple[Any, ...] | None:
    """What the rows here take from an object."""
    match state:
        case Router():
            gateway = (state.gateway_port_id, state.external_network_id)
            return (state.vni, state.admin_state_up, state.routes, gateway)
        case Port() if state.device_owner in INTERFACES:
            place = (state.device_id, state.network_id, state.admin_state_up)
            return (place, state.mac_address, state.fixed_ips)
        case Network():
            return (state.vni, state.mtu, state.admin_state_up)
        case Subnet():
            return (state.network_id, state.cidr)
        case Host():
            return (state.name, state.address)
    return None


def _reshaped(view: View, changes: Changes) -> Iterator[Domain]:
    """The domains that are as they are because of the changes."""
    for state in (s for change in changes if reshapes(change) for s in change.states):
        if isinstance(state, Router):
            router, networks = state.id, view.snapshot.traits(Port, "joined", state.id)
        else:
            router, networks = state.device_id, [state.network_id]
        found = view.router(router)
        if found is not None:
            yield view.domain_of(found)
        yield from filter(None, map(view.domain, networks))


def _routers(view: View, state: Any) -> list[Router]:
    """The routers (switched on) whose slices take something from the object."""
    match state:
        case Router():
            ids = [state.id]
        case Port():
            ids = [state.device_id]
        case Network():
            ids = _routers_at(view, state.id)
        case Subnet():
            ids = _routers_at(view, state.network_id)
        case _:
            ids = []
    return [router for router in map(view.router, ids) if router is not None]


def _routers_at(view: View, network_id: str) -> list[str]:
    """Those that join the network, or have their gateway in it."""
    outside = view.snapshot.by(Router, "external_network", network_id)
    inside: Iterable[str] = view.snapshot.traits(Port, "routers", network_id)
    return [*inside, *(router.id for router in outside)]


def _router(view: View, router: Router) -> Touched:
    """Its interfaces and routes, and its transit network on the hosts that carry it."""
    slice, vni = router_name(router), router.vni
    rows: Touched = {
        (slice, key): partial(shared_rows.routing_row, vni=vni, key=key)
        for key in view.routing(router)
    }
    return rows | _network(vni, view.hosts(view.domain_of(router)))


def _network(vni: int, hosts: Iterable[str]) -> Touched:
    return {
        (host_name(host), f"network/{vni}"): partial(host_rows.network_row, host=host, vni=vni)
        for host in hosts
    }


def _domain(view: View, domain: Domain) -> Touched:
    """Every row that its number is in, or that hosts have because they carry it."""
    rows: Touched = {}
    for router in filter(None, map(view.router, domain.routers)):
        rows.update(_router(view, router))
        row = partial(shared_rows.router_row, vni=router.vni)
        rows[router_name(router), f"router/{router.vni}"] = row
    for host in view.hosts(domain):
        rows.update(_carried(view, host, domain))
    return rows


def _carried(view: View, host: str, domain: Domain) -> Touched:
    """All that the host has because it carries the domain, and what tells others that it does."""
    networks, routers = view.numbers(domain)
    rows: Touched = {}
    for vni in networks:
        rows.update(_network(vni, (host,)))
    for vni in routers:
        row = partial(host_rows.routing_row, host=host, vni=vni)
        rows[host_name(host), f"routing/{vni}"] = row
    found = view.host(host)
    if found is not None:
        member = partial(shared_rows.member_row, vni=domain.number, address=found.address)
        rows[f"router/{domain.number}", f"member/{found.address}"] = member
    return rows


def _because_of(view: View, host: str, network_id: str) -> Touched:
    """What the host carries if it has to do with the network."""
    domain, network = view.domain(network_id), view.network(network_id)
    if domain is not None:
        return _carried(view, host, domain)
    return _network(network.vni, (host,)) if network is not None else {}


def _because_of_router(view: View, host: str, router_id: str) -> Touched:
    """What the host carries if it has an instance of the router's gateway."""
    router = view.router(router_id)
    return _carried(view, host, view.domain_of(router)) if router is not None else {}


def _is_tied(view: View, host: str, network_id: str) -> bool:
    return network_id in networks_of(view.snapshot, host)


def _on_hosts(view: View, state: Any) -> Touched:
    """A network on all hosts that carry it; all that one host carries."""
    match state:
        case Network():
            network = view.network(state.id)
            return _network(network.vni, view.carriers(network.id)) if network is not None else {}
        case Host():
            parts = [_carried(view, state.name, domain) for domain in view.domains_on(state.name)]
            ids = networks_of(view.snapshot, state.name)
            alone = [id for id in ids if view.domain(id) is None]
            return merged([*parts, *(_because_of(view, state.name, id) for id in alone)])
    return {}
