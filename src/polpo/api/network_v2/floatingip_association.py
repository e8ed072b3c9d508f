"""What a floating IP stands for: the port, its address, and the router that both can be reached by.

Sentences and order as in Neutron's `l3_db`.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

import msgspec

from polpo.api.network_v2 import port as ports
from polpo.api.network_v2.errors import NeutronError, bad_resource, conflict, not_found
from polpo.api.network_v2.resource import Writing
from polpo.model.network import Subnet
from polpo.model.port import FixedIP, Port
from polpo.model.router import INTERFACES, FloatingIP, Router
from polpo.model.snapshot import Snapshot

DHCP = "network:dhcp"


def change(w: Writing, fip: FloatingIP, given: Mapping[str, Any]) -> FloatingIP:
    """The floating IP after a request; without `port_id` in it, it stands for what it stood for."""
    address = given.get("fixed_ip_address")
    if address and not given.get("port_id"):
        raise bad_resource("floatingip", "fixed_ip_address cannot be specified without a port_id")
    if "port_id" not in given:
        return fip
    if not given["port_id"]:
        router_id = fip.router_id if fip.forwardings else ""
        return msgspec.structs.replace(fip, port_id="", fixed_ip_address="", router_id=router_id)
    port: Port = ports.RESOURCE.find(w.snapshot, w.context, given["port_id"])
    fixed = _fixed(w, fip, port, address)
    _check_no_forwardings(w, fip, port)
    router_id = router_for(w.snapshot, fixed, fip.floating_network_id)
    if not router_id:
        raise not_found(
            "ExternalGatewayForFloatingIPNotFound",
            f"External network {fip.floating_network_id} is not reachable from subnet "
            f"{fixed.subnet_id}.  Therefore, cannot associate Port {port.id} with a Floating IP.",
        )
    _check_free(w.snapshot, fip, port.id, fixed.ip_address)
    return msgspec.structs.replace(
        fip, port_id=port.id, fixed_ip_address=fixed.ip_address, router_id=router_id
    )


def _fixed(w: Writing, fip: FloatingIP, port: Port, address: str | None) -> FixedIP:
    """Which of the port's addresses is meant."""
    if port.project_id != fip.project_id and not w.context.is_admin:
        raise bad_resource(
            "floatingip",
            f"Cannot process floating IP association with Port {port.id}, since that port is owned "
            "by a different tenant",
        )
    if port.device_owner == DHCP:
        raise bad_resource("floatingip", f"Port {port.id} is unable to be assigned a floating IP")
    return _named(port, address) if address else _only(port)


def _named(port: Port, address: str) -> FixedIP:
    if ip_address(address).version != 4:
        raise bad_resource(
            "floatingip",
            f"Cannot process floating IP association with {address}, since that is not an IPv4 "
            "address",
        )
    for fixed in port.fixed_ips:
        if fixed.ip_address == address:
            return fixed
    raise bad_resource("floatingip", f"Port {port.id} does not have fixed ip {address}")


def ipv4(port: Port) -> list[FixedIP]:
    return [fixed for fixed in port.fixed_ips if ip_address(fixed.ip_address).version == 4]


def _only(port: Port) -> FixedIP:
    held = ipv4(port)
    if not held:
        raise bad_resource(
            "floatingip",
            f"Cannot add floating IP to port {port.id} that has no fixed IPv4 addresses",
        )
    if len(held) > 1:
        raise bad_resource(
            "floatingip",
            f"Port {port.id} has multiple fixed IPv4 addresses.  Must provide a specific IPv4 "
            "address when assigning a floating IP",
        )
    return held[0]


def _check_no_forwardings(w: Writing, fip: FloatingIP, port: Port) -> None:
    """One address stands for a port or forwards, and so does a port have the one or the other."""
    if fip.forwardings:
        raise in_use_by_forwardings(fip)
    if any(f.port_id != port.id for f in w.snapshot.by(FloatingIP, "port", port.id)):
        raise NeutronError(
            400,
            "PortHasPortForwarding",
            f"Cannot associate floating IP to port {port.id} because it already has a "
            "Port Forwarding binding.",
        )


def in_use_by_forwardings(fip: FloatingIP) -> NeutronError:
    return conflict(
        "FipInUseByPortForwarding", f"Floating IP {fip.id} in use by Port Forwarding resources."
    )


def _check_free(snapshot: Snapshot, fip: FloatingIP, port_id: str, address: str) -> None:
    network_id = fip.floating_network_id
    holder = snapshot.holder(f"floating/{network_id}", f"{port_id}/{address}")
    if holder not in (None, fip.id):
        raise already_associated(fip, port_id, address)


def already_associated(fip: FloatingIP, port_id: str, address: str) -> NeutronError:
    return conflict(
        "FloatingIPPortAlreadyAssociated",
        f"Cannot associate floating IP {fip.floating_ip_address} ({fip.id}) with port {port_id} "
        f"using fixed IP {address}, as that fixed IP already has a floating IP on external "
        f"network {fip.floating_network_id}.",
    )


def router_for(snapshot: Snapshot, fixed: FixedIP, external_id: str) -> str:
    """The router between the subnet and the external network, "" if there is none.

    Of several, the one that is the subnet's gateway; else the first by id.
    """
    subnet = snapshot.get(Subnet, fixed.subnet_id)
    found = sorted(
        (gate.ip_address != (subnet.gateway_ip if subnet else None), interface.device_id)
        for interface in snapshot.by(Port, "subnet", fixed.subnet_id)
        if interface.device_owner in INTERFACES
        for gate in interface.fixed_ips
        if gate.subnet_id == fixed.subnet_id and _leads(snapshot, interface.device_id, external_id)
    )
    return found[0][1] if found else ""


def _leads(snapshot: Snapshot, router_id: str, external_id: str) -> bool:
    router = snapshot.get(Router, router_id)
    return router is not None and router.external_network_id == external_id
