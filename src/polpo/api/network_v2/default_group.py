"""The security group that a project's ports are in when none is named: made when first needed.

It lets its members speak to everybody and to each other, and nobody else to them. Other new
groups let out, and nothing in. (Neutron: default security group rules.)
"""

from collections.abc import Iterable

from polpo.api.identifier import new_id
from polpo.api.network_v2 import quotas
from polpo.api.network_v2.resource import Writing
from polpo.model.security_group import SecurityGroup, SecurityGroupRule
from polpo.model.snapshot import Snapshot

ETHERTYPES = ("IPv4", "IPv6")


def of(snapshot: Snapshot, project_id: str) -> SecurityGroup | None:
    holder = snapshot.holder("default-security-group", project_id)
    return snapshot.get(SecurityGroup, holder) if holder else None


def ensure(w: Writing, project_id: str) -> SecurityGroup:
    """The project's default group, made if it has none."""
    group = of(w.snapshot, project_id)
    if group is not None:
        return group
    group = w.tx.put(
        SecurityGroup(
            id=new_id(),
            project_id=project_id,
            name="default",
            description="Default security group",
            is_default=True,
        )
    )
    for rule in first_rules(group):
        w.tx.put(rule)
    return group


def add_first_rules(w: Writing, group: SecurityGroup) -> None:
    """The rules of a new group that is not the default one; they count for the quota."""
    rules = list(first_rules(group))
    quotas.check(w, "security_group_rule", group.project_id, len(rules))
    for rule in rules:
        w.tx.put(rule)


def first_rules(group: SecurityGroup) -> Iterable[SecurityGroupRule]:
    """Everything out; for the default group, everything in from its own members."""
    for ethertype in ETHERTYPES:
        yield _rule(group, "egress", ethertype, None)
        if group.is_default:
            yield _rule(group, "ingress", ethertype, group.id)


def _rule(
    group: SecurityGroup, direction: str, ethertype: str, remote: str | None
) -> SecurityGroupRule:
    return SecurityGroupRule(
        id=new_id(),
        project_id=group.project_id,
        security_group_id=group.id,
        direction=direction,
        ethertype=ethertype,
        remote_group_id=remote,
    )
