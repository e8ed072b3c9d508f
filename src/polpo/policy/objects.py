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
PODS: Resource[Pod] = Resource("", "v1", "pods", "Pod", Pod)
