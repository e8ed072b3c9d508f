"""Policies, namespaces and pods as they are now, and what of groups and pods to look at.

A pod that comes or goes touches itself; a policy touches its groups, and the pods whose groups are
others by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from polpo.kube.reflection import Change
from polpo.model.told import Group, Membership
from polpo.policy.addresses import keys_of
from polpo.policy.compiling import Entry
from polpo.policy.members import Labels, Member, Members, member, named_groups
from polpo.policy.numbers import PortNumbers
from polpo.policy.objects import ClusterNetworkPolicy, Namespace, NetworkPolicy, Pod
from polpo.policy.older import Kind, as_newer, name_of
from polpo.policy.older_objects import Older
from polpo.policy.places import PlaceIndex
from polpo.policy.wanted import ALWAYS, AnyPolicy, entries_of, groups_of, membership

Alike = tuple[object, ...]
"""What pods have in common that are in the same groups."""


class Index:
    """Keys of policies and pods are `namespace/name` (of a cluster's own policies the name, without
    a slash), those of groups theirs."""

    def __init__(self) -> None:
        self.touched_groups: set[str] = set(ALWAYS)
        self.touched_pods: set[str] = set()
        self.touched_policies: set[str] = set()
        self.places = PlaceIndex()
        self._policies: dict[str, AnyPolicy] = {}
        self._namespaces: dict[str, Labels] = {}
        self._also: dict[str, tuple[str, ...]] = {}  # of namespaces
        self._pods: dict[str, Member] = {}
        self._inside: defaultdict[str, set[str]] = defaultdict(set)
        self._numbers = PortNumbers()
        self._of_policy: dict[str, dict[str, Entry]] = {}
        self._entries: dict[str, Entry] = {}
        self._holders: defaultdict[str, set[str]] = defaultdict(set)
        self._here: dict[str, list[Entry]] = {}
        self._groups: dict[Alike, tuple[str, ...]] = {}

    def policies(
        self, changes: Iterable[Change[NetworkPolicy]] | Iterable[Change[ClusterNetworkPolicy]]
    ) -> None:
        for change in changes:
            if change.object is None:
                self._policies.pop(change.key, None)
            else:
                self._policies[change.key] = change.object
            self.touched_policies.add(change.key)
            self._compile(change.key)

    def older(self, kind: Kind, changes: Iterable[Change[Older]]) -> None:
        """Under a name of their own among the newer kind's."""
        for key, older in changes:
            newer = as_newer(older, kind) if older is not None else None
            self.policies([Change(name_of(kind.resource.kind, key), newer)])

    def policy(self, key: str) -> AnyPolicy | None:
        return self._policies.get(key)

    def namespaces(self, changes: Iterable[Change[Namespace]]) -> None:
        for change in changes:
            if change.object is None:
                self._namespaces.pop(change.key, None)
                self._also.pop(change.key, None)
            else:
                self._namespaces[change.key] = change.object.metadata.labels or {}
                self._also[change.key] = named_groups(change.object.metadata)
            self.touched_pods |= self._inside.get(change.key, set())
            self._forget()

    def pods(self, changes: Iterable[Change[Pod]]) -> None:
        for change in changes:
            pod = member(change.object) if change.object is not None else None
            before = self._pods.get(change.key)
            if pod == before:
                continue
            self._keep(change.key, pod, before)
            for policy in sorted(self._numbers.replace(before, pod)):
                self._compile(policy)

    def group(self, key: str) -> Group | None:
        entry = self._entries.get(key)
        return entry.group if entry is not None else ALWAYS.get(key)

    def membership(self, name: str) -> Membership | None:
        pod = self._pods.get(name)
        if pod is None:
            return None
        alike = pod.namespace, pod.labels, pod.ports
        if alike not in self._groups:
            self._groups[alike] = groups_of(pod, self._at(pod.namespace))
        return membership(pod, self._groups[alike], self._also.get(pod.namespace, ()))

    def _keep(self, name: str, pod: Member | None, before: Member | None) -> None:
        if before is not None:
            del self._pods[name]
            self._inside[before.namespace].discard(name)
        if pod is not None:
            self._pods[name] = pod
            self._inside[pod.namespace].add(name)
        self.touched_pods.add(name)

    def _compile(self, key: str) -> None:
        """What a policy comes to now; nothing of one that is gone."""
        policy, before = self._policies.get(key), self._of_policy.pop(key, {})
        self._numbers.forget(key)
        found: dict[str, Entry] = {}
        if policy is not None:
            found = entries_of(policy, lambda *name: self._numbers.of(name, key))
            self._of_policy[key] = found
        self.places.use(key, keys_of(entry.group for entry in found.values()))
        for group in before.keys() - found.keys():
            self._holders[group].discard(key)
            if not self._holders[group]:
                del self._holders[group]
                self._replace(group, None)
        for group, entry in found.items():
            self._holders[group].add(key)
            self._replace(group, entry)

    def _replace(self, key: str, entry: Entry | None) -> None:
        before = self._entries.get(key)
        if before == entry:
            return
        if entry is None:
            del self._entries[key]
        else:
            self._entries[key] = entry
        self.touched_groups.add(key)
        self._forget()
        if before is None or entry is None or before.members != entry.members:
            for changed in filter(None, (before, entry)):
                self._touch(changed.members)

    def _touch(self, members: Members) -> None:
        for namespace in (members.namespace,) if members.namespace else tuple(self._inside):
            if not members.has_namespace(namespace, self._namespaces.get(namespace, {})):
                continue
            for name in self._inside.get(namespace, ()):
                pod = self._pods[name]
                if members.has_pod(pod.ports, dict(pod.labels)):
                    self.touched_pods.add(name)

    def _at(self, namespace: str) -> list[Entry]:
        """The entries that have the namespace."""
        if namespace not in self._here:
            labels = self._namespaces.get(namespace, {})
            every = self._entries.values()
            self._here[namespace] = [e for e in every if e.members.has_namespace(namespace, labels)]
        return self._here[namespace]

    def _forget(self) -> None:
        """What was worked out from entries and namespaces."""
        self._here.clear()
        self._groups.clear()
