"""What an instance of a load balancer is, but for which of the two it is. Pure.

Values are the model's own, without what the API keeps of them besides, so that a row moves only
with what an instance does differently.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from operator import attrgetter
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from polpo.compiler.certificates import certificates
from polpo.model.load_balancer import (
    HealthMonitor,
    L7Policy,
    L7Rule,
    Listener,
    LoadBalancer,
    Member,
    Part,
    Pool,
)
from polpo.model.network import Subnet
from polpo.model.object import Owned
from polpo.model.snapshot import Snapshot
from polpo.target.balancer import Certificate

T = TypeVar("T", bound=Owned)
P = TypeVar("P", bound=Part)


class Tree(NamedTuple):
    """A load balancer with all that is switched on of it, each sorted by id, and its addresses.

    Of members those that are switched off are there, too: what they still have is left to them.
    """

    balancer: LoadBalancer
    vips: tuple[str, ...]
    listeners: tuple[Listener, ...]
    pools: tuple[Pool, ...]
    members: tuple[Member, ...]
    monitors: tuple[HealthMonitor, ...]
    policies: tuple[L7Policy, ...]
    rules: tuple[L7Rule, ...]
    certificates: tuple[Certificate, ...]
    names: dict[str, str]


def tree(snapshot: Snapshot, balancer: LoadBalancer) -> Tree:
    """Nothing listens where the load balancer is switched off."""
    find = snapshot.by
    every = find(Listener, "load_balancer", balancer.id) if balancer.admin_state_up else ()
    all_pools = find(Pool, "load_balancer", balancer.id)
    members = find(Member, "load_balancer", balancer.id)
    names = {part.id: part.name for part in (*every, *all_pools, *members) if part.name}
    listeners, pools = _on(every), _on(all_pools)
    return Tree(
        replace(_bare(balancer), wiring=0, wish=0),
        tuple(_vips(snapshot, balancer)),
        listeners,
        pools,
        _sorted(members),
        _on(find(HealthMonitor, "load_balancer", balancer.id)),
        _on(find(L7Policy, "load_balancer", balancer.id)),
        _on(find(L7Rule, "load_balancer", balancer.id)),
        certificates(snapshot, balancer.project_id, (*listeners, *pools)),
        dict(sorted(names.items())),
    )


def _on(parts: Iterable[P]) -> tuple[P, ...]:
    return _sorted(part for part in parts if part.admin_state_up)


def _sorted(parts: Iterable[T]) -> tuple[T, ...]:
    return tuple(sorted(map(_bare, parts), key=attrgetter("id")))


def _bare(obj: T) -> T:
    times = {"created_at": "", "updated_at": "", "revision": 0, "revision_number": 0}
    return replace(obj, name="", description="", tags=(), project_id="", **times)


def _vips(snapshot: Snapshot, balancer: LoadBalancer) -> Iterator[str]:
    """With the length of their subnets' prefixes; an address without a subnet is for itself."""
    for vip in balancer.addresses:
        subnet = snapshot.get(Subnet, vip.subnet_id)
        length = ip_network(subnet.cidr if subnet is not None else vip.ip_address).prefixlen
        yield f"{vip.ip_address}/{length}"
