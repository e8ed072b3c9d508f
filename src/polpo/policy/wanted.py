"""Policies, namespaces and pods -> groups, and each pod's groups: the whole, as it is defined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from polpo.policy.compiling import Entry, entries
from polpo.policy.members import Labels, Member
from polpo.policy.objects import NetworkPolicy
from polpo.policy.rules import Group, Remote, Traffic, rules

OPEN = {direction: f"open-{direction}" for direction in ("ingress", "egress")}
NODES, NODE_TRAFFIC = "nodes", "node-traffic"


def _always() -> tuple[Group, ...]:
    """Of pods that no policy isolates; of the hosts' own ports; of all pods, for their hosts."""
    opened = [Group(OPEN[d], tuple(sorted(rules(d, Remote(), Traffic())))) for d in OPEN]
    both = [rule for d in OPEN for rule in rules(d, Remote(group=NODES), Traffic())]
    return (*opened, Group(NODES), Group(NODE_TRAFFIC, tuple(sorted(both))))


ALWAYS = {group.key: group for group in _always()}
"""Groups that are there without any policy."""


class Membership(msgspec.Struct, frozen=True):
    """A pod's groups, by their keys. `name` is <namespace>/<name>."""

    name: str
    uid: str
    groups: tuple[str, ...]


class Wanted(NamedTuple):
    groups: dict[str, Group]
    pods: dict[str, Membership]


def wanted(
    policies: Iterable[NetworkPolicy], namespaces: Mapping[str, Labels], members: Iterable[Member]
) -> Wanted:
    """`namespaces`: their labels."""
    pods = list(members)

    def numbers(namespace: str, name: str, protocol: str) -> set[int]:
        inside = (pod for pod in pods if namespace in ("", pod.namespace))
        ports = (port for pod in inside for port in pod.ports)
        return {port.number for port in ports if port[:2] == (name, protocol)}

    found: dict[str, Entry] = {}
    for policy in policies:
        found |= entries(policy, numbers)
    groups = ALWAYS | {key: entry.group for key, entry in found.items()}
    return Wanted(groups, {pod.name: _membership(pod, found, namespaces) for pod in pods})


def _membership(
    pod: Member, found: Mapping[str, Entry], namespaces: Mapping[str, Labels]
) -> Membership:
    labels = namespaces.get(pod.namespace, {})
    here = [e for e in found.values() if e.members.has_namespace(pod.namespace, labels)]
    return Membership(pod.name, pod.uid, groups_of(pod, here))


def groups_of(pod: Member, here: Iterable[Entry]) -> tuple[str, ...]:
    """`here`: entries that have the pod's namespace."""
    labels = dict(pod.labels)
    mine = [entry for entry in here if entry.members.has_pod(pod.ports, labels)]
    isolated = {entry.isolates for entry in mine}
    opened = (group for direction, group in OPEN.items() if direction not in isolated)
    return tuple(sorted((*(entry.group.key for entry in mine), *opened, NODE_TRAFFIC)))
