"""Services of Kubernetes clusters, as far as the switches carry them."""

from typing import ClassVar

import msgspec

from polpo.model.object import IndexEntry, Object


class ServiceBackend(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Where packets go; `host` is the name of the host (node) that it is on, "" if unknown.

    One that is not `up` takes no new flows; one that is `spare` only where no other does. `zones`
    and `nodes` are its hints: names of those for whose clients it is meant.
    """

    address: str
    port: int
    host: str = ""
    up: bool = True
    spare: bool = False
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()


class ServicePort(msgspec.Struct, frozen=True):
    """`protocol` is "tcp" or "udp". Without backends it refuses.

    `node_port` is the port of every host's own address that it is at, 0 for none. `without` are
    outer addresses of the Service that this port is not at: another Service has them.
    """

    protocol: str
    port: int
    backends: tuple[ServiceBackend, ...] = ()
    node_port: int = 0
    without: tuple[str, ...] = ()


class Service(Object, frozen=True, kw_only=True, omit_defaults=True):
    """One Service; `id` is its uid in the cluster, `name` is <namespace>/<name>.

    addresses    ClusterIPs that all its ports are at, of either family
    external     addresses that somebody else has routed to the hosts (externalIPs)
    balanced     addresses that a load balancer has given it (status.loadBalancer.ingress)
    sticks_s     how long a client keeps its backend (sessionAffinity ClientIP), 0 for not
    local        by `addresses` only to backends on the client's host (internalTrafficPolicy Local)
    guests       who comes from outside has "cluster" (any backend) or "local" (those on the host
                 that it comes to, which see its address: externalTrafficPolicy); "" for nobody
    sources      prefixes of who may use `balanced`; empty for everybody
    health_port  where each host says how many ready backends it has, 0 for nowhere
    """

    kind: ClassVar[str] = "service"

    cluster_id: str
    name: str
    addresses: tuple[str, ...]
    ports: tuple[ServicePort, ...] = ()
    external: tuple[str, ...] = ()
    balanced: tuple[str, ...] = ()
    sticks_s: int = 0
    local: bool = False
    guests: str = ""
    sources: tuple[str, ...] = ()
    health_port: int = 0

    @property
    def is_placed(self) -> bool:
        """Whether it matters on which hosts its backends are."""
        return self.local or self.guests == "local" or self.health_port > 0

    @property
    def is_hinted(self) -> bool:
        """Whether it matters which hosts its backends are meant for."""
        return any(backend.nodes for port in self.ports for backend in port.backends)

    def index(self) -> tuple[IndexEntry, ...]:
        placed = (("placed", "yes"),) if self.is_placed or self.is_hinted else ()
        return (("cluster", self.cluster_id), *placed)
