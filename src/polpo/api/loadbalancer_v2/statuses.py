"""`provisioning_status` and `operating_status` of everything in a tree. Pure.

Nothing is ever locked: PENDING says that hosts have yet to reach what was asked for last, and more
may be asked for meanwhile. Operating statuses are those of Octavia's documentation ("Operating
status codes"): members as HAProxy sees them, pools by their members, the load balancer by its
pools; a listener that listens is ONLINE, whatever its pools are.
"""

from collections.abc import Collection, Mapping

from polpo.api.context import Carrying
from polpo.api.loadbalancer_v2 import instances, tree
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
from polpo.model.snapshot import Snapshot

ACTIVE, PENDING_CREATE, PENDING_UPDATE = "ACTIVE", "PENDING_CREATE", "PENDING_UPDATE"
ONLINE, OFFLINE, DEGRADED, ERROR = "ONLINE", "OFFLINE", "DEGRADED", "ERROR"
DRAINING, NO_MONITOR = "DRAINING", "NO_MONITOR"

SEEN: Mapping[str, str] = {
    "UP": ONLINE,
    "DOWN": ERROR,
    "DRAIN": DRAINING,
    "MAINT": OFFLINE,
    "NO_CHECK": NO_MONITOR,
}
"""A member as HAProxy has it, and as Octavia says it."""


def provisioning(carrying: Carrying, revision: int, is_new: bool) -> str:
    """Of what the revision wrote last. What can't be carried out is an error, not a wait."""
    if carrying.error is not None:
        return ERROR
    if revision <= carrying.reached:
        return ACTIVE
    return PENDING_CREATE if is_new else PENDING_UPDATE


def of_balancer(carrying: Carrying, balancer: LoadBalancer) -> str:
    """A new one is one that no host has yet, however much of its tree was made since."""
    return provisioning(carrying, balancer.wiring, carrying.reached < 0)


def of_part(carrying: Carrying, part: Part) -> str:
    return provisioning(carrying, part.revision, part.revision_number == 0)


def operating(snapshot: Snapshot, carrying: Carrying, obj: LoadBalancer | Part) -> str:
    """Nothing works before a host has it, nor in a load balancer that is switched off."""
    if isinstance(obj, Member):
        return _member(snapshot, carrying, obj)
    balancer = obj if isinstance(obj, LoadBalancer) else tree.balancer_of(snapshot, obj)
    if not obj.admin_state_up or not balancer.admin_state_up or carrying.reached < 0:
        return OFFLINE
    if isinstance(obj, LoadBalancer):
        return _balancer(snapshot, carrying, obj)
    if isinstance(obj, Pool):
        return _pool(snapshot, carrying, obj)
    assert isinstance(obj, Listener | HealthMonitor | L7Policy | L7Rule)
    return ERROR if isinstance(obj, Listener) and carrying.error is not None else ONLINE


def _member(snapshot: Snapshot, carrying: Carrying, member: Member) -> str:
    if not member.admin_state_up:
        return OFFLINE
    if member.id in carrying.members:
        return SEEN.get(carrying.members[member.id], ERROR)
    monitor = tree.monitor_of(snapshot, member.pool_id)
    return OFFLINE if monitor is not None and monitor.admin_state_up else NO_MONITOR


def _pool(snapshot: Snapshot, carrying: Carrying, pool: Pool) -> str:
    """OFFLINE if nothing leads to it."""
    if not tree.listeners_of(snapshot, pool.id):
        return OFFLINE
    members = snapshot.by(Member, "pool", pool.id)
    return by_members([_member(snapshot, carrying, m) for m in members if m.admin_state_up])


def by_members(statuses: Collection[str]) -> str:
    """Of a pool with members that are so. One without members has nothing that is wrong."""
    wrong = [status for status in statuses if status == ERROR]
    if not wrong:
        return ONLINE
    return ERROR if len(wrong) == len(statuses) else DEGRADED


def _balancer(snapshot: Snapshot, carrying: Carrying, balancer: LoadBalancer) -> str:
    if carrying.error is not None:
        return ERROR
    pools = snapshot.by(Pool, "load_balancer", balancer.id)
    found = {_pool(snapshot, carrying, pool) for pool in pools if pool.admin_state_up}
    return worst({*found, ONLINE if _is_whole(carrying, balancer) else DEGRADED})


def _is_whole(carrying: Carrying, balancer: LoadBalancer) -> bool:
    """Whether each instance that it is to have is on a host that is alive."""
    live = [instance for instance in carrying.instances.values() if instance.role]
    return len(live) >= len(instances.numbers(balancer))


def worst(statuses: Collection[str]) -> str:
    return next((status for status in (ERROR, DEGRADED) if status in statuses), ONLINE)
