"""Kubernetes clusters whose pods are ports of a network and whose Services the switches carry."""

from typing import ClassVar

from polpo.model.object import Claim, IndexEntry, Owned
from polpo.model.port import Port

POD = "kubernetes:pod"
"""`device_owner` of a pod's port; `device_id` is the sandbox's id (CNI_CONTAINERID), the name
<namespace>/<pod>. Ports of a host's pool, which no pod has yet, have no `device_id`."""

HOST = "kubernetes:host"
"""`device_owner` of a host's own port in its pods' network; `device_id` is the host's name."""
OWNERS = (POD, HOST)


class Cluster(Owned, frozen=True, kw_only=True, omit_defaults=True):
    """What the hosts and the controllers of a cluster have to know.

    network_id          of its pods; `router_id` that of the router by which they reach Services
    service_cidrs       prefixes of ClusterIPs: no network has them
    security_group_ids  of pods that no policy selects
    """

    kind: ClassVar[str] = "cluster"

    network_id: str
    router_id: str
    service_cidrs: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()

    def claims(self) -> tuple[Claim, ...]:
        return (("cluster", self.name),)

    def index(self) -> tuple[IndexEntry, ...]:
        return (*super().index(), ("network", self.network_id), ("router", self.router_id))


def pods_of(port: Port) -> str:
    """The name of the cluster that a pod's port was made for, "" for any other port."""
    return _cluster(port) if port.device_owner == POD else ""


def host_of(port: Port) -> str:
    """The name of the cluster whose pods a host reaches by the port, "" for any other port."""
    return _cluster(port) if port.device_owner == HOST else ""


def services_of(port: Port) -> tuple[str, ...]:
    """The prefixes of Services that a host reaches by its own port."""
    told = port.profile.get("services") if port.device_owner == HOST else None
    return tuple(str(prefix) for prefix in told) if isinstance(told, list | tuple) else ()


def _cluster(port: Port) -> str:
    return str(port.profile.get("cluster", ""))
