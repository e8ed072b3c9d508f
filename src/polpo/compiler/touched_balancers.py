"""Which rows of load balancers changes may concern. As in touched_gateways.py, of all at once."""

from collections.abc import Iterator, Sequence
from typing import Any

from polpo.compiler.touched import Touched, merged
from polpo.compiler.touched_transit import touched_transit
from polpo.compiler.view import View
from polpo.model.change import Change
from polpo.model.host import Host
from polpo.model.load_balancer import INSTANCE, Listener, LoadBalancer, Part, Pool
from polpo.model.network import Network, Subnet
from polpo.model.placement import Placement
from polpo.model.port import Port
from polpo.model.secret import Secret, SecretContainer


def touched_balancers(view: View, changes: Sequence[Change[Any]]) -> Touched:
    """The rows in `view` that the load balancers have which the changes have to do with."""
    seen = [state for change in changes for state in change.states]
    ids = {id for state in seen for id in _balancers(view, state)}
    balancers = filter(None, map(view.balancer, ids))
    return merged(touched_transit(view, b.id, b.vni) for b in balancers)


def _balancers(view: View, state: Any) -> Iterator[str]:
    """Ids of those whose instances take something from the object (of a router's: nobody's)."""
    match state:
        case LoadBalancer(id=id) | Part(load_balancer_id=id) | Placement(function_id=id):
            yield id
        case Port(device_owner=owner, device_id=instance) if owner == INSTANCE:
            placement = view.snapshot.get(Placement, instance)
            if placement is not None:
                yield placement.function_id
        case Network(id=id):
            yield from (b.id for b in view.snapshot.by(LoadBalancer, "vip_network", id))
        case Subnet(id=id):
            yield from (b.id for b in view.snapshot.by(LoadBalancer, "vip_subnet", id))
        case Secret(id=id):
            yield from _with_secret(view, id)
            for container in view.snapshot.by(SecretContainer, "secret", id):
                yield from _with_secret(view, container.id)
        case SecretContainer(id=id):
            yield from _with_secret(view, id)
        case Host(name=name):
            yield from (p.function_id for p in view.snapshot.by(Placement, "host", name))


def _with_secret(view: View, id: str) -> Iterator[str]:
    """Ids of those with a reference to the secret or container."""
    yield from (part.load_balancer_id for part in view.snapshot.by(Listener, "secret", id))
    yield from (part.load_balancer_id for part in view.snapshot.by(Pool, "secret", id))
