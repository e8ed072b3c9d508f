"""Services of Kubernetes clusters, as far as the switches carry them."""

from typing import ClassVar

import msgspec

from polpo.model.object import IndexEntry, Object


class ServiceBackend(msgspec.Struct, frozen=True, array_like=True):
    """Where packets go; `host` is the name of the host (node) that it is on, "" if unknown."""

    address: str
    port: int
    host: str = ""


class ServicePort(msgspec.Struct, frozen=True):
    """`protocol` is "tcp" or "udp". Without backends it refuses."""

    protocol: str
    port: int
    backends: tuple[ServiceBackend, ...] = ()


class Service(Object, frozen=True, kw_only=True, omit_defaults=True):
    """One Service; `id` is its uid in the cluster, `name` is <namespace>/<name>.

    addresses  ClusterIPs and others that all its ports are at, of either family
    sticks_s   how long a client keeps its backend (sessionAffinity ClientIP), 0 for not
    local      only to backends on the client's host (internalTrafficPolicy Local)
    sources    prefixes of who may use it; empty for everybody
    """

    kind: ClassVar[str] = "service"

    cluster_id: str
    name: str
    addresses: tuple[str, ...]
    ports: tuple[ServicePort, ...] = ()
    sticks_s: int = 0
    local: bool = False
    sources: tuple[str, ...] = ()

    def index(self) -> tuple[IndexEntry, ...]:
        local = (("local", "yes"),) if self.local else ()
        return (("cluster", self.cluster_id), *local)
