"""The ports of a router and the subnets it joins by them. Pure but for the error it raises."""

from collections.abc import Iterable, Sequence
from ipaddress import ip_network

from polpo.api.network_v2.errors import bad_resource
from polpo.model.network import Subnet
from polpo.model.port import Port
from polpo.model.router import GATEWAY, INTERFACES, Router
from polpo.model.snapshot import Snapshot


def interfaces(snapshot: Snapshot, router: Router) -> list[Port]:
    """Oldest first."""
    ports = snapshot.by(Port, "device", router.id)
    found = [port for port in ports if port.device_owner in INTERFACES]
    return sorted(found, key=lambda port: (port.created_at, port.id))


def gateway(snapshot: Snapshot, router: Router) -> Port | None:
    port = snapshot.get(Port, router.gateway_port_id) if router.gateway_port_id else None
    assert port is None or port.device_owner == GATEWAY
    return port


def inside(snapshot: Snapshot, router: Router) -> list[Subnet]:
    """The subnets of its interfaces."""
    return _subnets(snapshot, interfaces(snapshot, router))


def outside(snapshot: Snapshot, router: Router) -> list[Subnet]:
    """All subnets of the external network: they are on the gateway's link."""
    if not router.external_network_id:
        return []
    return list(snapshot.by(Subnet, "network", router.external_network_id))


def addresses(snapshot: Snapshot, router: Router) -> set[str]:
    """Its own, inside and outside."""
    port = gateway(snapshot, router)
    ports = [*interfaces(snapshot, router), *([port] if port else [])]
    return {fixed.ip_address for port in ports for fixed in port.fixed_ips}


def check_apart(snapshot: Snapshot, router: Router, new: Sequence[Subnet]) -> None:
    """No subnet twice, and none that overlaps with another of the router's."""
    joined = inside(snapshot, router)
    held = {subnet.id for subnet in joined}
    for subnet in new:
        if subnet.id in held:
            raise bad_resource("router", f"Router already has a port on subnet {subnet.id}")
    for subnet in new:
        for other in (*joined, *outside(snapshot, router)):
            _check_pair(subnet, other)


def _check_pair(new: Subnet, other: Subnet) -> None:
    here, there = ip_network(new.cidr), ip_network(other.cidr)
    if here.version == there.version and here.overlaps(there):
        raise bad_resource(
            "router",
            f"Cidr {new.cidr} of subnet {new.id} overlaps with cidr {other.cidr} "
            f"of subnet {other.id}",
        )


def _subnets(snapshot: Snapshot, ports: Iterable[Port]) -> list[Subnet]:
    found = (snapshot.get(Subnet, f.subnet_id) for port in ports for f in port.fixed_ips)
    return [subnet for subnet in found if subnet is not None]
