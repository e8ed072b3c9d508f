"""Ports that are parts of routers, floating IPs and load balancers: what users may not do to them.

As Neutron's `l3_db`: a router's ports are made, changed and removed by way of the router. What
holds the addresses of a load balancer is a part of it, too, also if its user has made it.
"""

from collections.abc import Sequence

import msgspec

from polpo.api.identifier import new_id
from polpo.api.network_v2 import port_addresses
from polpo.api.network_v2.errors import bad_resource, conflict
from polpo.api.network_v2.macs import free_mac
from polpo.api.network_v2.resource import Writing
from polpo.model.load_balancer import INSTANCE
from polpo.model.port import Port
from polpo.model.router import FLOATING_IP, GATEWAY, INTERFACES, FloatingIP, Router
from polpo.model.snapshot import Snapshot


def add(
    w: Writing,
    owner: str,
    network_id: str,
    device_id: str,
    project_id: str,
    wishes: Sequence[port_addresses.Wish] | None,
) -> Port:
    """A new port of the cloud's own: no security groups, addresses as in `fixed_ips`."""
    port = Port(
        id=new_id(),
        project_id=project_id,
        network_id=network_id,
        mac_address=free_mac(w, network_id),
        device_id=device_id,
        device_owner=owner,
        port_security_enabled=False,
        wiring=w.tx.revision,
    )
    addresses = port_addresses.choose(w, port, wishes)
    return w.tx.put(msgspec.structs.replace(port, fixed_ips=addresses))


def is_in_service(snapshot: Snapshot, port: Port) -> bool:
    """Whether the port is a part of a router, floating IP or load balancer that is there."""
    if port.device_owner == INSTANCE or snapshot.holder("vip", port.id) is not None:
        return True
    if port.device_owner == FLOATING_IP:
        return snapshot.get(FloatingIP, port.device_id) is not None
    if port.device_owner == GATEWAY or port.device_owner in INTERFACES:
        return snapshot.get(Router, port.device_id) is not None
    return False


def check_delete(w: Writing, port: Port) -> None:
    if is_in_service(w.snapshot, port):
        raise conflict(
            "ServicePortInUse",
            f"Port {port.id} cannot be deleted directly via the port API: "
            f"has device owner {port.device_owner}.",
        )


def check_new(w: Writing, port: Port) -> None:
    """Nobody puts an interface into a router by naming it as the device of a port."""
    if not is_in_service(w.snapshot, port):
        return
    router = w.snapshot.get(Router, port.device_id)
    if router is not None and not w.context.is_admin and router.project_id != port.project_id:
        raise conflict(
            "DeviceIDNotOwnedByTenant",
            f"The following device_id {port.device_id} is not owned by your tenant or matches "
            "another tenants router.",
        )
    raise conflict(
        "UnsupportedPortDeviceOwner",
        f"Operation attach is not supported for device_owner {port.device_owner} "
        f"on port {port.id}.",
    )


def check_change(w: Writing, before: Port, after: Port) -> None:
    device = (before.device_owner, before.device_id)
    moved = device != (after.device_owner, after.device_id)
    if not is_in_service(w.snapshot, before):
        if moved:
            check_new(w, after)
        return
    if moved:
        raise conflict(
            "PortInUse",
            f"Unable to complete operation on port {before.id} for network {before.network_id}. "
            f"Port already has an attached device {before.device_id}.",
        )
    kept = {
        "fixed_ips": set(before.fixed_ips) == set(after.fixed_ips),
        "binding:host_id": before.host == after.host,
        **_of_instance(before, after),
    }
    for name, same in kept.items():
        if not same:
            raise bad_resource(
                "port",
                f"Cannot update the {name} of the port {before.id}, because its device owner is "
                f"{before.device_owner}",
            )


def _of_instance(before: Port, after: Port) -> dict[str, bool]:
    """An instance's ports are in no project, but the owner of their network may see them."""
    if before.device_owner != INSTANCE:
        return {}
    fields = ("admin_state_up", "security_groups", "port_security_enabled", "allowed_address_pairs")
    return {field: getattr(before, field) == getattr(after, field) for field in fields}
