"""Instances of load balancers, for the cloud's admin (Octavia API reference, "Amphorae")."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl

from msgspec.structs import replace

from polpo.api.context import Carrying, Instance
from polpo.api.loadbalancer_v2 import flows, instances
from polpo.api.network_v2 import listing, query
from polpo.api.network_v2.collection import Answer, Call, not_allowed
from polpo.api.network_v2.errors import forbidden, no_such_path, not_found
from polpo.api.network_v2.resource import Reading, View, Writing
from polpo.model.host import Host
from polpo.model.load_balancer import SINGLE, Listener, LoadBalancer
from polpo.model.placement import Placement, instance_id
from polpo.model.port import Port


class Amphora(NamedTuple):
    id: str
    balancer: LoadBalancer
    carrying: Carrying

    @property
    def placed(self) -> Instance | None:
        return self.carrying.instances.get(self.id)


async def of_kind(call: Call, path: Mapping[str, str]) -> Answer:
    r = _admins(call, path, "GET")
    views = [view(r, amphora) for amphora in _all(r)]
    for key, value in parse_qsl(call.query):
        if views and key in views[0]:
            views = [v for v in views if str(v[key]) == value]
    shown = listing.only(views, query.fields(call.query))
    return 200, {"amphorae": shown, "amphorae_links": []}


async def of_one(call: Call, path: Mapping[str, str]) -> Answer:
    r = _admins(call, path, "GET")
    return 200, {"amphora": view(r, _find(r, path["id"]))}


async def of_part(call: Call, path: Mapping[str, str]) -> Answer:
    """`stats`, `failover`, and `config`: nothing to do, for instances are always up to date."""
    part = path["part"]
    if part not in ("stats", "failover", "config"):
        raise no_such_path()
    r = _admins(call, path, "GET" if part == "stats" else "PUT")
    amphora = _find(r, path["id"])
    if part == "stats":
        return 200, {"amphora_stats": _stats(r, amphora)}
    if part == "failover":
        await call.write(lambda w: fail_over(w, amphora.balancer.id))
    return 202, None


def fail_over(w: Writing, balancer_id: str) -> None:
    balancer = w.snapshot.get(LoadBalancer, balancer_id)
    if balancer is None:
        raise not_found("NotFound", f"Load Balancer {balancer_id} not found.")
    w.tx.put(replace(balancer, wish=balancer.wish + 1))


def _admins(call: Call, path: Mapping[str, str], method: str) -> Reading:
    if path["path"] != "amphorae":
        raise no_such_path()
    if call.method != method:
        raise not_allowed()
    if not call.context.is_admin:
        raise forbidden("amphora")
    return call.reading()


def _all(r: Reading) -> Iterator[Amphora]:
    balancers = sorted(r.snapshot.all(LoadBalancer), key=lambda balancer: balancer.id)
    carried = r.wiring.balancers(r.snapshot, balancers)
    for balancer in balancers:
        for number in instances.numbers(balancer):
            yield Amphora(instance_id(balancer.id, number), balancer, carried[balancer.id])


def _find(r: Reading, id: str) -> Amphora:
    for amphora in _all(r):
        if amphora.id == id:
            return amphora
    raise not_found("NotFound", f"Amphora {id} not found.")


def view(r: Reading, amphora: Amphora) -> View:
    balancer, placed = amphora.balancer, amphora.placed
    front = _front(r, amphora)
    placement = r.snapshot.get(Placement, amphora.id)
    return {
        "id": amphora.id,
        "loadbalancer_id": balancer.id,
        "compute_id": placed.host if placed else None,
        "lb_network_ip": placed.address or None if placed else None,
        "vrrp_ip": front.fixed_ips[0].ip_address if front and front.fixed_ips else None,
        "ha_ip": balancer.vip_address,
        "vrrp_port_id": front.id if front else None,
        "ha_port_id": balancer.vip_port_id,
        "cert_expiration": None,
        "cert_busy": False,
        "role": _role(amphora),
        "status": _status(amphora),
        "vrrp_interface": "eth0",
        "vrrp_id": 1,
        "vrrp_priority": placement.priority if placement else None,
        "cached_zone": _zone(r, placed),
        "image_id": None,
        "compute_flavor": None,
        "created_at": balancer.created_at.removesuffix("Z"),
        "updated_at": balancer.updated_at.removesuffix("Z"),
    }


def _front(r: Reading, amphora: Amphora) -> Port | None:
    ports = r.snapshot.by(Port, "device", amphora.id)
    network = amphora.balancer.vip_network_id
    return next((port for port in ports if port.network_id == network), None)


def _role(amphora: Amphora) -> str | None:
    if amphora.balancer.topology == SINGLE:
        return "STANDALONE"
    return amphora.placed.role or None if amphora.placed else None


def _status(amphora: Amphora) -> str:
    if amphora.carrying.error is not None:
        return "ERROR"
    return "ALLOCATED" if amphora.placed else "PENDING_CREATE"


def _zone(r: Reading, placed: Instance | None) -> str | None:
    holder = r.snapshot.holder("host", placed.host) if placed else None
    host = r.snapshot.get(Host, holder) if holder else None
    return host.availability_zone or None if host else None


def _stats(r: Reading, amphora: Amphora) -> list[View]:
    """By listener. Hosts say what has passed all instances together: that of the active one."""
    balancer = amphora.balancer
    listeners = r.snapshot.by(Listener, "load_balancer", balancer.id)
    return [
        {
            **flows.total(f for id, f in amphora.carrying.flows.items() if id == listener.id),
            "id": amphora.id,
            "listener_id": listener.id,
            "loadbalancer_id": balancer.id,
        }
        for listener in listeners
    ]
