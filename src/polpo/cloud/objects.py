"""Services and nodes as a cloud provider reads them: more of few than others do (kube.objects)."""

from __future__ import annotations

import msgspec

from polpo.kube.objects import Meta, ServicePort, SessionAffinityConfig, Struct
from polpo.kube.resources import Resource

LOAD_BALANCER = "LoadBalancer"


class ServiceMeta(Meta, frozen=True):
    finalizers: tuple[str, ...] | None = None


class ServiceSpec(Struct, frozen=True):
    type: str = "ClusterIP"
    ip_families: tuple[str, ...] | None = None
    ports: tuple[ServicePort, ...] | None = None
    session_affinity: str = "None"
    session_affinity_config: SessionAffinityConfig | None = None
    external_traffic_policy: str = ""
    health_check_node_port: int = 0
    load_balancer_ip: str = msgspec.field(default="", name="loadBalancerIP")
    load_balancer_class: str | None = None
    load_balancer_source_ranges: tuple[str, ...] | None = None


class Ingress(Struct, frozen=True, omit_defaults=True):
    """One address (or name) of a load balancer. `ip_mode` is VIP or Proxy."""

    ip: str = ""
    hostname: str = ""
    ip_mode: str = ""


class LoadBalancerStatus(Struct, frozen=True):
    ingress: tuple[Ingress, ...] | None = None


class ServiceStatus(Struct, frozen=True):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(Struct, frozen=True):
    """v1 Service."""

    metadata: ServiceMeta
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()

    @property
    def key(self) -> str:
        return f"{self.metadata.namespace}/{self.metadata.name}"

    @property
    def finalizers(self) -> tuple[str, ...]:
        return self.metadata.finalizers or ()

    @property
    def ingress(self) -> tuple[Ingress, ...]:
        return self.status.load_balancer.ingress or ()

    @property
    def families(self) -> tuple[str, ...]:
        """ "IPv4", "IPv6", the preferred one first."""
        return self.spec.ip_families or ("IPv4",)


class Taint(Struct, frozen=True):
    key: str
    effect: str
    value: str = ""


class NodeSpec(Struct, frozen=True):
    provider_id: str = msgspec.field(default="", name="providerID")
    taints: tuple[Taint, ...] | None = None
    unschedulable: bool = False


class NodeAddress(Struct, frozen=True):
    """`type` is InternalIP, ExternalIP or Hostname."""

    type: str
    address: str


class NodeCondition(Struct, frozen=True):
    type: str
    status: str


class NodeStatus(Struct, frozen=True):
    addresses: tuple[NodeAddress, ...] | None = None
    conditions: tuple[NodeCondition, ...] | None = None


class Node(Struct, frozen=True):
    """v1 Node."""

    metadata: Meta
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


SERVICES: Resource[Service] = Resource("", "v1", "services", "Service", Service)
NODES: Resource[Node] = Resource("", "v1", "nodes", "Node", Node, namespaced=False)
