"""How many of each kind a project may have (Octavia API reference, "Quotas")."""

from collections.abc import Mapping

from polpo.api.loadbalancer_v2.errors import over_quota
from polpo.api.network_v2.resource import Writing
from polpo.model.load_balancer import (
    BalancerQuota,
    HealthMonitor,
    L7Policy,
    L7Rule,
    Listener,
    LoadBalancer,
    Member,
    Pool,
)
from polpo.model.object import Owned
from polpo.model.snapshot import Snapshot

UNLIMITED = -1

COUNTED: Mapping[str, tuple[type[Owned], str]] = {
    "loadbalancer": (LoadBalancer, "Load Balancer"),
    "listener": (Listener, "Listener"),
    "pool": (Pool, "Pool"),
    "member": (Member, "Member"),
    "healthmonitor": (HealthMonitor, "Health Monitor"),
    "l7policy": (L7Policy, "L7Policy"),
    "l7rule": (L7Rule, "L7Rule"),
}
"""What is limited, and its name in the error. Octavia's own defaults have no limits."""


def limits(snapshot: Snapshot, project_id: str) -> dict[str, int]:
    own = snapshot.get(BalancerQuota, project_id)
    return {**dict.fromkeys(COUNTED, UNLIMITED), **(own.limits if own is not None else {})}


def check(w: Writing, key: str, project_id: str) -> None:
    """Raises Octavia's 403 if the project may have no more."""
    own = w.snapshot.get(BalancerQuota, project_id)
    limit = own.limits.get(key, UNLIMITED) if own is not None else UNLIMITED
    kind, words = COUNTED[key]
    if 0 <= limit <= w.snapshot.count_by(kind, "project", project_id):
        raise over_quota(words)
