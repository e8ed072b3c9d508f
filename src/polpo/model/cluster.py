"""Kubernetes clusters whose pods are ports of a network and whose Services the switches carry."""

from typing import ClassVar

import msgspec

from polpo.model.object import Claim, IndexEntry, Object, Owned
from polpo.model.port import Port

POD = "kubernetes:pod"
"""`device_owner` of a pod's port; `device_id` is the sandbox's id (CNI_CONTAINERID), the name
<namespace>/<pod>. Ports of a host's pool, which no pod has yet, have no `device_id`."""

HOST = "kubernetes:host"
"""`device_owner` of a host's own port in its pods' network; `device_id` is the host's name."""
OWNERS = (POD, HOST)
GOVERNED: dict[str, object] = {"policies": True}
"""In the profile of a port that is in the groups that policies come to."""
MADE_FOR = "made_for"
"""In the profile of a pod's port: the attachment that chose it, by its annotations."""


class Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`zone` as Kubernetes calls it, "" for none; `addresses` are the node's own (InternalIP)."""

    zone: str = ""
    addresses: tuple[str, ...] = ()


class Cluster(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """What the hosts and the controllers of a cluster have to know.

    network_id          of its pods; `router_id` that of the router by which they reach Services
    service_cidrs       prefixes of ClusterIPs: no network has them
    security_group_ids  of pods, where there are no policies
    policies            whether pods are in the groups that NetworkPolicies say, and in no others
    nodes               as Kubernetes knows them, by their names, which are those of hosts
    """

    kind: ClassVar[str] = "cluster"

    network_id: str
    router_id: str
    service_cidrs: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    policies: bool = False
    nodes: dict[str, Node] = {}

    def claims(self) -> tuple[Claim, ...]:
        return (("cluster", self.name),)

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), ("network", self.network_id), ("router", self.router_id))


class PodGroups(Object, frozen=True, kw_only=True, omit_defaults=True):
    """The security groups of a pod, as its cluster's policies say; by their ids, sorted.

    `name` is <namespace>/<name>. Of one name there is one at a time, but not always the same pod:
    `uid` says which. `named`: what annotations say of groups that others have made.
    """

    kind: ClassVar[str] = "pod_groups"

    cluster_id: str
    name: str
    uid: str
    group_ids: tuple[str, ...] = ()
    named: tuple[str, ...] = ()

    def claims(self) -> tuple[Claim, ...]:
        return ((pod_scope(self.cluster_id), self.name),)

    def index(self) -> tuple[IndexEntry, ...]:
        return (("cluster", self.cluster_id),)


def pod_scope(cluster_id: str) -> str:
    """The scope in which names of a cluster's pods are claimed."""
    return f"pod/{cluster_id}"


def pods_of(port: Port) -> str:
    """The name of the cluster that a pod's port was made for, "" for any other port."""
    return _cluster(port) if port.device_owner == POD else ""


def made_for(port: Port) -> str:
    """The attachment that chose the port, "" of one that is for any pod."""
    return str(port.profile.get(MADE_FOR, "")) if port.device_owner == POD else ""


def host_of(port: Port) -> str:
    """The name of the cluster whose pods a host reaches by the port, "" for any other port."""
    return _cluster(port) if port.device_owner == HOST else ""


def services_of(port: Port) -> tuple[str, ...]:
    """The prefixes of Services that a host reaches by its own port."""
    told = port.profile.get("services") if port.device_owner == HOST else None
    return tuple(str(prefix) for prefix in told) if isinstance(told, list | tuple) else ()


def has_policies(port: Port) -> bool:
    """Whether a pod's port is in the groups that its pod's policies come to, and in no others."""
    return port.device_owner == POD and bool(port.profile.get("policies"))


def _cluster(port: Port) -> str:
    return str(port.profile.get("cluster", ""))
