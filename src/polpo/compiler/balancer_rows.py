"""The row of an instance of a load balancer, on its host."""

from polpo.compiler import transit
from polpo.compiler.view import View
from polpo.model.load_balancer import INSTANCE, SINGLE
from polpo.model.port import Port
from polpo.target.balancer import Balancer, Link


def balancer_row(view: View, host: str, vni: int) -> Balancer | None:
    """The instance on the host of the load balancer of that number; None before it has a port."""
    balancer, found = view.balancer_of(vni), transit.on_host(view, host, vni)
    if balancer is None or found is None:
        return None
    links = _links(view, found.placement.id, host)
    front = links.pop(balancer.vip_network_id, None)
    if front is None:
        return None
    return Balancer(
        **view.tree(balancer)._asdict(),
        vni=vni,
        name=balancer.name,
        project=balancer.project_id,
        port=found.placement.id,
        instance=found.placement.instance,
        priority=found.placement.priority,
        preempt=found.placement.preempt,
        front=front,
        backs=tuple(links.values()),
        peer_mac=found.peer_mac,
        alone=balancer.topology == SINGLE,
    )


def _links(view: View, instance_id: str, host: str) -> dict[str, Link]:
    """By network's id: the instance's ports that are bound to its host."""
    found = sorted(view.snapshot.by(Port, "device", instance_id), key=lambda p: p.network_id)
    here = (p for p in found if p.device_owner == INSTANCE and p.host == host)
    return {port.network_id: Link(port.id, port.network_id) for port in here}
