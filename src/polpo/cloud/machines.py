"""The machines that a cluster's nodes are: polpo's hosts, or what has a port of the node's name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec

from polpo.client.session import ApiError
from polpo.cloud.surroundings import Session

HOSTS, PORTS, INSTANCES = "polpo:///hosts/", "polpo:///ports/", "openstack:///"
OURS = (HOSTS, PORTS, INSTANCES)
INTERNAL, EXTERNAL, HOSTNAME = "InternalIP", "ExternalIP", "Hostname"
NOT_OURS_TO_SEE = (401, 403, 404, 405)
"""Who is not the cloud's admin may not list hosts, and OpenStack has none."""


class Machine(msgspec.Struct, frozen=True):
    """`addresses`: (type, address), as a Node's status has them."""

    provider_id: str
    addresses: tuple[tuple[str, str], ...]


def find(session: Session, node: str) -> Machine | None:
    """By the node's name. Raises ApiError when it is not known whether there is one."""
    try:
        hosts = session.hosts("GET", "/hosts")["hosts"]
    except ApiError as error:
        if error.status not in NOT_OURS_TO_SEE:
            raise
        return _of_port(session, node)
    except (KeyError, TypeError):
        return _of_port(session, node)
    host = next((one for one in hosts if one["name"] == node), None)
    return of_host(host) if host is not None else _of_port(session, node)


def of_host(host: dict[str, Any]) -> Machine:
    addresses = ((INTERNAL, str(host["address"])), (HOSTNAME, str(host["name"])))
    return Machine(HOSTS + host["name"], addresses)


def _of_port(session: Session, node: str) -> Machine | None:
    ports = session.network("GET", "/ports", name=node)["ports"]
    if not ports:
        return None
    floating = [
        one
        for port in ports
        for one in session.network("GET", "/floatingips", port_id=port["id"])["floatingips"]
    ]
    return of_ports(node, ports, floating)


def of_ports(node: str, ports: list[dict[str, Any]], floating: list[dict[str, Any]]) -> Machine:
    """IPv4 first. A port of a virtual machine says which one that is."""
    device = next((str(port["device_id"]) for port in ports if port["device_id"]), "")
    inside = sorted(
        (str(fixed["ip_address"]) for port in ports for fixed in port["fixed_ips"]),
        key=lambda address: (":" in address, address),
    )
    outside = sorted(str(one["floating_ip_address"]) for one in floating)
    addresses = (
        *((INTERNAL, address) for address in inside),
        *((EXTERNAL, address) for address in outside),
        (HOSTNAME, node),
    )
    id = INSTANCES + device if _is_instance(device) else PORTS + ports[0]["id"]
    return Machine(id, addresses)


def _is_instance(device: str) -> bool:
    """Nova's servers are known by a UUID."""
    try:
        return str(UUID(device)) == device
    except ValueError:
        return False
