"""Routers that need a gateway, and what it needs."""

import msgspec

from polpo.model.network import Network
from polpo.model.router import Router
from polpo.model.snapshot import Snapshot


class Need(msgspec.Struct, frozen=True):
    """A router with a way out.

    zones      availability zones that it may be in; empty for any
    instances  how many it wants: two, or one if it is not `ha`
    carries    whether there are packets to lose: not while it is switched off
    """

    router_id: str
    vni: int
    physical_network: str
    zones: frozenset[str] = frozenset()
    instances: int = 2
    carries: bool = True


def needs(snapshot: Snapshot) -> list[Need]:
    """By router id. An external network that is nowhere outside needs nothing."""
    found = (_need(snapshot, router) for router in snapshot.all(Router) if router.gateway_port_id)
    return sorted((need for need in found if need), key=lambda need: need.router_id)


def _need(snapshot: Snapshot, router: Router) -> Need | None:
    network = snapshot.get(Network, router.external_network_id)
    if network is None or not network.physical_network:
        return None
    return Need(
        router_id=router.id,
        vni=router.vni,
        physical_network=network.physical_network,
        zones=frozenset(router.availability_zone_hints),
        instances=2 if router.ha else 1,
        carries=router.admin_state_up,
    )
