"""Availability zones, and how many addresses are left (Neutron API reference, same names)."""

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl

from polpo.api.network_v2 import zones as zone_names
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import not_found
from polpo.api.network_v2.network import RESOURCE as network_resource
from polpo.model.host import Host
from polpo.model.network import Network, Subnet
from polpo.model.port import address_scope
from polpo.model.snapshot import Snapshot


async def zones(call: Call) -> Answer:
    """Those of the hosts, and the cloud's own."""
    snapshot = call.reading().snapshot
    hosts = list(snapshot.all(Host))
    names = sorted(zone_names.names(snapshot, call.settings))
    shown = [_zone(name, kind, hosts) for kind in ("network", "router") for name in names]
    for key, value in parse_qsl(call.query):
        if key in ("name", "resource", "state"):
            shown = [zone for zone in shown if zone[key] == value]
    return 200, {"availability_zones": shown}


def _zone(name: str, resource: str, hosts: Iterable[Host]) -> dict[str, str]:
    inside = [host for host in hosts if host.availability_zone == name]
    available = not inside or any(host.admin_state_up for host in inside)
    state = "available" if available else "unavailable"
    return {"name": name, "resource": resource, "state": state}


async def no_service_providers(_call: Call) -> Answer:
    """Neutron's plug-ins for services; there are none here, and clients ask."""
    return 200, {"service_providers": []}


async def addresses(call: Call) -> Answer:
    """Of every network; to others than admins, of none (Neutron's lists do not refuse)."""
    snapshot = call.reading().snapshot
    networks = snapshot.all(Network) if call.context.is_admin else ()
    shown = [_availability(snapshot, network) for network in networks]
    for key, value in parse_qsl(call.query):
        if key == "ip_version":
            shown = [s for s in shown if _has_version(s, value)]
        elif key in ("network_id", "network_name", "project_id", "tenant_id"):
            shown = [s for s in shown if s[key] == value]
    shown.sort(key=lambda s: str(s["network_id"]))
    return 200, {"network_ip_availabilities": shown}


async def addresses_of(call: Call, network_id: str) -> Answer:
    """Others than admins are told that there is no such network, as by Neutron."""
    if not call.context.is_admin:
        raise not_found("NetworkNotFound", f"Network {network_id} could not be found.")
    snapshot = call.reading().snapshot
    network = network_resource.find(snapshot, call.context, network_id)
    return 200, {"network_ip_availability": _availability(snapshot, network)}


def _has_version(shown: dict[str, Any], version: str) -> bool:
    return any(str(s["ip_version"]) == version for s in shown["subnet_ip_availability"])


def _availability(snapshot: Snapshot, network: Network) -> dict[str, Any]:
    subnets = [_subnet(snapshot, s) for s in snapshot.by(Subnet, "network", network.id)]
    return {
        "network_id": network.id,
        "network_name": network.name,
        "project_id": network.project_id,
        "tenant_id": network.project_id,
        "total_ips": sum(s["total_ips"] for s in subnets),
        "used_ips": sum(s["used_ips"] for s in subnets),
        "subnet_ip_availability": subnets,
    }


def _subnet(snapshot: Snapshot, subnet: Subnet) -> dict[str, Any]:
    pools = subnet.allocation_pools
    total = sum(int(ip_address(p.end)) - int(ip_address(p.start)) + 1 for p in pools)
    return {
        "subnet_id": subnet.id,
        "subnet_name": subnet.name,
        "cidr": subnet.cidr,
        "ip_version": subnet.ip_version,
        "total_ips": _within_float(total),
        "used_ips": len(snapshot.claimed(address_scope(subnet.id))),
    }


def _within_float(total: int) -> int | float:
    """A /64 has more addresses than JSON readers have integers."""
    return total if total < 1 << 53 else float(total)
