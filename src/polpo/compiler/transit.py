"""Networks between the two instances of a network function, and with a router: rows of them.

A function's number (of a router, or of a load balancer) is that network's, too. Each function
gives the row for its key, or None where there is to be none.
"""

from typing import NamedTuple

from polpo.compiler.routing import INSTANCES
from polpo.compiler.view import View
from polpo.model import placement as model
from polpo.model.placement import Placement
from polpo.target import rows

SUBNETS = {
    "transit4": rows.Subnet("transit4", "169.254.0.0/24", dhcp=False),
    "transit6": rows.Subnet("transit6", "fe80::/64", dhcp=False),
}
"""Of every transit network."""


class Function(NamedTuple):
    """What has instances: `label` for people."""

    id: str
    vni: int
    mtu: int
    label: str


class Instance(NamedTuple):
    """Where an instance is, and of what."""

    placement: Placement
    function: Function

    @property
    def mac(self) -> str:
        """In the transit network, wherever it is."""
        return transit_mac(self.function.vni, self.placement.instance)

    @property
    def peer_mac(self) -> str:
        return transit_mac(self.function.vni, sum(model.INSTANCES) - self.placement.instance)

    @property
    def addresses(self) -> tuple[str, ...]:
        """IPv4, IPv6."""
        which = model.INSTANCES.index(self.placement.instance)
        return INSTANCES[4][which], INSTANCES[6][which]


def transit_mac(vni: int, instance: int) -> str:
    return f"0e:{instance:02x}:00:{vni.to_bytes(3, 'big').hex(':')}"


def function(view: View, id: str) -> Function | None:
    """None while a router is switched off, or its gateway leads nowhere."""
    balancer = view.balancer(id)
    if balancer is not None:
        network = view.network(balancer.vip_network_id)
        label = f"load balancer {balancer.name or id}"
        return Function(id, balancer.vni, network.mtu, label) if network is not None else None
    router = view.router(id)
    gateway = view.gateway(router) if router is not None else None
    if router is None or gateway is None:
        return None
    return Function(id, router.vni, gateway.mtu, f"gateway of {router.name or id}")


def function_of(view: View, vni: int) -> Function | None:
    """That of the number."""
    found = view.router_of(vni) or view.balancer_of(vni)
    return function(view, found.id) if found is not None else None


def instances(view: View, found: Function | None) -> list[Instance]:
    if found is None:
        return []
    placements = view.snapshot.by(Placement, "function", found.id)
    return [Instance(placement, found) for placement in placements]


def on_host(view: View, host: str, vni: int) -> Instance | None:
    """The instance that the host is to have of the function of that number."""
    here = (x for x in instances(view, function_of(view, vni)) if x.placement.host == host)
    found = next(here, None)
    return None if found is None or found.placement.leaving or view.host(host) is None else found


def _instance(view: View, id: str) -> Instance | None:
    """By its placement's id."""
    placement = view.snapshot.get(Placement, id)
    found = function(view, placement.function_id) if placement is not None else None
    return Instance(placement, found) if placement is not None and found is not None else None


def port_row(view: View, host: str, id: str) -> rows.Port | None:
    """Its end in the transit network."""
    found = _instance(view, id)
    if found is None or found.placement.host != host or view.host(host) is None:
        return None
    if found.placement.leaving:
        return None
    return rows.Port(
        id=id,
        vni=found.function.vni,
        mac=found.mac,
        mtu=found.function.mtu,
        policy=0,
        leases=tuple(map(rows.Lease, found.addresses, SUBNETS)),
        port_security=False,
        name=found.function.label,
    )


def endpoint_row(view: View, vni: int, id: str) -> rows.Endpoint | None:
    """The same as others reach it: one that is leaving still hears its peer."""
    found = _instance(view, id)
    host = view.host(found.placement.host) if found is not None else None
    if found is None or host is None or found.function.vni != vni:
        return None
    return rows.Endpoint(id, found.mac, host.address, found.addresses)


def subnet_row(view: View, vni: int, id: str) -> rows.Subnet | None:
    """Of the transit network, while an instance is in it."""
    return SUBNETS[id] if instances(view, function_of(view, vni)) else None
