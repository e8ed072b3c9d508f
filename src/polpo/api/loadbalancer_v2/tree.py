"""What hangs on a load balancer: found, marked as changed, taken away."""

from collections.abc import Iterable
from typing import TypeVar

from msgspec.structs import replace

from polpo.api.loadbalancer_v2.errors import absent
from polpo.api.network_v2.resource import Writing
from polpo.model.load_balancer import (
    HealthMonitor,
    L7Policy,
    L7Rule,
    Listener,
    LoadBalancer,
    Member,
    Part,
    Pool,
)
from polpo.model.object import Owned
from polpo.model.snapshot import Snapshot

P = TypeVar("P", bound=Part)
T = TypeVar("T", bound=Owned)

PARTS: tuple[type[Part], ...] = (L7Rule, L7Policy, HealthMonitor, Member, Listener, Pool)
WORDS = {LoadBalancer: "Load Balancer", Listener: "Listener", Pool: "Pool", L7Policy: "L7 Policy"}


def named(w: Writing, kind: type[T], id: str) -> T:
    """What a request refers to, if it is the asker's. Raises Octavia's 404."""
    obj = w.snapshot.get(kind, id)
    if obj is None or not (w.context.is_admin or obj.project_id == w.context.project_id):
        raise absent(WORDS.get(kind, kind.kind), id)
    return obj


def balancer_of(snapshot: Snapshot, part: Part) -> LoadBalancer:
    balancer = snapshot.get(LoadBalancer, part.load_balancer_id)
    assert balancer is not None
    return balancer


def touch(w: Writing, balancer_id: str) -> None:
    """Something of the tree has changed: its hosts have to reach this revision."""
    balancer = w.snapshot.get(LoadBalancer, balancer_id)
    if balancer is not None and balancer.wiring != w.tx.revision:
        w.tx.put(replace(balancer, wiring=w.tx.revision))


def parts(snapshot: Snapshot, kind: type[P], balancer_id: str) -> list[P]:
    """In the order of their ids."""
    found = snapshot.by(kind, "load_balancer", balancer_id)
    return sorted(found, key=lambda part: part.id)


def policies(snapshot: Snapshot, listener_id: str) -> list[L7Policy]:
    """In their order."""
    found = snapshot.by(L7Policy, "listener", listener_id)
    return sorted(found, key=lambda policy: (policy.position, policy.id))


def pools_of(snapshot: Snapshot, listener: Listener) -> list[str]:
    """Ids of the pools that requests to a listener may come to."""
    found = [p.redirect_pool_id for p in policies(snapshot, listener.id)]
    return sorted({listener.default_pool_id, *found} - {""})


def listeners_of(snapshot: Snapshot, pool_id: str) -> list[Listener]:
    """Those that lead to a pool, by default or by a policy."""
    found = {listener.id: listener for listener in snapshot.by(Listener, "pool", pool_id)}
    for policy in snapshot.by(L7Policy, "pool", pool_id):
        listener = snapshot.get(Listener, policy.listener_id)
        if listener is not None:
            found[listener.id] = listener
    return [found[id] for id in sorted(found)]


def monitor_of(snapshot: Snapshot, pool_id: str) -> HealthMonitor | None:
    return next(iter(snapshot.by(HealthMonitor, "pool", pool_id)), None)


def remove_policy(w: Writing, policy: L7Policy) -> None:
    remove_all(w, w.snapshot.by(L7Rule, "l7policy", policy.id))
    w.tx.remove(policy)


def remove_all(w: Writing, objects: Iterable[Owned]) -> None:
    for obj in list(objects):
        w.tx.remove(obj)
