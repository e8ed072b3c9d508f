"""Which groups a cluster's pods are in, as its policies say, and the ports that follow from it.

A port whose pod's groups are not known yet is in none: nothing passes until somebody says so.
"""

from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from polpo.api.clusters_v1.policy_groups import group_id
from polpo.api.hosts_v1.errors import Refused
from polpo.api.identifier import new_id
from polpo.model.cluster import Cluster, PodGroups, pod_scope, pods_of
from polpo.model.port import Port
from polpo.model.security_group import SecurityGroup
from polpo.model.snapshot import Snapshot
from polpo.store.transaction import Transaction

OF_HOSTS = ("nodes", "open-egress", "open-ingress")
"""Keys of the groups that hosts' own ports are in, as the cluster's controller makes them."""


class Membership(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pod's groups by their keys; `name` is <namespace>/<name>."""

    name: str
    uid: str
    groups: tuple[str, ...] = ()


def pods_groups(snapshot: Snapshot, cluster: Cluster) -> Iterable[PodGroups]:
    return snapshot.by(PodGroups, "cluster", cluster.id)


def shown(snapshot: Snapshot, known: PodGroups) -> Membership:
    groups = filter(None, (snapshot.get(SecurityGroup, id) for id in known.group_ids))
    return Membership(known.name, known.uid, tuple(sorted(g.cluster_key for g in groups)))


def groups_for(snapshot: Snapshot, cluster: Cluster, pod: str, uid: str = "") -> tuple[str, ...]:
    """Of a port with this pod, "" for none yet. Another pod's of the same name are not its own."""
    if not cluster.policies:
        return cluster.security_group_ids
    known = _known(snapshot, cluster, pod)
    return known.group_ids if known and uid in ("", known.uid) else ()


def host_groups(cluster: Cluster) -> tuple[str, ...]:
    """Of a host's own port: everything passes, and pods know it by the group of such ports."""
    if not cluster.policies:
        return cluster.security_group_ids
    return tuple(sorted(group_id(cluster, key) for key in OF_HOSTS))


def put_pod(tx: Transaction, cluster: Cluster, told: Membership) -> None:
    """Raises Refused, and has then changed nothing."""
    ids = tuple(sorted({_group(tx, cluster, key) for key in told.groups}))
    before = _known(tx.snapshot, cluster, told.name)
    if before is None:
        before = PodGroups(id=new_id(), cluster_id=cluster.id, name=told.name, uid="")
    after = replace(before, uid=told.uid, group_ids=ids)
    if after != before:
        tx.put(after)
        _follow(tx, cluster, told.name)


def remove_pod(tx: Transaction, cluster: Cluster, name: str) -> None:
    """Its port, as long as it has one, is in no group any more."""
    known = _known(tx.snapshot, cluster, name)
    if known is not None:
        tx.remove(known)
        _follow(tx, cluster, name)


def _follow(tx: Transaction, cluster: Cluster, name: str) -> None:
    for port in list(_ports(tx.snapshot, cluster, name)):
        uid = str(port.profile.get("uid", ""))
        tx.put(in_groups(port, groups_for(tx.snapshot, cluster, name, uid), tx.revision))


def in_groups(port: Port, groups: tuple[str, ...], revision: int) -> Port:
    """A port whose groups change is ACTIVE when its hosts know of it."""
    if port.security_groups == groups:
        return port
    return replace(port, security_groups=groups, wiring=revision)


def _ports(snapshot: Snapshot, cluster: Cluster, name: str) -> Iterator[Port]:
    for port in snapshot.by(Port, "name", name):
        if pods_of(port) == cluster.name and port.device_id:
            yield port


def _known(snapshot: Snapshot, cluster: Cluster, name: str) -> PodGroups | None:
    return snapshot.get(PodGroups, snapshot.holder(pod_scope(cluster.id), name) or "")


def _group(tx: Transaction, cluster: Cluster, key: str) -> str:
    id = group_id(cluster, key)
    if tx.snapshot.get(SecurityGroup, id) is None:
        raise Refused(400, f"groups: no group {key}.")
    return id
