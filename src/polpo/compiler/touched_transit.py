"""The rows that the instances of one network function have, on their hosts and between them."""

from functools import partial

from polpo.compiler import transit
from polpo.compiler.balancer_rows import balancer_row
from polpo.compiler.gateway_rows import gateway_row
from polpo.compiler.host_rows import network_row
from polpo.compiler.slices import host_name, transit_name
from polpo.compiler.touched import Touched
from polpo.compiler.view import View
from polpo.model.placement import Placement


def touched_transit(view: View, id: str, vni: int) -> Touched:
    """Of the router or load balancer with that id and number: all rows of its instances."""
    slice = transit_name(vni)
    rows: Touched = {
        (slice, f"subnet/{name}"): partial(transit.subnet_row, vni=vni, id=name)
        for name in transit.SUBNETS
    }
    for placement in view.snapshot.by(Placement, "function", id):
        rows |= _instance(placement, vni)
    return rows


def _instance(placement: Placement, vni: int) -> Touched:
    host, id = placement.host, placement.id
    own = host_name(host)
    return {
        (transit_name(vni), f"endpoint/{id}"): partial(transit.endpoint_row, vni=vni, id=id),
        (own, f"port/{id}"): partial(transit.port_row, host=host, id=id),
        (own, f"network/{vni}"): partial(network_row, host=host, vni=vni),
        (own, f"gateway/{vni}"): partial(gateway_row, host=host, vni=vni),
        (own, f"balancer/{vni}"): partial(balancer_row, host=host, vni=vni),
    }
