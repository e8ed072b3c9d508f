"""Which rows of services changes may concern. As in touched_balancers.py, of all at once."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from polpo.compiler.slices import network_name
from polpo.compiler.touched import Touched, merged
from polpo.compiler.view import View
from polpo.model.change import Change
from polpo.model.load_balancer import LoadBalancer, Outage, Part
from polpo.model.network import Network, Subnet
from polpo.model.port import Port
from polpo.model.router import INTERFACES
from polpo.target.service import Backend, Service


def touched_services(view: View, changes: Sequence[Change[Any]]) -> Touched:
    """The rows in `view` of services which the changes have to do with."""
    seen = [state for change in changes for state in change.states]
    ids = {id for state in seen for id in _balancers(view, state)}
    return merged(_rows(view, balancer) for balancer in filter(None, map(view.balancer, ids)))


def service_row(view: View, vni: int, balancer_id: str, key: str) -> Service | Backend | None:
    """One row, by its key, of a load balancer in the network of that number."""
    balancer, network = view.balancer(balancer_id), view.network_of(vni)
    if balancer is None or network is None or balancer.vip_network_id != network.id:
        return None
    return view.services(balancer).get(key)


def _rows(view: View, balancer: LoadBalancer) -> Touched:
    network = view.network(balancer.vip_network_id)
    if network is None:
        return {}
    row = partial(service_row, vni=network.vni, balancer_id=balancer.id)
    name = network_name(network)
    return {(name, key): partial(row, key=key) for key in view.services(balancer)}


def _balancers(view: View, state: Any) -> Iterator[str]:
    """Ids of those that have something of the object in their rows."""
    match state:
        case LoadBalancer(id=id) | Part(load_balancer_id=id) | Outage(load_balancer_id=id):
            yield id
        case Network(id=id):
            yield from (b.id for b in view.snapshot.by(LoadBalancer, "vip_network", id))
        case Subnet(id=id):
            yield from (b.id for b in view.snapshot.by(LoadBalancer, "vip_subnet", id))
        case Port(device_owner=owner, fixed_ips=fixed_ips) if owner in INTERFACES:
            for fixed in fixed_ips:
                found = view.snapshot.by(LoadBalancer, "vip_subnet", fixed.subnet_id)
                yield from (balancer.id for balancer in found)
