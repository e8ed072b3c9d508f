"""Network functions that need homes, and what these are to have: gateways and load balancers."""

from collections.abc import Iterator

import msgspec

from polpo.model.load_balancer import ACTIVE_STANDBY, LoadBalancer
from polpo.model.network import Network
from polpo.model.router import Router
from polpo.model.snapshot import Snapshot

ANYWHERE = ""


class Need(msgspec.Struct, frozen=True):
    """A router with a way out, or a load balancer.

    physical_network  that its hosts have to have: ANYWHERE for any host
    zones      availability zones that it may be in; empty for any
    instances  how many it wants: two, or one if it is not `ha`
    carries    whether there are packets to lose: not while it is switched off
    wish       counts the failovers that were asked for
    """

    function_id: str
    vni: int
    physical_network: str
    zones: frozenset[str] = frozenset()
    instances: int = 2
    carries: bool = True
    wish: int = 0


def needs(snapshot: Snapshot) -> list[Need]:
    """By id."""
    found = (*_gateways(snapshot), *_balancers(snapshot))
    return sorted(found, key=lambda need: need.function_id)


def _balancers(snapshot: Snapshot) -> Iterator[Need]:
    for balancer in snapshot.all(LoadBalancer):
        yield Need(
            function_id=balancer.id,
            vni=balancer.vni,
            physical_network=ANYWHERE,
            zones=frozenset(filter(None, [balancer.compute_zone])),
            instances=2 if balancer.topology == ACTIVE_STANDBY else 1,
            carries=balancer.admin_state_up,
            wish=balancer.wish,
        )


def _gateways(snapshot: Snapshot) -> Iterator[Need]:
    """An external network that is nowhere outside needs nothing."""
    for router in snapshot.all(Router):
        need = _need(snapshot, router) if router.gateway_port_id else None
        if need is not None:
            yield need


def _need(snapshot: Snapshot, router: Router) -> Need | None:
    network = snapshot.get(Network, router.external_network_id)
    if network is None or not network.physical_network:
        return None
    return Need(
        function_id=router.id,
        vni=router.vni,
        physical_network=network.physical_network,
        zones=frozenset(router.availability_zone_hints),
        instances=2 if router.ha else 1,
        carries=router.admin_state_up,
    )
