"""Kubernetes' objects as far as policies are about them: of a pod, its labels and named ports."""

from __future__ import annotations

import msgspec

from polpo.kube.objects import ContainerPort, Meta, Namespace, Struct
from polpo.kube.resources import NAMESPACES, Resource
from polpo.kube.selectors import LabelSelector

__all__ = ["NAMESPACES", "Namespace"]


class Port(Struct, frozen=True):
    """NetworkPolicyPort; `port` is a number or the name of a container's port."""

    protocol: str | None = None
    port: int | str | None = None
    end_port: int | None = None


class IPBlock(Struct, frozen=True):
    cidr: str
    except_: tuple[str, ...] | None = msgspec.field(default=None, name="except")


class Peer(Struct, frozen=True):
    """NetworkPolicyPeer: a block, or pods."""

    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class Ingress(Struct, frozen=True):
    ports: tuple[Port, ...] | None = None
    peers: tuple[Peer, ...] | None = msgspec.field(default=None, name="from")


class Egress(Struct, frozen=True):
    ports: tuple[Port, ...] | None = None
    peers: tuple[Peer, ...] | None = msgspec.field(default=None, name="to")


class PolicySpec(Struct, frozen=True):
    pod_selector: LabelSelector = LabelSelector()
    policy_types: tuple[str, ...] | None = None
    ingress: tuple[Ingress, ...] | None = None
    egress: tuple[Egress, ...] | None = None


class NetworkPolicy(Struct, frozen=True):
    """networking.k8s.io/v1 NetworkPolicy."""

    metadata: Meta
    spec: PolicySpec = PolicySpec()


class NamespacedPods(Struct, frozen=True):
    """NamespacedPod: pods of some namespaces."""

    namespace_selector: LabelSelector = LabelSelector()
    pod_selector: LabelSelector = LabelSelector()


class Target(Struct, frozen=True):
    """ClusterNetworkPolicySubject, or a peer: one of these. Of peers that we don't know nothing
    is set here. `nodes` and `domain_names` are experimental."""

    namespaces: LabelSelector | None = None
    pods: NamespacedPods | None = None
    networks: tuple[str, ...] | None = None
    nodes: LabelSelector | None = None
    domain_names: tuple[str, ...] | None = None


class PortRange(Struct, frozen=True):
    start: int
    end: int


class DestinationPort(Struct, frozen=True):
    number: int | None = None
    range: PortRange | None = None


class ProtocolPorts(Struct, frozen=True):
    destination_port: DestinationPort | None = None


class Protocol(Struct, frozen=True):
    """ClusterNetworkPolicyProtocol: one of these is set."""

    tcp: ProtocolPorts | None = None
    udp: ProtocolPorts | None = None
    sctp: ProtocolPorts | None = None
    destination_named_port: str | None = None


class TieredIngress(Struct, frozen=True):
    action: str
    protocols: tuple[Protocol, ...] | None = None
    peers: tuple[Target, ...] = msgspec.field(default=(), name="from")


class TieredEgress(Struct, frozen=True):
    action: str
    protocols: tuple[Protocol, ...] | None = None
    peers: tuple[Target, ...] = msgspec.field(default=(), name="to")


class ClusterPolicySpec(Struct, frozen=True):
    tier: str
    priority: int
    subject: Target
    ingress: tuple[TieredIngress, ...] | None = None
    egress: tuple[TieredEgress, ...] | None = None


class Condition(Struct, frozen=True):
    """metav1.Condition. `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: str = ""


class Standing(Struct, frozen=True):
    """A policy's status."""

    conditions: tuple[Condition, ...] | None = None


class ClusterNetworkPolicy(Struct, frozen=True):
    """policy.networking.k8s.io/v1beta1 ClusterNetworkPolicy (network-policy-api v0.3.0)."""

    metadata: Meta
    spec: ClusterPolicySpec
    status: Standing = Standing()


class Container(Struct, frozen=True):
    """`restart_policy` is Always for an init container that runs beside the others."""

    ports: tuple[ContainerPort, ...] | None = None
    restart_policy: str | None = None


class PodSpec(Struct, frozen=True):
    host_network: bool = False
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] | None = None


class Pod(Struct, frozen=True):
    """v1 Pod."""

    metadata: Meta
    spec: PodSpec = PodSpec()


POLICIES: Resource[NetworkPolicy] = Resource(
    "networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", NetworkPolicy
)
CLUSTER_POLICIES: tuple[Resource[ClusterNetworkPolicy], ...] = tuple(
    Resource(
        "policy.networking.k8s.io",
        version,
        "clusternetworkpolicies",
        "ClusterNetworkPolicy",
        ClusterNetworkPolicy,
        namespaced=False,
    )
    for version in ("v1beta1", "v1alpha2")  # the same but for the name
)
PODS: Resource[Pod] = Resource("", "v1", "pods", "Pod", Pod)
