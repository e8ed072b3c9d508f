"""AdminNetworkPolicy and BaselineAdminNetworkPolicy (v1alpha1), read as ClusterNetworkPolicies.

They are what this kind was called before, with other words for the same: Allow for Accept, ports
for protocols. Clusters of other networks have them.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec.structs import replace

from polpo.kube.resources import Resource
from polpo.kube.selectors import LabelSelector
from polpo.policy.objects import (
    ClusterNetworkPolicy,
    ClusterPolicySpec,
    DestinationPort,
    NamespacedPods,
    PortRange,
    Protocol,
    ProtocolPorts,
    Target,
    TieredEgress,
    TieredIngress,
)
from polpo.policy.older_objects import LAST, Egress, Ingress, Namespaces, Older, Peer, Port

ACTIONS = {"Allow": "Accept"}


class Kind(NamedTuple):
    resource: Resource[Older]
    tier: str


def _kind(kind: str, plural: str, tier: str) -> Kind:
    group = "policy.networking.k8s.io"
    return Kind(Resource(group, "v1alpha1", plural, kind, Older, namespaced=False), tier)


KINDS = (
    _kind("AdminNetworkPolicy", "adminnetworkpolicies", "Admin"),
    _kind("BaselineAdminNetworkPolicy", "baselineadminnetworkpolicies", "Baseline"),
)


def name_of(kind: str, name: str) -> str:
    """Under which one is kept among the newer kind's; no name has a colon."""
    return f"{kind}:{name}"


def original(name: str) -> tuple[str, str]:
    """Kind and name of one that is kept under this; "" is the newer kind."""
    kind, _, own = name.rpartition(":")
    return kind, own


def as_newer(older: Older, kind: Kind) -> ClusterNetworkPolicy:
    """The same in the newer kind's words. What has none fails closed, as there."""
    spec = older.spec
    baseline = kind.tier == "Baseline"
    name = name_of(kind.resource.kind, older.metadata.name)
    return ClusterNetworkPolicy(
        replace(older.metadata, name=name),
        ClusterPolicySpec(
            tier=kind.tier,
            priority=LAST if baseline else spec.priority,
            subject=spec.subject,
            ingress=tuple(
                TieredIngress(_action(rule), _protocols(rule.ports), _peers(rule.peers))
                for rule in spec.ingress or ()
            ),
            egress=tuple(
                TieredEgress(_action(rule), _protocols(rule.ports), _peers(rule.peers))
                for rule in spec.egress or ()
            ),
        ),
        older.status,
    )


def _action(rule: Ingress | Egress) -> str:
    return ACTIONS.get(rule.action, rule.action)


def _peers(peers: tuple[Peer, ...]) -> tuple[Target, ...]:
    return tuple(map(_peer, peers))


def _peer(peer: Peer) -> Target:
    if peer.namespaces is not None:
        return Target(namespaces=_selector(peer.namespaces))
    if peer.pods is not None:
        there: LabelSelector | None = peer.pods.namespace_selector
        if peer.pods.namespaces is not None:
            there = _selector(peer.pods.namespaces)
        if there is None:
            return Target()
        return Target(pods=NamespacedPods(there, peer.pods.pod_selector))
    return Target(networks=peer.networks, nodes=peer.nodes, domain_names=peer.domain_names)


def _selector(told: Namespaces) -> LabelSelector | None:
    """None of the two that say "the same labels as the subject's"."""
    if told.same_labels is not None or told.not_same_labels is not None:
        return None
    return told.namespace_selector or LabelSelector(told.match_labels, told.match_expressions)


def _protocols(ports: tuple[Port, ...] | None) -> tuple[Protocol, ...] | None:
    return tuple(map(_protocol, ports)) if ports else None


def _protocol(port: Port) -> Protocol:
    if port.named_port is not None:
        return Protocol(destination_named_port=port.named_port)
    if port.port_number is not None:
        return _of(port.port_number.protocol, DestinationPort(number=port.port_number.port))
    if port.port_range is not None:
        to = PortRange(port.port_range.start, port.port_range.end)
        return _of(port.port_range.protocol, DestinationPort(range=to))
    return Protocol()


def _of(protocol: str, to: DestinationPort) -> Protocol:
    """Nothing is set of a protocol that is not known."""
    ports, name = ProtocolPorts(to), protocol.lower()
    return Protocol(
        tcp=ports if name in ("", "tcp") else None,
        udp=ports if name == "udp" else None,
        sctp=ports if name == "sctp" else None,
    )
