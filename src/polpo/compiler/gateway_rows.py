"""Rows of the instances of routers' gateways: on their hosts, and in their transit networks.

Each function gives the row for its key, or None where there is to be none.
"""

from typing import NamedTuple

import msgspec

from polpo.compiler.routing import INSTANCES
from polpo.compiler.view import View
from polpo.model import placement as model
from polpo.model.placement import Placement
from polpo.model.router import Router
from polpo.target import rows

SUBNETS = {
    "transit4": rows.Subnet("transit4", "169.254.0.0/24", dhcp=False),
    "transit6": rows.Subnet("transit6", "fe80::/64", dhcp=False),
}
"""Of every transit network."""


class Instance(NamedTuple):
    """Where an instance is, with what both are."""

    placement: Placement
    router: Router
    gateway: rows.Gateway

    @property
    def mac(self) -> str:
        """In the transit network, wherever it is."""
        return transit_mac(self.router, self.placement.instance)

    @property
    def addresses(self) -> tuple[str, ...]:
        """IPv4, IPv6."""
        which = model.INSTANCES.index(self.placement.instance)
        return INSTANCES[4][which], INSTANCES[6][which]


def transit_mac(router: Router, instance: int) -> str:
    return f"0e:{instance:02x}:00:{router.vni.to_bytes(3, 'big').hex(':')}"


def instances(view: View, router: Router | None) -> list[Instance]:
    """None while the router is switched off, or its gateway leads nowhere."""
    gateway = view.gateway(router) if router is not None else None
    if router is None or gateway is None:
        return []
    found = view.snapshot.by(Placement, "function", router.id)
    return [Instance(placement, router, gateway) for placement in found]


def _instance(view: View, id: str) -> Instance | None:
    """By its placement's id."""
    placement = view.snapshot.get(Placement, id)
    found = instances(view, view.router(placement.function_id)) if placement is not None else []
    return next((x for x in found if x.placement.id == id), None)


def port_row(view: View, host: str, id: str) -> rows.Port | None:
    """Its end in the transit network."""
    found = _instance(view, id)
    if found is None or found.placement.host != host or view.host(host) is None:
        return None
    if found.placement.leaving:
        return None
    return rows.Port(
        id=id,
        vni=found.router.vni,
        mac=found.mac,
        mtu=found.gateway.mtu,
        policy=0,
        leases=tuple(map(rows.Lease, found.addresses, SUBNETS)),
        port_security=False,
        name=f"gateway of {found.router.name or found.router.id}",
    )


def endpoint_row(view: View, vni: int, id: str) -> rows.Endpoint | None:
    """The same as others reach it: one that is leaving still hears its peer."""
    found = _instance(view, id)
    host = view.host(found.placement.host) if found is not None else None
    if found is None or host is None or found.router.vni != vni:
        return None
    return rows.Endpoint(id, found.mac, host.address, found.addresses)


def subnet_row(view: View, vni: int, id: str) -> rows.Subnet | None:
    """Of the transit network, while an instance is in it."""
    return SUBNETS[id] if instances(view, view.router_of(vni)) else None


def gateway_row(view: View, host: str, vni: int) -> rows.Gateway | None:
    """The instance on the host of the router of that number."""
    here = [x for x in instances(view, view.router_of(vni)) if x.placement.host == host]
    if not here or here[0].placement.leaving or view.host(host) is None:
        return None
    placement, router, gateway = here[0]
    peer = sum(model.INSTANCES) - placement.instance
    return msgspec.structs.replace(
        gateway,
        port=placement.id,
        instance=placement.instance,
        peer_mac=transit_mac(router, peer),
        priority=placement.priority,
        preempt=placement.preempt,
    )
