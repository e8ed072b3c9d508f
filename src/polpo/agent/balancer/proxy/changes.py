"""What can be changed in a running HAProxy without a reload. Pure."""

from msgspec.structs import replace

from polpo.agent.balancer.proxy.tree import Tree, backend_name
from polpo.model.load_balancer import Member
from polpo.target.balancer import Balancer


def commands(before: Balancer, after: Balancer) -> list[str] | None:
    """Lines for its socket that lead from one row to the other; None if a reload has to.

    Weights, and members switched on and off.
    """
    old = {member.id: member for member in before.members}
    if _with_members_of(before, after) != after:
        return None
    changed = [member for member in after.members if old[member.id] != member]
    return [line for member in changed for line in _changed(Tree(after), old[member.id], member)]


def _with_members_of(before: Balancer, after: Balancer) -> Balancer:
    """The former row, as far as it can follow the new one."""
    now = {member.id: member for member in after.members}
    members = tuple(
        replace(m, weight=now[m.id].weight, admin_state_up=now[m.id].admin_state_up)
        if m.id in now
        else m
        for m in before.members
    )
    same = {name: getattr(after, name) for name in NOT_OF_HAPROXY}
    return replace(before, members=members, **same)


NOT_OF_HAPROXY = ("name", "project", "names", "priority", "preempt", "peer_mac", "vips")


def _changed(tree: Tree, before: Member, after: Member) -> list[str]:
    lines = []
    for listener in tree.every:
        for pool in tree.pools_of(listener):
            if pool.id == after.pool_id:
                server = f"set server {backend_name(pool, listener)}/{after.id}"
                if before.weight != after.weight:
                    lines.append(f"{server} weight {after.weight}")
                if before.admin_state_up != after.admin_state_up:
                    lines.append(f"{server} state {'ready' if after.admin_state_up else 'maint'}")
    return lines
