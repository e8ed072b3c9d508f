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
MOST_OF_ONE: Mapping[str, int] = {
    "listener": 1000,
    "pool": 1000,
    "l7policy": 1000,
    "member": 10_000,
}
"""Of one load balancer, whatever the project may have: a change of it is one transaction, and one
configuration of HAProxy's, for which all others wait.
"""

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


def check(w: Writing, key: str, project_id: str, balancer_id: str = "") -> None:
    """Raises Octavia's 403 if the project, or the load balancer, may have no more."""
    own = w.snapshot.get(BalancerQuota, project_id)
    limit = own.limits.get(key, UNLIMITED) if own is not None else UNLIMITED
    kind, words = COUNTED[key]
    if 0 <= limit <= w.snapshot.count_by(kind, "project", project_id):
        raise over_quota(words)
    most = MOST_OF_ONE.get(key)
    if most is not None and w.snapshot.count_by(kind, "load_balancer", balancer_id) >= most:
        raise over_quota(f"{words} (a load balancer may have {most})")
