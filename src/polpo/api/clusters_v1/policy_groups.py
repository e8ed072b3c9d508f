"""The security groups that a cluster's policies come to: made, given their rules, removed.

They are ordinary groups of the cluster's project, which anybody may look at. A group's id follows
from its cluster and its key, so that rules and pods can name it without asking.
"""

from collections.abc import Iterable
from uuid import UUID, uuid5

import msgspec
from msgspec.structs import replace

from polpo.api.hosts_v1.errors import Refused
from polpo.api.identifier import new_id
from polpo.api.network_v2 import rule_checks
from polpo.model.cluster import Cluster
from polpo.model.port import Port
from polpo.model.security_group import (
    AddressGroup,
    SecurityGroup,
    SecurityGroupRule,
    TieredRule,
    all_rules,
)
from polpo.model.snapshot import Snapshot
from polpo.model.told import Group as ToldGroup
from polpo.model.told import Rule as ToldRule
from polpo.store.transaction import Transaction
from polpo.target.rows import ACTIONS, ADMIN, BASELINE

LONGEST_KEY = 4096
DIRECTIONS = ("ingress", "egress")
TIERS = (ADMIN, BASELINE)
LAST = (1 << 30) - 2
"""The greatest order: in the switch's tables a place and an action are 32 bits."""
DESCRIPTION = "Kept by polpo policy: what is changed here by hand does not stay."


class Rule(ToldRule, frozen=True, forbid_unknown_fields=True):
    """With a `tier` it is a `TieredRule`."""


class Group(ToldGroup, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Rule, ...] = ()


def group_id(cluster: Cluster, key: str) -> str:
    return str(uuid5(UUID(cluster.id), key))


def groups_of(snapshot: Snapshot, cluster: Cluster) -> Iterable[SecurityGroup]:
    return snapshot.by(SecurityGroup, "cluster", cluster.id)


def shown(snapshot: Snapshot, group: SecurityGroup) -> Group:
    """As it is now, whoever has changed it."""
    rules = (_shown_rule(snapshot, rule) for rule in all_rules(snapshot, group.id))
    return Group(group.cluster_key, tuple(sorted(rules, key=msgspec.structs.astuple)))


def _shown_rule(snapshot: Snapshot, rule: SecurityGroupRule) -> Rule:
    remote = snapshot.get(SecurityGroup, rule.remote_group_id or "")
    book = snapshot.get(AddressGroup, rule.remote_address_group_id or "")
    shown = Rule(
        direction=rule.direction,
        ethertype=rule.ethertype,
        protocol=rule.protocol or "",
        port_range_min=rule.port_range_min or 0,
        port_range_max=rule.port_range_max or 0,
        remote_ip_prefix=rule.remote_ip_prefix or "",
        remote_group=(remote.cluster_key or remote.id) if remote else "",
        remote_addresses=(book.cluster_key or book.id) if book else "",
    )
    if isinstance(rule, TieredRule):
        return replace(shown, tier=rule.tier, action=rule.action, order=rule.order)
    return shown


def put_group(tx: Transaction, cluster: Cluster, key: str) -> None:
    """The group itself, if it is not there. Raises Refused."""
    name = name_of(cluster, key)
    known = tx.snapshot.get(SecurityGroup, group_id(cluster, key))
    if known is None:
        known = SecurityGroup(
            id=group_id(cluster, key),
            project_id=cluster.project_id,
            description=DESCRIPTION,
            cluster_id=cluster.id,
            cluster_key=key,
        )
    if known.name != name:
        tx.put(replace(known, name=name))


def name_of(cluster: Cluster, key: str) -> str:
    """Raises Refused."""
    if not 1 <= len(key) <= LONGEST_KEY:
        raise Refused(400, f"key: of 1 to {LONGEST_KEY} characters.")
    return f"k8s/{cluster.name}/{key}"[:255]


def put_rules(tx: Transaction, cluster: Cluster, told: Group) -> None:
    """Exactly these. Raises Refused or NeutronError, and has then changed nothing."""
    group = tx.snapshot.get(SecurityGroup, group_id(cluster, told.key))
    assert group is not None
    wanted = {_content(rule): rule for rule in (_rule(tx, group, rule) for rule in told.rules)}
    have = {_content(rule): rule for rule in all_rules(tx.snapshot, group.id)}
    for content in have.keys() - wanted.keys():
        tx.remove(have[content])
    for content in sorted(wanted.keys() - have.keys()):
        tx.put(wanted[content])
    if have.keys() != wanted.keys():
        tx.put(group)  # a group's revision moves with its rules


def remove_group(tx: Transaction, group: SecurityGroup) -> None:
    """Raises Refused while a port is in it."""
    if tx.snapshot.count_by(Port, "security_group", group.id):
        raise Refused(409, f"Security group {group.id} ({group.name}) is in use.")
    for index in ("security_group", "remote_group"):
        for rule in list(all_rules(tx.snapshot, group.id, index)):
            tx.remove(rule)
    tx.remove(group)


def _content(rule: SecurityGroupRule) -> str:
    """What a group can have only once."""
    ((_, content),) = rule.claims()
    return content


def _rule(tx: Transaction, group: SecurityGroup, told: Rule) -> SecurityGroupRule:
    if told.direction not in DIRECTIONS:
        raise Refused(400, f"direction: {told.direction} is not ingress or egress.")
    rule = SecurityGroupRule(
        id=new_id(),
        project_id=group.project_id,
        security_group_id=group.id,
        direction=told.direction,
        ethertype=rule_checks.ethertype().read(told.ethertype),
        protocol=rule_checks.protocol().read(told.protocol or None),
        port_range_min=_port(told.port_range_min),
        port_range_max=_port(told.port_range_max),
        remote_ip_prefix=rule_checks.remote_prefix().read(told.remote_ip_prefix),
        remote_group_id=_remote(tx, group, told.remote_group) if told.remote_group else None,
        remote_address_group_id=_book(tx, group, told.remote_addresses),
        cluster_id=group.cluster_id,
    )
    rule = rule_checks.canonical(rule)
    rule_checks.check(rule)
    return _tiered(rule, told) if told.tier else rule


def _tiered(rule: SecurityGroupRule, told: Rule) -> TieredRule:
    if told.tier not in TIERS:
        raise Refused(400, f"tier: {told.tier} is none of {', '.join(TIERS)}.")
    if told.action not in ACTIONS:
        raise Refused(400, f"action: {told.action} is none of {', '.join(ACTIONS)}.")
    if not 1 <= told.order <= LAST:
        raise Refused(400, f"order: from 1 to {LAST}.")
    fields = {name: getattr(rule, name) for name in rule.__struct_fields__}
    return TieredRule(**fields, tier=told.tier, action=told.action, order=told.order)


def _port(number: int) -> int | None:
    return rule_checks.port().read(number) if number else None


def _remote(tx: Transaction, group: SecurityGroup, key: str) -> str:
    id = str(uuid5(UUID(group.cluster_id), key))
    if tx.snapshot.get(SecurityGroup, id) is None:
        raise Refused(400, f"remote_group: no group {key}.")
    return id


def _book(tx: Transaction, group: SecurityGroup, key: str) -> str | None:
    id = str(uuid5(UUID(group.cluster_id), key))
    if key and tx.snapshot.get(AddressGroup, id) is None:
        raise Refused(400, f"remote_addresses: no address group {key}.")
    return id if key else None
