"""Port forwardings as JSON shows them: ranges always, a single port where it is one."""

from polpo.api.network_v2.resource import View
from polpo.model.router import Forwarding


def inside(forwarding: Forwarding) -> View:
    """As a part of its floating IP."""
    external = (forwarding.external_port, forwarding.external_port_last)
    internal = (forwarding.internal_port, forwarding.internal_port_last)
    return {
        "id": forwarding.id,
        "protocol": forwarding.protocol,
        "internal_port_id": forwarding.internal_port_id,
        "internal_ip_address": forwarding.internal_address,
        "internal_port": _single(*internal),
        "internal_port_range": ranged(*internal),
        "external_port": _single(*external),
        "external_port_range": ranged(*external),
    }


def view(forwarding: Forwarding) -> View:
    return {**inside(forwarding), "description": forwarding.description}


def ranged(first: int, last: int) -> str:
    return f"{first}:{last}"


def _single(first: int, last: int) -> int | None:
    return first if first == last else None
