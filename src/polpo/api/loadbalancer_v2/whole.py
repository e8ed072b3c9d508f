"""A whole tree in one POST (Octavia API reference, "Creating a fully populated load balancer").

A pool is described once, under `pools` or where it is led to; elsewhere its name stands for it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from polpo.api.loadbalancer_v2 import (
    health_monitor,
    instances,
    l7policy,
    l7rule,
    listener,
    load_balancer,
    member,
    pool,
    tree,
)
from polpo.api.loadbalancer_v2.errors import invalid
from polpo.api.network_v2.attributes import read_child, read_create
from polpo.api.network_v2.resource import Reading, Resource, View, Writing
from polpo.model.load_balancer import (
    HealthMonitor,
    L7Rule,
    Listener,
    LoadBalancer,
    Member,
    Pool,
)

BRANCHES = ("listeners", "pools")


def split(body: Any) -> tuple[Any, dict[str, Any]]:
    """The load balancer by itself, and what is to hang on it."""
    if not isinstance(body, dict) or not isinstance(body.get("loadbalancer"), dict):
        return body, {}
    top = body["loadbalancer"]
    branches = {key: top[key] for key in BRANCHES if top.get(key)}
    trunk = {key: value for key, value in top.items() if key not in BRANCHES}
    return {**body, "loadbalancer": trunk}, branches


def resource(branches: Mapping[str, Any]) -> Resource:
    """Load balancers that are made with these."""

    def create(w: Writing, given: dict[str, Any]) -> LoadBalancer:
        balancer = load_balancer.create(w, given)
        _Growth(w, balancer).grow(branches)
        return balancer

    return replace(load_balancer.RESOURCE, create=create, view=view)


class _Growth:
    """One tree that is being made, with the pools that have a name so far."""

    def __init__(self, w: Writing, balancer: LoadBalancer) -> None:
        self._w, self._balancer = w, balancer
        self._named: dict[str, Pool] = {}

    def grow(self, branches: Mapping[str, Any]) -> None:
        for body in _list(branches, "pools"):
            self._pool(body)
        for body in _list(branches, "listeners"):
            self._listener(body)
        instances.arrange(self._w, self._balancer)

    def _listener(self, body: dict[str, Any]) -> None:
        policies = _list(body, "l7policies")
        default = body.pop("default_pool", None)
        if default:
            body["default_pool_id"] = self._pool(default).id
        body["loadbalancer_id"] = self._balancer.id
        made = listener.add(self._w, read_create(listener.TABLE, body, self._w.context))
        for policy in policies:
            self._policy(made, policy)

    def _policy(self, on: Listener, body: dict[str, Any]) -> None:
        rules = _list(body, "rules")
        target = body.pop("redirect_pool", None)
        if target:
            body["redirect_pool_id"] = self._pool(target).id
        body["listener_id"] = on.id
        made = l7policy.create(self._w, read_create(l7policy.TABLE, body, self._w.context))
        for rule in rules:
            l7rule.create(self._w, made, read_child(l7rule.TABLE, rule, self._w.context))

    def _pool(self, body: Any) -> Pool:
        """Made, or the one that has the name that the body consists of."""
        body = _object(body, "pool")
        name = body.get("name")
        if set(body) == {"name"}:
            if name not in self._named:
                raise invalid(f"Pool '{name}' is described nowhere in the request.")
            return self._named[name]
        if name and name in self._named:
            raise invalid(f"Pool '{name}' is described twice in the request.")
        made = self._new_pool(body)
        self._named.update({made.name: made} if made.name else {})
        return made

    def _new_pool(self, body: dict[str, Any]) -> Pool:
        w, members = self._w, _list(body, "members")
        monitor = body.pop("healthmonitor", None)
        body["loadbalancer_id"] = self._balancer.id
        made = pool.create(w, read_create(pool.TABLE, body, w.context))
        for one in members:
            member.add(w, made, read_child(member.TABLE, one, w.context))
        if monitor:
            asked = {**_object(monitor, "healthmonitor"), "pool_id": made.id}
            health_monitor.create(w, read_create(health_monitor.TABLE, asked, w.context))
        return made


def _list(body: Any, key: str) -> list[dict[str, Any]]:
    """Taken out of the body: a list of objects."""
    found = body.pop(key, None) or []
    if not isinstance(found, list):
        raise invalid(f"{key} must be a list.")
    return [_object(one, key) for one in found]


def _object(body: Any, key: str) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise invalid(f"{key} must be an object.")
    return dict(body)


def view(r: Reading, balancers: Sequence[LoadBalancer]) -> list[View]:
    """All that was made, each where it hangs."""
    shown = load_balancer.view(r, balancers)
    for balancer, one in zip(balancers, shown, strict=True):
        pools = tree.parts(r.snapshot, Pool, balancer.id)
        one["pools"] = [_pool_view(r, pool) for pool in pools]
        listeners = tree.parts(r.snapshot, Listener, balancer.id)
        one["listeners"] = [_listener_view(r, listener) for listener in listeners]
    return shown


def _pool_view(r: Reading, one: Pool) -> View:
    members = sorted(r.snapshot.by(Member, "pool", one.id), key=lambda m: m.id)
    monitors = list(r.snapshot.by(HealthMonitor, "pool", one.id))
    return {
        **pool.view(r, [one])[0],
        "members": member.view(r, members),
        "healthmonitor": next(iter(health_monitor.view(r, monitors)), None),
    }


def _listener_view(r: Reading, one: Listener) -> View:
    policies = tree.policies(r.snapshot, one.id)
    shown = l7policy.view(r, policies)
    for policy, view in zip(policies, shown, strict=True):
        view["rules"] = l7rule.view(r, list(r.snapshot.by(L7Rule, "l7policy", policy.id)))
    return {**listener.view(r, [one])[0], "l7policies": shown}
