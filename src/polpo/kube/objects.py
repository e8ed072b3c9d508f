"""Kubernetes' objects, as far as somebody in polpo reads them; the rest of the JSON is skipped.

One who needs less of many (or more of few) declares a kind of their own with a `metadata: Meta`
and gives that to the reflector. `| None` is where the API server really writes null.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec


class Struct(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Values without cycles: the collector need not look at them (they may be many)."""


class Meta(Struct, frozen=True):
    """metav1.ObjectMeta."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    generation: int = 0


class Namespace(Struct, frozen=True):
    """v1 Namespace."""

    metadata: Meta


class ServicePort(Struct, frozen=True):
    """`target_port` is a number or the name of a container's port."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    node_port: int = 0
    target_port: int | str = 0
    app_protocol: str | None = None


class ClientIP(Struct, frozen=True):
    timeout_seconds: int = 10_800


class SessionAffinityConfig(Struct, frozen=True):
    client_ip: ClientIP | None = msgspec.field(default=None, name="clientIP")


class ServiceSpec(Struct, frozen=True):
    type: str = "ClusterIP"
    cluster_ip: str = msgspec.field(default="", name="clusterIP")
    cluster_ips: tuple[str, ...] = msgspec.field(default=(), name="clusterIPs")
    ip_families: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    selector: dict[str, str] | None = None
    external_name: str = ""
    external_ips: tuple[str, ...] = msgspec.field(default=(), name="externalIPs")
    load_balancer_source_ranges: tuple[str, ...] = ()
    session_affinity: str = "None"
    session_affinity_config: SessionAffinityConfig | None = None
    external_traffic_policy: str = ""
    internal_traffic_policy: str = ""
    health_check_node_port: int = 0
    load_balancer_class: str | None = None
    publish_not_ready_addresses: bool = False
    traffic_distribution: str | None = None


class Ingress(Struct, frozen=True):
    """One address (or name) of a load balancer; without a mode, VIP."""

    ip: str = ""
    hostname: str = ""
    ip_mode: str | None = None


class LoadBalancerStatus(Struct, frozen=True):
    ingress: tuple[Ingress, ...] = ()


class ServiceStatus(Struct, frozen=True):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Service(Struct, frozen=True):
    """v1 Service."""

    metadata: Meta
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class Reference(Struct, frozen=True):
    """v1 ObjectReference."""

    kind: str = ""
    name: str = ""
    namespace: str = ""


class Conditions(Struct, frozen=True):
    """None is unknown, which counts as ready and serving (discovery/v1)."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Hint(Struct, frozen=True):
    """Of a zone or a node by name."""

    name: str = ""


class Hints(Struct, frozen=True):
    for_zones: tuple[Hint, ...] = ()
    for_nodes: tuple[Hint, ...] = ()


class Endpoint(Struct, frozen=True):
    addresses: tuple[str, ...] = ()
    conditions: Conditions = Conditions()
    hostname: str | None = None
    node_name: str | None = None
    zone: str | None = None
    target_ref: Reference | None = None
    hints: Hints | None = None


class EndpointPort(Struct, frozen=True):
    """No port at all means all ports (discovery/v1)."""

    name: str | None = None
    protocol: str | None = None
    port: int | None = None


class EndpointSlice(Struct, frozen=True):
    """discovery.k8s.io/v1 EndpointSlice; the API server writes null for empty lists."""

    metadata: Meta
    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] | None = None
    ports: tuple[EndpointPort, ...] | None = None


class PodIP(Struct, frozen=True):
    ip: str = ""


class ContainerPort(Struct, frozen=True):
    container_port: int
    name: str = ""
    protocol: str = "TCP"


class Container(Struct, frozen=True):
    name: str = ""
    ports: tuple[ContainerPort, ...] = ()


class PodSpec(Struct, frozen=True):
    node_name: str = ""
    host_network: bool = False
    containers: tuple[Container, ...] = ()


class PodStatus(Struct, frozen=True):
    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")
    pod_ips: tuple[PodIP, ...] = msgspec.field(default=(), name="podIPs")
    host_ip: str = msgspec.field(default="", name="hostIP")


class Pod(Struct, frozen=True):
    """v1 Pod."""

    metadata: Meta
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class NodeAddress(Struct, frozen=True):
    """`type` is InternalIP, ExternalIP or Hostname."""

    type: str = ""
    address: str = ""


class NodeStatus(Struct, frozen=True):
    addresses: tuple[NodeAddress, ...] | None = None


class Node(Struct, frozen=True):
    """v1 Node, as far as it is somewhere."""

    metadata: Meta
    status: NodeStatus = NodeStatus()


class Secret(Struct, frozen=True):
    """`data` is base64."""

    metadata: Meta
    type: str = ""
    data: dict[str, str] | None = None


class ServiceImportPort(Struct, frozen=True):
    port: int
    name: str = ""
    protocol: str = "TCP"


class ServiceImportSpec(Struct, frozen=True):
    """`type` is ClusterSetIP or Headless."""

    type: str = ""
    ips: tuple[str, ...] | None = None
    ports: tuple[ServiceImportPort, ...] | None = None


class ServiceImport(Struct, frozen=True):
    """multicluster.x-k8s.io/v1alpha1 ServiceImport."""

    metadata: Meta
    spec: ServiceImportSpec = ServiceImportSpec()


class ListMeta(Struct, frozen=True):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """A list, or a part of one: `metadata.continue_` asks for the next."""

    metadata: ListMeta = ListMeta()
    items: tuple[T, ...] | None = None
