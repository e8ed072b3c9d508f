"""What the switches have of a load balancer: its services, with their backends. Pure."""

from collections.abc import Iterator

from polpo.model.load_balancer import Listener, LoadBalancer, Member, Outage, Pool, Vip
from polpo.model.network import Subnet
from polpo.model.port import FixedIP, Port
from polpo.model.router import INTERFACES
from polpo.model.snapshot import Snapshot
from polpo.target.service import Backend, Service

SOURCE_IP = "SOURCE_IP"
STICKS_S = 360
"""keepalived's persistence_timeout, where Octavia's users say none."""


def services(snapshot: Snapshot, balancer: LoadBalancer) -> dict[str, Service | Backend]:
    """By key: a service for each listener that the switch carries, at each of the addresses."""
    found = snapshot.by(Listener, "load_balancer", balancer.id) if balancer.admin_state_up else ()
    on = (o for o in found if o.admin_state_up and o.is_switched(balancer.provider))
    rows = [
        row
        for listener in on
        for vip in balancer.addresses
        for row in _service(snapshot, listener, vip)
    ]
    return {row.key: row for row in sorted(rows, key=lambda row: row.key)}


def _service(snapshot: Snapshot, listener: Listener, vip: Vip) -> Iterator[Service | Backend]:
    id = f"{listener.id}/{vip.ip_address}"
    pool = _pool(snapshot, listener)
    sticks_s = _sticks_s(pool) if pool is not None else 0
    yield Service(
        id=id,
        address=vip.ip_address,
        protocol=listener.transport,
        port=listener.protocol_port,
        via=_via(snapshot, vip.subnet_id),
        by_source=sticks_s > 0 or (pool is not None and pool.lb_algorithm == SOURCE_IP),
        sticks_s=sticks_s,
        sources=tuple(sorted(listener.allowed_cidrs)),
    )
    if pool is not None and pool.admin_state_up:
        yield from _backends(snapshot, id, pool, ":" in vip.ip_address)


def _pool(snapshot: Snapshot, listener: Listener) -> Pool | None:
    pool = snapshot.get(Pool, listener.default_pool_id)
    ours = pool is not None and pool.load_balancer_id == listener.load_balancer_id
    return pool if ours else None


def _sticks_s(pool: Pool) -> int:
    kept = pool.session_persistence
    return kept.timeout_s or STICKS_S if kept is not None and kept.type == SOURCE_IP else 0


def _backends(snapshot: Snapshot, service: str, pool: Pool, six: bool) -> Iterator[Backend]:
    """Members of the address's family; a backup has work only while no other one has."""
    balancer = pool.load_balancer_id
    every = (m for m in snapshot.by(Member, "pool", pool.id) if (":" in m.address) == six)
    members = [m for m in every if m.admin_state_up and m.load_balancer_id == balancer]
    out = {outage.id for outage in snapshot.by(Outage, "load_balancer", balancer)}
    up = {m.id for m in members} - out
    spared = any(m.id in up and m.weight and not m.backup for m in members)
    for member in members:
        weight = 0 if member.backup and spared else member.weight
        is_up = member.id in up
        yield Backend(service, member.address, member.protocol_port, weight, is_up)


def _via(snapshot: Snapshot, subnet_id: str) -> str:
    """The MAC address of the router that is the subnet's gateway; empty if none is."""
    subnet = snapshot.get(Subnet, subnet_id)
    if subnet is None or not subnet.gateway_ip:
        return ""
    gateway = FixedIP(subnet_id, subnet.gateway_ip)
    found = (
        port.mac_address
        for port in snapshot.by(Port, "address", subnet.gateway_ip)
        if gateway in port.fixed_ips and port.device_owner in INTERFACES
    )
    return min(found, default="")
