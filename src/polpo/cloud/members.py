"""Who takes a Service's traffic: its pods, or a port of the nodes. Pure.

Pods where the network carries them as ports: one hop less, each is drained by itself, and a
node that dies takes only its own with it. Node ports where it does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network

import msgspec

from polpo.cloud.objects import Node, Service
from polpo.cloud.wanted import Member
from polpo.kube.objects import Endpoint, EndpointSlice, ServicePort

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
LEAVING = "ToBeDeletedByClusterAutoscaler"
UNINITIALIZED = "node.cloudprovider.kubernetes.io/uninitialized"


class Subnet(msgspec.Struct, frozen=True):
    id: str
    cidr: str

    @property
    def family(self) -> str:
        return "IPv6" if ":" in self.cidr else "IPv4"


def of_pods(
    service: Service,
    port: ServicePort,
    slices: Iterable[EndpointSlice],
    subnets: Iterable[Subnet],
    subnet_id: str = "",
) -> tuple[Member, ...]:
    """The endpoints that are ready; those that end have no new connections, but where only such
    are left they go on. `subnet_id`: of all of them, whatever their addresses are."""
    found: dict[tuple[str, int], Member] = {}
    known = list(subnets)
    for family in service.families:
        ready: list[Member] = []
        ending: list[Member] = []
        for one in (s for s in slices if s.address_type == family):
            for number in _numbers(port, one):
                for endpoint in one.endpoints or ():
                    _sort(endpoint, number, subnet_id, known, ready, ending)
        weight = 0 if ready else 1
        ended = (msgspec.structs.replace(member, weight=weight) for member in ending)
        for member in (*ended, *ready):
            found[member.address, member.port] = member
    return tuple(sorted(found.values()))


def _numbers(port: ServicePort, slice: EndpointSlice) -> Iterable[int]:
    for offered in slice.ports or ():
        same = (offered.name or "") == port.name and (offered.protocol or "TCP") == port.protocol
        if same and offered.port:
            yield offered.port


def _sort(
    endpoint: Endpoint,
    port: int,
    subnet_id: str,
    subnets: list[Subnet],
    ready: list[Member],
    ending: list[Member],
) -> None:
    """Only the first address counts (discovery/v1); unknown is ready."""
    if not endpoint.addresses:
        return
    address = endpoint.addresses[0]
    name = endpoint.target_ref.name if endpoint.target_ref is not None else ""
    member = Member(address, port, name, subnet_id or _subnet_of(address, subnets))
    conditions = endpoint.conditions
    if conditions.ready is not False:
        ready.append(member)
    elif conditions.serving and conditions.terminating:
        ending.append(member)


def _subnet_of(address: str, subnets: Iterable[Subnet]) -> str:
    """Empty for one that is elsewhere: it is reached by the way out of the VIP's network."""
    parsed = ip_address(address)
    return next((s.id for s in subnets if parsed in ip_network(s.cidr)), "")


def of_nodes(
    service: Service,
    port: ServicePort,
    nodes: Iterable[Node],
    subnet_id: str,
    monitor_port: int | None,
) -> tuple[Member, ...]:
    """None where the Service has no node ports (allocateLoadBalancerNodePorts: false)."""
    if not port.node_port:
        return ()
    at = (
        (node, address_of(node, family))
        for node in nodes
        for family in service.families
        if address_of(node, family)
    )
    return tuple(
        sorted(
            Member(
                address,
                port.node_port,
                node.metadata.name,
                subnet_id,
                monitor_port=monitor_port,
            )
            for node, address in at
        )
    )


def address_of(node: Node, family: str) -> str:
    """By which it is reached inside; empty if it has none of the family."""
    for kind in ("InternalIP", "ExternalIP"):
        for found in node.status.addresses or ():
            if found.type == kind and (":" in found.address) == (family == "IPv6"):
                return found.address
    return ""


def may_take(node: Node, selector: Mapping[str, str]) -> bool:
    """As Kubernetes' service controller has it: a node that is not Ready stays (its pods may be
    well), one that leaves, is not yet known to the cloud or is excluded does not count."""
    labels, taints = node.metadata.labels or {}, node.spec.taints or ()
    if node.metadata.deletion_timestamp or EXCLUDED in labels:
        return False
    if any(taint.key in (LEAVING, UNINITIALIZED) for taint in taints):
        return False
    return all(key in labels and value in ("", labels[key]) for key, value in selector.items())
