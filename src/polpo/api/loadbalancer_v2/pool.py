"""Pools (Octavia API reference, "Pools")."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from msgspec.structs import replace

from polpo.api.identifier import new_id
from polpo.api.loadbalancer_v2 import instances, protocols, quotas, tls, tree
from polpo.api.loadbalancer_v2.errors import immutable, invalid
from polpo.api.loadbalancer_v2.fields import ids, octavia_table, optional, token
from polpo.api.loadbalancer_v2.views import look
from polpo.api.network_v2 import values
from polpo.api.network_v2.attributes import REQUIRED, Attribute, shown
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed
from polpo.api.network_v2.values import Kind
from polpo.model.load_balancer import (
    HealthMonitor,
    L7Policy,
    Listener,
    LoadBalancer,
    Member,
    Persistence,
    Pool,
)

ALGORITHMS = ("ROUND_ROBIN", "LEAST_CONNECTIONS", "SOURCE_IP", "SOURCE_IP_PORT")
KEPT = ("SOURCE_IP", "HTTP_COOKIE", "APP_COOKIE")


def _persistence() -> Kind:
    known = values.record(
        {"type": values.one_of(*KEPT)},
        {
            "cookie_name": values.nullable(token()),
            "persistence_timeout": values.nullable(values.integer(1)),
            "persistence_granularity": values.nullable(_netmask()),
        },
    )

    def read(value: Any) -> Persistence | None:
        if value == {}:
            return None
        given = known.read(value)
        return Persistence(
            given["type"],
            given.get("cookie_name") or "",
            given.get("persistence_timeout"),
            given.get("persistence_granularity"),
        )

    return Kind(read, known.schema)


def _netmask() -> Kind:
    address = values.address()

    def read(value: Any) -> str:
        found = str(address.read(value))
        bits = f"{int(ip_address(found)):b}"
        if ":" not in found and (len(bits) != 32 or "01" in bits):
            raise ValueError(f"'{value}' is not a netmask")
        return found

    return Kind(read, address.schema)


TABLE = octavia_table(
    "pool",
    {
        "loadbalancer_id": optional(values.uuid(), "", put=False, field="load_balancer_id"),
        "listener_id": optional(values.uuid(), "", put=False),
        "load_balancer_id": shown(values.uuid(), field="load_balancer_id"),
        "protocol": Attribute(
            kind=values.one_of(*protocols.POOLS), put=False, default=REQUIRED, field="protocol"
        ),
        "lb_algorithm": Attribute(
            kind=values.one_of(*ALGORITHMS), default=REQUIRED, field="lb_algorithm"
        ),
        "session_persistence": optional(_persistence(), None),
        "tls_enabled": optional(values.boolean(), False, field="tls_enabled"),
        "tls_container_ref": tls.reference(),
        "ca_tls_container_ref": tls.reference(),
        "crl_container_ref": tls.reference(),
        **tls.shared(),
    },
)
REFERENCES = ("tls_container_ref", "ca_tls_container_ref", "crl_container_ref", "tls_ciphers")


def create(w: Writing, given: dict[str, Any]) -> Pool:
    listener_id, balancer_id = given.pop("listener_id"), given.pop("loadbalancer_id")
    listener = tree.named(w, Listener, listener_id) if listener_id else None
    if listener is not None:
        balancer_id = balancer_id or listener.load_balancer_id
    if not balancer_id:
        raise invalid("Must provide at least one of: loadbalancer_id or listener_id")
    balancer = tree.named(w, LoadBalancer, balancer_id)
    if listener is not None:
        _check_free(balancer, listener)
    given["project_id"] = balancer.project_id
    quotas.check(w, "pool", balancer.project_id, balancer.id)
    pool = Pool(id=new_id(), load_balancer_id=balancer.id, **given)
    protocols.check_pool(balancer, pool)
    pool = w.tx.put(pool)
    if listener is not None:
        protocols.check_pair(listener, pool)
        w.tx.put(replace(listener, default_pool_id=pool.id))
    tree.touch(w, balancer.id)
    return pool


def _check_free(balancer: LoadBalancer, listener: Listener) -> None:
    if listener.load_balancer_id != balancer.id:
        raise invalid(f"Listener {listener.id} belongs to another load balancer.")
    if listener.default_pool_id:
        raise immutable(f"Listener {listener.id} already has a default pool.")


def update(w: Writing, pool: Pool, given: dict[str, Any]) -> Pool:
    after = changed(pool, given)
    if after is pool:
        return pool
    protocols.check_pool(tree.balancer_of(w.snapshot, pool), after)
    for listener in tree.listeners_of(w.snapshot, pool.id):
        protocols.check_pair(listener, after)
    after = w.tx.put(after)
    tree.touch(w, pool.load_balancer_id)
    return after


def delete(w: Writing, pool: Pool) -> None:
    for policy in w.snapshot.by(L7Policy, "pool", pool.id):
        raise immutable(f"Pool {pool.id} is in use by L7 policy {policy.id}")
    for listener in list(w.snapshot.by(Listener, "pool", pool.id)):
        w.tx.put(replace(listener, default_pool_id=""))
    tree.remove_all(w, w.snapshot.by(Member, "pool", pool.id))
    tree.remove_all(w, w.snapshot.by(HealthMonitor, "pool", pool.id))
    w.tx.remove(pool)
    tree.touch(w, pool.load_balancer_id)
    instances.arrange(w, tree.balancer_of(w.snapshot, pool))


def view(r: Reading, pools: Sequence[Pool]) -> list[View]:
    seen = look(r, pools)
    return [_view(r, seen.standard(pool), pool) for pool in pools]


def _view(r: Reading, standard: View, pool: Pool) -> View:
    monitor = tree.monitor_of(r.snapshot, pool.id)
    return {
        **standard,
        "protocol": pool.protocol,
        "lb_algorithm": pool.lb_algorithm,
        "session_persistence": _persistence_view(pool.session_persistence),
        "tls_enabled": pool.tls_enabled,
        **{key: getattr(pool, key) or None for key in REFERENCES},
        "tls_versions": pool.tls_versions,
        "alpn_protocols": pool.alpn_protocols,
        "healthmonitor_id": monitor.id if monitor is not None else None,
        "listeners": ids(tree.listeners_of(r.snapshot, pool.id)),
        "loadbalancers": [{"id": pool.load_balancer_id}],
        "members": ids(r.snapshot.by(Member, "pool", pool.id)),
    }


def _persistence_view(kept: Persistence | None) -> View | None:
    if kept is None:
        return None
    return {
        "type": kept.type,
        "cookie_name": kept.cookie_name or None,
        "persistence_timeout": kept.timeout_s,
        "persistence_granularity": kept.granularity,
    }


RESOURCE = Resource(
    member="pool",
    collection="pools",
    path="pools",
    model=Pool,
    table=TABLE,
    missing=("NotFound", "Pool {id} not found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    indexes={
        "name": "name",
        "project_id": "project",
        "load_balancer_id": "load_balancer",
        "loadbalancer_id": "load_balancer",
    },
)
