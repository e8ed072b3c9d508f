"""Ports as JSON shows them. One dictionary display a port: lists have tens of thousands."""

from collections.abc import Sequence
from functools import cache

from polpo.api.network_v2 import qos_binding
from polpo.api.network_v2.resource import Reading, View
from polpo.model.network import Network
from polpo.model.port import AddressPair, FixedIP, Port
from polpo.model.snapshot import Snapshot

TAP_DETAILS = {"port_filter": True, "connectivity": "l2", "bound_drivers": {"0": "polpo"}}


def view(r: Reading, ports: Sequence[Port]) -> list[View]:
    statuses = r.wiring.port_statuses(r.snapshot, ports)
    answers = [_view(port, statuses.get(port.id, "DOWN")) for port in ports]
    network_policy = cache(lambda id: qos_binding.of_network(r.snapshot, id))
    for port, answer in zip(ports, answers, strict=True):
        answer["qos_network_policy_id"] = network_policy(port.network_id)
        if port.dns_name:
            answer["dns_assignment"] = _names(r, port)
        if r.context.is_admin:
            answer.update(_binding(r.snapshot, port))
    return answers


def _view(port: Port, status: str) -> View:
    return {
        "id": port.id,
        "name": port.name,
        "network_id": port.network_id,
        "project_id": port.project_id,
        "tenant_id": port.project_id,
        "mac_address": port.mac_address,
        "admin_state_up": port.admin_state_up,
        "status": status,
        "device_id": port.device_id,
        "device_owner": port.device_owner,
        "fixed_ips": port.fixed_ips,
        "allowed_address_pairs": [_pair(port, p) for p in port.allowed_address_pairs],
        "extra_dhcp_opts": port.extra_dhcp_opts,
        "security_groups": port.security_groups,
        "description": port.description,
        "binding:vnic_type": port.vnic_type,
        "port_security_enabled": port.port_security_enabled,
        "dns_name": port.dns_name,
        "dns_domain": port.dns_domain,
        "dns_assignment": [],
        "propagate_uplink_status": port.propagate_uplink_status,
        "qos_policy_id": port.qos_policy_id or None,
        "qos_network_policy_id": None,
        "ip_allocation": "immediate" if port.fixed_ips else "none",
        "tags": port.tags,
        "created_at": port.created_at,
        "updated_at": port.updated_at,
        "revision_number": port.revision_number,
    }


def _pair(port: Port, pair: AddressPair) -> dict[str, str]:
    return {"ip_address": pair.ip_address, "mac_address": pair.mac_address or port.mac_address}


def _binding(snapshot: Snapshot, port: Port) -> View:
    """For admins: where it is bound, and how a virtual machine is to be plugged in there."""
    known = bool(port.host) and snapshot.holder("host", port.host) is not None
    kind = "tap" if known else "binding_failed" if port.host else "unbound"
    return {
        "binding:host_id": port.host,
        "binding:profile": port.profile,
        "binding:vif_type": kind,
        "binding:vif_details": TAP_DETAILS if known else {},
    }


def _names(r: Reading, port: Port) -> list[View]:
    """What the port's name resolves to, within its network's domain."""
    network = r.snapshot.get(Network, port.network_id)
    own = port.dns_domain or (network.dns_domain if network else "")
    domain = own or r.settings.dns_domain
    return [_name(port, domain, fixed) for fixed in port.fixed_ips]


def _name(port: Port, domain: str, fixed: FixedIP) -> View:
    return {
        "hostname": port.dns_name,
        "ip_address": fixed.ip_address,
        "fqdn": f"{port.dns_name}.{domain}",
    }
