"""Joining a router to subnets and taking it out of them: by subnet, or with a port of the user's.

As Neutron's `l3_db`: an IPv4 subnet has a port of its own, IPv6 subnets of a network share one.
"""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec

from polpo.api.network_v2 import port as ports
from polpo.api.network_v2 import port_wiring, service_ports, sharing, values
from polpo.api.network_v2 import subnet as subnets
from polpo.api.network_v2.errors import bad_resource, conflict, not_found
from polpo.api.network_v2.resource import View, Writing
from polpo.api.network_v2.router_subnets import check_apart, interfaces
from polpo.model.network import Subnet
from polpo.model.port import FixedIP, Port
from polpo.model.router import DISTRIBUTED_INTERFACE, INTERFACE, FloatingIP, Router

_UUID = values.uuid()


def read_body(body: Any, removal: bool) -> tuple[str, str]:
    """`port_id` and `subnet_id`, "" for what is not said."""
    asked = body if isinstance(body, dict) else {}
    given = {key: asked[key] for key in ("port_id", "subnet_id") if key in asked}
    if not given:
        raise bad_resource("router", "Either subnet_id or port_id must be specified")
    for value in given.values():
        try:
            _UUID.read(value)
        except ValueError as error:
            raise bad_resource("router", str(error)) from error
    if len(given) == 2 and not removal:
        raise bad_resource("router", "Cannot specify both subnet-id and port-id")
    return given.get("port_id", ""), given.get("subnet_id", "")


def owner(router: Router) -> str:
    """The `device_owner` of its interfaces."""
    return DISTRIBUTED_INTERFACE if router.distributed else INTERFACE


def add(w: Writing, router: Router, asked: tuple[str, str]) -> View:
    port_id, subnet_id = asked
    if port_id:
        port, joined = _add_port(w, router, port_id)
    else:
        port, joined = _add_subnet(w, router, subnet_id)
    w.tx.put(router)
    return _view(router, port, [subnet.id for subnet in joined], joined[-1].id)


def _add_subnet(w: Writing, router: Router, id: str) -> tuple[Port, list[Subnet]]:
    subnet: Subnet = subnets.RESOURCE.find(w.snapshot, w.context, id)
    if not subnet.gateway_ip:
        raise bad_resource("router", "Subnet for router interface must have a gateway IP")
    _check_may_join(w, subnet)
    _check_mode(subnet)
    check_apart(w.snapshot, router, [subnet])
    shared = _ipv6_port(w, router, subnet.network_id) if subnet.ip_version == 6 else None
    if shared is not None:
        addresses = (*shared.fixed_ips, FixedIP(subnet.id, subnet.gateway_ip))
        after = msgspec.structs.replace(shared, fixed_ips=addresses)
        return port_wiring.put(w, shared, after), [subnet]
    wish = {"subnet_id": subnet.id, "ip_address": subnet.gateway_ip}
    return service_ports.add(
        w, owner(router), subnet.network_id, router.id, router.project_id, [wish]
    ), [subnet]


def _check_may_join(w: Writing, subnet: Subnet) -> None:
    """One's own, or of a network that is shared with one's own project by name."""
    if w.context.is_admin or subnet.project_id == w.context.project_id:
        return
    by_name = f"{sharing.SHARED}/{w.context.project_id}"
    if w.snapshot.holder(f"rbac/{subnet.network_id}", by_name) is None:
        raise bad_resource(
            "router",
            f"Cannot add interface to router because subnet {subnet.id} is not owned by project "
            "making the request",
        )


def _check_mode(subnet: Subnet) -> None:
    if subnet.ip_version == 6 and subnet.ipv6_address_mode and not subnet.ipv6_ra_mode:
        raise bad_resource(
            "router",
            f"IPv6 subnet {subnet.id} configured to receive RAs from an external router cannot be "
            "added to Neutron Router.",
        )


def _has_ipv6(port: Port) -> bool:
    return any(ip_address(fixed.ip_address).version == 6 for fixed in port.fixed_ips)


def _ipv6_port(w: Writing, router: Router, network_id: str) -> Port | None:
    held = (p for p in interfaces(w.snapshot, router) if p.network_id == network_id)
    return next((port for port in held if _has_ipv6(port)), None)


def _add_port(w: Writing, router: Router, id: str) -> tuple[Port, list[Subnet]]:
    port: Port = ports.RESOURCE.find(w.snapshot, w.context, id)
    if not (w.context.is_admin or port.project_id == w.context.project_id):
        raise bad_resource(
            "router",
            f"Cannot add interface to router because port {id} is not owned by project making the "
            "request",
        )
    if port.device_id:
        raise conflict(
            "PortInUse",
            f"Unable to complete operation on port {id} for network {port.network_id}. "
            f"Port already has an attached device {port.device_id}.",
        )
    found = (w.snapshot.get(Subnet, fixed.subnet_id) for fixed in port.fixed_ips)
    joined = [subnet for subnet in found if subnet is not None]
    if not joined:
        raise bad_resource("router", "Router port must have at least one fixed IP")
    _check_port(w, router, port, joined)
    attached = {"device_id": router.id, "device_owner": owner(router), "host": ""}
    after = msgspec.structs.replace(port, **attached, wiring=w.tx.revision)
    return w.tx.put(after), joined


def _check_port(w: Writing, router: Router, port: Port, joined: Sequence[Subnet]) -> None:
    for subnet in joined:
        _check_mode(subnet)
    held = _ipv6_port(w, router, port.network_id)
    if held is not None and _has_ipv6(port):
        raise bad_resource(
            "router",
            f"Router already contains IPv6 port {held.id} belonging to network id "
            f"{held.network_id}. Only one IPv6 port from the same network subnet can be connected "
            "to a router.",
        )
    check_apart(w.snapshot, router, joined)
    if sum(subnet.ip_version == 4 for subnet in joined) > 1:
        raise bad_resource("router", "Cannot have multiple IPv4 subnets on router port")
    for subnet, fixed in zip(joined, port.fixed_ips, strict=True):
        _check_in_pool(w, port, subnet, fixed.ip_address)


def _check_in_pool(w: Writing, port: Port, subnet: Subnet, address: str) -> None:
    own = w.context.is_admin or subnet.project_id == w.context.project_id
    if own or any(address in pool for pool in subnet.allocation_pools):
        return
    raise bad_resource(
        "router",
        f"Cannot add interface to router because specified port {port.id} has an IP address out of "
        f"the allocation pool of subnet {subnet.id}, which is not owned by the project making the "
        "request",
    )


def remove(w: Writing, router: Router, asked: tuple[str, str]) -> View:
    port_id, subnet_id = asked
    port = _by_port(w, router, port_id, subnet_id) if port_id else _on(w, router, subnet_id)
    gone = [f.subnet_id for f in port.fixed_ips] if port_id else [subnet_id]
    for id in gone:
        _check_unused(w, router, id)
    left = tuple(fixed for fixed in port.fixed_ips if fixed.subnet_id not in gone)
    if left:
        port_wiring.put(w, port, msgspec.structs.replace(port, fixed_ips=left))
    else:
        w.tx.remove(port)
    w.tx.put(router)
    return _view(router, port, gone, gone[0])


def _by_port(w: Writing, router: Router, id: str, subnet_id: str) -> Port:
    port = next((p for p in interfaces(w.snapshot, router) if p.id == id), None)
    if port is None:
        raise not_found(
            "RouterInterfaceNotFound",
            f"Router {router.id} does not have an interface with id {id}",
        )
    if subnet_id and subnet_id not in {fixed.subnet_id for fixed in port.fixed_ips}:
        raise conflict(
            "SubnetMismatchForPort",
            f"Subnet on port {id} does not match the requested subnet {subnet_id}.",
        )
    return port


def _on(w: Writing, router: Router, subnet_id: str) -> Port:
    subnets.RESOURCE.find(w.snapshot, w.context, subnet_id)
    for port in interfaces(w.snapshot, router):
        if any(fixed.subnet_id == subnet_id for fixed in port.fixed_ips):
            return port
    raise not_found(
        "RouterInterfaceNotFoundForSubnet",
        f"Router {router.id} has no interface on subnet {subnet_id}",
    )


def _check_unused(w: Writing, router: Router, subnet_id: str) -> None:
    """By floating IPs, by forwardings of their ports, and by routes through the subnet."""
    subnet = w.snapshot.get(Subnet, subnet_id)
    assert subnet is not None  # a port has an address of it
    link = ip_network(subnet.cidr)
    fixed = [
        address
        for fip in w.snapshot.by(FloatingIP, "router", router.id)
        for address in (fip.fixed_ip_address, *(f.internal_address for f in fip.forwardings))
    ]
    hops = [route.nexthop for route in router.routes]
    users = (("FloatingIP", "floating IPs", fixed), ("Route", "routes", hops))
    for type, what, addresses in users:
        if any(address and ip_address(address) in link for address in addresses):
            raise conflict(
                f"RouterInterfaceInUseBy{type}",
                f"Router interface for subnet {subnet_id} on router {router.id} cannot be deleted, "
                f"as it is required by one or more {what}.",
            )


def _view(router: Router, port: Port, subnet_ids: Sequence[str], last: str) -> View:
    return {
        "id": router.id,
        "project_id": port.project_id,
        "tenant_id": port.project_id,
        "port_id": port.id,
        "network_id": port.network_id,
        "subnet_id": last,
        "subnet_ids": list(subnet_ids),
    }
