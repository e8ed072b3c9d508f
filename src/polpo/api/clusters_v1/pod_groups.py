"""Which groups a cluster's pods are in, as its policies say, and the ports that follow from it.

A port whose pod's groups are not known yet is in none: nothing passes until somebody says so. Only
a pod that was there before its cluster had policies keeps the groups that it had until then. One
that is refused, whatever it was in, is reached by hosts only.
"""

import re
from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from polpo.api.clusters_v1.pod_choices import FOR_PODS
from polpo.api.clusters_v1.policy_groups import group_id
from polpo.api.hosts_v1.errors import Refused
from polpo.api.identifier import new_id
from polpo.model.cluster import GOVERNED, Cluster, PodGroups, has_policies, pod_scope, pods_of
from polpo.model.port import Port
from polpo.model.security_group import SecurityGroup
from polpo.model.snapshot import Snapshot
from polpo.model.told import Membership as ToldMembership
from polpo.store.transaction import Transaction

_NAME = re.compile(r"[!-~]{1,320}")
OF_HOSTS = ("nodes", "open-egress", "open-ingress")
"""Keys of the groups that hosts' own ports are in, as the cluster's controller makes them."""
OF_ALL = "node-traffic"
"""Of the group of all pods, which lets hosts in."""


class Membership(ToldMembership, frozen=True, forbid_unknown_fields=True):
    """And nothing else."""


def pods_groups(snapshot: Snapshot, cluster: Cluster) -> Iterable[PodGroups]:
    return snapshot.by(PodGroups, "cluster", cluster.id)


def shown(snapshot: Snapshot, known: PodGroups) -> Membership:
    groups = filter(None, (snapshot.get(SecurityGroup, id) for id in known.group_ids))
    keys = tuple(sorted(g.cluster_key for g in groups if g.cluster_key))
    return Membership(known.name, known.uid, keys, known.named)


def groups_for(snapshot: Snapshot, cluster: Cluster, pod: str, uid: str = "") -> tuple[str, ...]:
    """Of a port with this pod, "" for none yet. Another pod's of the same name are not its own."""
    if not cluster.policies:
        return cluster.security_group_ids
    said = said_of(snapshot, cluster, pod, uid)
    return said.group_ids if said else ()


def said_of(snapshot: Snapshot, cluster: Cluster, pod: str, uid: str) -> PodGroups | None:
    """None as long as nobody has said which groups this very pod is in; `uid` "": not known."""
    known = _known(snapshot, cluster, pod)
    return known if known and uid in ("", known.uid) else None


def host_groups(cluster: Cluster) -> tuple[str, ...]:
    """Of a host's own port: everything passes, and pods know it by the group of such ports."""
    if not cluster.policies:
        return cluster.security_group_ids
    return tuple(sorted(group_id(cluster, key) for key in OF_HOSTS))


def are_there(snapshot: Snapshot, groups: Iterable[str]) -> bool:
    return all(snapshot.get(SecurityGroup, id) is not None for id in groups)


def put_pod(tx: Transaction, cluster: Cluster, told: Membership) -> None:
    """Raises Refused: then hosts alone reach the pod, as if no policy let anybody else in."""
    if not _NAME.fullmatch(told.name):
        raise Refused(400, "name: <namespace>/<name> of a pod.")
    try:
        of_others = {_named(tx.snapshot, cluster, name) for name in told.security_groups}
        ids = {_group(tx, cluster, key) for key in told.groups} | of_others
    except Refused:
        of_all = group_id(cluster, OF_ALL)
        _put(tx, cluster, replace(told, security_groups=()), _there(tx, of_all))
        raise
    _put(tx, cluster, told, ids)


def _put(tx: Transaction, cluster: Cluster, told: Membership, groups: Iterable[str]) -> None:
    ids = tuple(sorted(groups))
    before = _known(tx.snapshot, cluster, told.name)
    if before is None:
        before = PodGroups(id=new_id(), cluster_id=cluster.id, name=told.name, uid="")
    after = replace(before, uid=told.uid, group_ids=ids, named=told.security_groups)
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
        said = said_of(tx.snapshot, cluster, name, str(port.profile.get("uid", "")))
        if said or has_policies(port):
            governed = replace(port, profile=port.profile | GOVERNED)
            tx.put(in_groups(governed, said.group_ids if said else (), tx.revision))


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


def _named(snapshot: Snapshot, cluster: Cluster, name: str) -> str:
    """Who makes a pod may only choose among groups that the project's users have marked."""
    own = snapshot.by(SecurityGroup, "project", cluster.project_id)
    found = [group.id for group in own if name in (group.id, group.name) and FOR_PODS in group.tags]
    if len(found) != 1:
        how_many = f"{len(found)} security groups are" if found else "no security group is"
        raise Refused(400, f"security_groups: {how_many} called {name} and tagged {FOR_PODS}.")
    return found[0]


def _there(tx: Transaction, id: str) -> tuple[str, ...]:
    return (id,) if are_there(tx.snapshot, (id,)) else ()


def _group(tx: Transaction, cluster: Cluster, key: str) -> str:
    id = group_id(cluster, key)
    if tx.snapshot.get(SecurityGroup, id) is None:
        raise Refused(400, f"groups: no group {key}.")
    return id
