"""Policies, namespaces and pods -> groups, and each pod's groups: the whole, as it is defined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from polpo.model.told import Addresses, Group, Membership
from polpo.policy.addresses import NOWHERE, Places, addresses, keys_of
from polpo.policy.compiling import Entry, Numbers, entries
from polpo.policy.members import Labels, Member
from polpo.policy.objects import ClusterNetworkPolicy, NetworkPolicy
from polpo.policy.rules import Remote, Traffic, rules
from polpo.policy.tiers import tiered_entries

AnyPolicy = NetworkPolicy | ClusterNetworkPolicy

OPEN = {direction: f"open-{direction}" for direction in ("ingress", "egress")}
NODES, NODE_TRAFFIC = "nodes", "node-traffic"


def _always() -> tuple[Group, ...]:
    """Of pods that no policy isolates; of the hosts' own ports; of all pods, for their hosts."""
    opened = [Group(OPEN[d], tuple(sorted(rules(d, Remote(), Traffic())))) for d in OPEN]
    both = [rule for d in OPEN for rule in rules(d, Remote(group=NODES), Traffic())]
    return (*opened, Group(NODES), Group(NODE_TRAFFIC, tuple(sorted(both))))


ALWAYS = {group.key: group for group in _always()}
"""Groups that are there without any policy."""


class Wanted(NamedTuple):
    groups: dict[str, Group]
    pods: dict[str, Membership]
    addresses: dict[str, Addresses] = {}


def wanted(
    policies: Iterable[AnyPolicy],
    namespaces: Mapping[str, Labels],
    members: Iterable[Member],
    also: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    places: Places = NOWHERE,
) -> Wanted:
    """`namespaces`: their labels; `also`: groups that pods of a namespace are in besides."""
    pods = list(members)

    def numbers(namespace: str, name: str, protocol: str) -> set[int]:
        inside = (pod for pod in pods if namespace in ("", pod.namespace))
        ports = (port for pod in inside for port in pod.ports)
        return {port.number for port in ports if port[:2] == (name, protocol)}

    found: dict[str, Entry] = {}
    for policy in policies:
        found |= entries_of(policy, numbers)
    groups = ALWAYS | {key: entry.group for key, entry in found.items()}
    named = {key: addresses(key, places) for key in keys_of(groups.values())}
    return Wanted(groups, _memberships(pods, found, namespaces, also), named)


def entries_of(policy: AnyPolicy, numbers: Numbers) -> dict[str, Entry]:
    """By the group's key."""
    if isinstance(policy, ClusterNetworkPolicy):
        return tiered_entries(policy, numbers)
    return entries(policy, numbers)


def _memberships(
    pods: Iterable[Member],
    found: Mapping[str, Entry],
    namespaces: Mapping[str, Labels],
    also: Mapping[str, tuple[str, ...]],
) -> dict[str, Membership]:
    told = {}
    for pod in pods:
        labels = namespaces.get(pod.namespace, {})
        here = [e for e in found.values() if e.members.has_namespace(pod.namespace, labels)]
        told[pod.name] = membership(pod, groups_of(pod, here), also.get(pod.namespace, ()))
    return told


def membership(pod: Member, groups: tuple[str, ...], also: Iterable[str]) -> Membership:
    """`also`: of its namespace."""
    return Membership(pod.name, pod.uid, groups, tuple(sorted({*pod.also, *also})))


def groups_of(pod: Member, here: Iterable[Entry]) -> tuple[str, ...]:
    """`here`: entries that have the pod's namespace."""
    labels = dict(pod.labels)
    mine = [entry for entry in here if entry.members.has_pod(pod.ports, labels)]
    isolated = {entry.isolates for entry in mine} - {""}
    mine = [entry for entry in mine if entry.yields not in isolated]
    opened = (group for direction, group in OPEN.items() if direction not in isolated)
    return tuple(sorted((*(entry.group.key for entry in mine), *opened, NODE_TRAFFIC)))
