"""The row of an instance of a router's gateway, on its host."""

import msgspec

from polpo.compiler import transit
from polpo.compiler.view import View
from polpo.target import rows


def gateway_row(view: View, host: str, vni: int) -> rows.Gateway | None:
    """The instance on the host of the router of that number."""
    router, found = view.router_of(vni), transit.on_host(view, host, vni)
    gateway = view.gateway(router) if router is not None else None
    if found is None or gateway is None:
        return None
    return msgspec.structs.replace(
        gateway,
        port=found.placement.id,
        instance=found.placement.instance,
        peer_mac=found.peer_mac,
        priority=found.placement.priority,
        preempt=found.placement.preempt,
    )
