"""A load balancer's tree: made in one request, later changed by what differs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from polpo.cloud.annotations import Unusable
from polpo.cloud.openstack import Body, OpenStack
from polpo.cloud.wanted import Listener, Member, Monitor, Pool, Wanted


def whole(wanted: Wanted) -> Body:
    """The body of the one POST that makes all of it."""
    vip = wanted.vip
    placed = {
        "vip_port_id": vip.port_id,
        "vip_network_id": vip.network_id,
        "vip_subnet_id": vip.subnet_id,
        "vip_address": vip.address,
        "provider": wanted.provider,
        "flavor_id": wanted.flavor_id,
        "availability_zone": wanted.availability_zone,
        "additional_vips": [{"subnet_id": id} for id in vip.more],
    }
    return {
        "name": wanted.name,
        "description": wanted.description,
        "tags": list(wanted.tags),
        "listeners": [_with_all(wanted.name, listener) for listener in wanted.listeners],
        **{key: value for key, value in placed.items() if value},
    }


def _with_all(name: str, listener: Listener) -> Body:
    pool = listener.pool
    inside = _new_pool(listener) | {"members": [member.body() for member in pool.members]}
    if pool.monitor is not None:
        inside["healthmonitor"] = _new_monitor(listener, pool.monitor)
    return _new_listener(name, listener) | {"default_pool": inside}


def _new_listener(name: str, listener: Listener) -> Body:
    fixed = {
        "name": listener.name,
        "protocol": listener.protocol,
        "protocol_port": listener.port,
        "tags": [name],
    }
    return fixed | {key: value for key, value in listener.body().items() if value not in (None, {})}


def _new_pool(listener: Listener) -> Body:
    name = listener.name.replace("listener_", "pool_", 1)
    return {"name": name, "protocol": listener.pool.protocol, **listener.pool.body()}


def _new_monitor(listener: Listener, monitor: Monitor) -> Body:
    name = listener.name.replace("listener_", "monitor_", 1)
    return {"name": name, "type": monitor.type, **monitor.body()}


class Tree:
    """What hangs on one load balancer, as far as it is the Service's; `owns`: all without tags."""

    def __init__(self, cloud: OpenStack, balancer: str, name: str, *, owns: bool) -> None:
        self._cloud, self._balancer, self._name, self._owns = cloud, balancer, name, owns

    def ensure(self, listeners: Iterable[Listener]) -> None:
        """Raises Unusable where a port is another Service's."""
        there = self._cloud.listed("listener", load_balancer_id=self._balancer)
        mine = {(one["protocol"], one["protocol_port"]): one for one in there if self._is_mine(one)}
        taken = {_place(one) for one in there if not self._is_mine(one)}
        wanted = {listener.key: listener for listener in listeners}
        for listener in wanted.values():
            place = (listener.transport == "UDP", listener.port)
            if place in taken:
                on = f"{listener.port}/{listener.transport} of load balancer {self._balancer}"
                raise Unusable(f"port {on} is in use by somebody else")
        for key in mine.keys() - wanted.keys():
            self._drop(mine[key])
        for key, listener in wanted.items():
            self._listener(listener, mine.get(key))

    def remove(self) -> None:
        """All that is the Service's."""
        for one in self._cloud.listed("listener", load_balancer_id=self._balancer):
            if self._is_mine(one):
                self._drop(one)

    def _is_mine(self, listener: Body) -> bool:
        tags = listener.get("tags") or ()
        return self._name in tags or (self._owns and not tags)

    def _drop(self, listener: Body) -> None:
        self._cloud.remove("listener", listener["id"], self._balancer)
        if listener.get("default_pool_id"):
            self._cloud.remove("pool", listener["default_pool_id"], self._balancer)

    def _listener(self, wanted: Listener, found: Body | None) -> None:
        if found is None:
            body = _new_listener(self._name, wanted) | {"loadbalancer_id": self._balancer}
            found = self._cloud.make("listener", body, self._balancer)
        elif change := different(wanted.body(), found):
            self._cloud.change("listener", found["id"], change, self._balancer)
        self._pool(wanted, found)

    def _pool(self, wanted: Listener, listener: Body) -> None:
        id = listener.get("default_pool_id")
        found = self._cloud.shown("pool", id) if id else None
        if found is not None and found["protocol"] != wanted.pool.protocol:
            self._cloud.remove("pool", found["id"], self._balancer)
            found = None
        if found is None:
            body = _new_pool(wanted) | {"listener_id": listener["id"]}
            found = self._cloud.make("pool", body, self._balancer)
        elif change := different(wanted.pool.body(), found):
            self._cloud.change("pool", found["id"], change, self._balancer)
        self._members(wanted.pool, found["id"])
        self._monitor(wanted, found)

    def _members(self, wanted: Pool, pool: str) -> None:
        there = {_member(one) for one in self._cloud.members(pool)}
        if there != set(wanted.members):
            bodies = [member.body() for member in wanted.members]
            self._cloud.set_members(pool, bodies, self._balancer)

    def _monitor(self, wanted: Listener, pool: Body) -> None:
        id, monitor = pool.get("healthmonitor_id"), wanted.pool.monitor
        found = self._cloud.shown("healthmonitor", id) if id else None
        if found is not None and (monitor is None or found["type"] != monitor.type):
            self._cloud.remove("healthmonitor", found["id"], self._balancer)
            found = None
        if monitor is None:
            return
        if found is None:
            body = _new_monitor(wanted, monitor) | {"pool_id": pool["id"]}
            self._cloud.make("healthmonitor", body, self._balancer)
        elif change := different(monitor.body(), found):
            self._cloud.change("healthmonitor", found["id"], change, self._balancer)


def _place(listener: Body) -> tuple[bool, int]:
    return listener["protocol"] == "UDP", listener["protocol_port"]


def _member(one: Body) -> Member:
    return Member(
        one["address"],
        one["protocol_port"],
        one.get("name") or "",
        one.get("subnet_id") or "",
        one["weight"],
        one.get("monitor_port"),
    )


def different(wanted: Body, shown: Body) -> Body:
    """What of it is shown otherwise. Nothing has several spellings: null, [], {} and ""."""
    return {key: value for key, value in wanted.items() if _plain(value) != _plain(shown.get(key))}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items() if one is not None} or None
    if isinstance(value, list | tuple):
        return sorted(value, key=str) or None
    return None if value == "" else value
