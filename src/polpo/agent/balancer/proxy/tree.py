"""A row's parts, found by each other."""

from collections import defaultdict
from collections.abc import Iterable
from typing import TypeVar

from polpo.kernel.haproxy.words import name
from polpo.model.load_balancer import (
    HealthMonitor,
    L7Policy,
    L7Rule,
    Listener,
    Member,
    Pool,
)
from polpo.target.balancer import Balancer

T = TypeVar("T")
HTTP = ("HTTP", "TERMINATED_HTTPS", "PROMETHEUS")
"""Protocols of listeners whose requests HAProxy reads."""


class Tree:
    """`listeners`: those that HAProxy carries; `switched`: whose members it only checks."""

    def __init__(self, row: Balancer) -> None:
        self.row = row
        provider = row.balancer.provider
        self.listeners = [o for o in row.listeners if not o.is_switched(provider)]
        self.switched = [o for o in row.listeners if o.is_switched(provider)]
        self.every = [*self.listeners, *self.switched]
        self.versions = {6 if ":" in vip else 4 for vip in row.vips}
        self._pools = {pool.id: pool for pool in row.pools}
        self._monitors = {monitor.pool_id: monitor for monitor in row.monitors}
        self._members = _by((m.pool_id, m) for m in row.members)
        self._rules = _by((r.l7policy_id, r) for r in row.rules)
        policies = sorted(row.policies, key=lambda policy: policy.position)
        self._policies = _by((p.listener_id, p) for p in policies)

    def pool(self, id: str) -> Pool | None:
        """None as well if it is switched off."""
        return self._pools.get(id)

    def members(self, pool: Pool) -> list[Member]:
        return self._members[pool.id]

    def monitor(self, pool: Pool) -> HealthMonitor | None:
        return self._monitors.get(pool.id)

    def rules(self, policy: L7Policy) -> list[L7Rule]:
        return self._rules[policy.id]

    def policies(self, listener: Listener) -> list[L7Policy]:
        """In order; one without a rule is true of nothing."""
        found = self._policies[listener.id] if listener.protocol in HTTP[:2] else []
        return [policy for policy in found if self._rules[policy.id]]

    def pools_of(self, listener: Listener) -> list[Pool]:
        """All that it leads to, each once."""
        ids = [listener.default_pool_id, *(p.redirect_pool_id for p in self.policies(listener))]
        found = (self.pool(id) for id in dict.fromkeys(ids))
        return [pool for pool in found if pool is not None]


def backend_name(pool: Pool, listener: Listener) -> str:
    return f"{name(pool.id)}:{name(listener.id)}"


def parted(proxy: str) -> tuple[str, str]:
    """Ids of pool and listener, of a backend's name; of a frontend's: "" and the listener's."""
    pool, _, listener = proxy.rpartition(":")
    return pool, listener


def _by(pairs: Iterable[tuple[str, T]]) -> defaultdict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for key, value in pairs:
        found[key].append(value)
    return found
