"""A Service and its EndpointSlices -> what the network is to carry. Pure.

As kube-proxy documents it (Kubernetes, "Virtual IPs and Service Proxies").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import ip_network

from polpo.kube.objects import Endpoint, EndpointSlice, Hints, Service, ServicePort
from polpo.model.service import ServiceBackend as Backend
from polpo.model.service import ServicePort as Port
from polpo.model.told import ToldService

PROXY = "service.kubernetes.io/service-proxy-name"
HEADLESS = "service.kubernetes.io/headless"
NO_ADDRESS = ("", "None")
WITH_NODE_PORTS = ("NodePort", "LoadBalancer")
PROTOCOLS = {"TCP": "tcp", "UDP": "udp"}


def wanted(service: Service, slices: Iterable[EndpointSlice]) -> ToldService | None:
    """None where there is nothing to carry."""
    spec, meta, given = service.spec, service.metadata, list(slices)
    if spec.cluster_ip in NO_ADDRESS or spec.type == "ExternalName" or is_another_proxys(service):
        return None
    balanced = balanced_of(service)
    guests = _guests(service, balanced)
    return ToldService(
        id=meta.uid,
        name=f"{meta.namespace}/{meta.name}",
        addresses=tuple(sorted(spec.cluster_ips or (spec.cluster_ip,))),
        ports=tuple(
            Port(
                PROTOCOLS[port.protocol],
                port.port,
                backends_of(port, given),
                port.node_port if spec.type in WITH_NODE_PORTS else 0,
            )
            for port in spec.ports
            if port.protocol in PROTOCOLS
        ),
        external=tuple(sorted(spec.external_ips)),
        balanced=balanced,
        sticks_s=_sticks_s(service),
        local=spec.internal_traffic_policy == "Local",
        guests=guests,
        sources=_sources(service) if balanced else (),
        health_port=spec.health_check_node_port if guests == "local" else 0,
    )


def left_out(service: Service) -> tuple[str, ...]:
    """Ports of protocols that are not carried, in words."""
    ports = (port for port in service.spec.ports if port.protocol not in PROTOCOLS)
    return tuple(f"port {port.port}/{port.protocol}" for port in ports)


def is_another_proxys(service: Service) -> bool:
    return PROXY in (service.metadata.labels or {})


def balanced_of(service: Service) -> tuple[str, ...]:
    """Addresses whose packets come to hosts as they are; with ipMode Proxy they come as others."""
    if service.spec.type != "LoadBalancer":
        return ()
    found = service.status.load_balancer.ingress
    return tuple(sorted({one.ip for one in found if one.ip and one.ip_mode != "Proxy"}))


def _guests(service: Service, balanced: tuple[str, ...]) -> str:
    spec = service.spec
    if spec.type not in WITH_NODE_PORTS and not spec.external_ips and not balanced:
        return ""
    return "local" if spec.external_traffic_policy == "Local" else "cluster"


def _sources(service: Service) -> tuple[str, ...]:
    """Prefixes as they are meant: bits of the host's part, and spaces, are passed over."""
    given = (text.strip() for text in service.spec.load_balancer_source_ranges)
    return tuple(sorted({str(ip_network(text, strict=False)) for text in given if text}))


def _sticks_s(service: Service) -> int:
    if service.spec.session_affinity != "ClientIP":
        return 0
    given = service.spec.session_affinity_config
    client = given.client_ip if given is not None else None
    return client.timeout_seconds if client is not None else 10_800


def backends_of(port: ServicePort, slices: Iterable[EndpointSlice]) -> tuple[Backend, ...]:
    """All endpoints: also those that take no new flows keep the ones that they have."""
    found: dict[tuple[str, int], Backend] = {}
    for given in slices:
        for number in _ports(port, given):
            for endpoint in given.endpoints or ():
                if endpoint.addresses:
                    backend = _backend(endpoint, number)
                    key = backend.address, backend.port
                    found[key] = min(found.get(key, backend), backend, key=_preference)
    return tuple(sorted(found.values()))


def _preference(backend: Backend) -> tuple[bool, bool]:
    """Of an endpoint that is in two slices (it has just moved) the better state counts."""
    return not backend.up, backend.spare


def _ports(port: ServicePort, found: EndpointSlice) -> Iterator[int]:
    for offered in found.ports or ():
        same = (offered.name or "") == port.name and (offered.protocol or "TCP") == port.protocol
        if same and offered.port:
            yield offered.port


def _backend(endpoint: Endpoint, port: int) -> Backend:
    """Only the first address counts (discovery/v1); unknown is ready, and ready serves."""
    conditions = endpoint.conditions
    ready = conditions.ready is not False
    spare = not ready and bool(conditions.serving and conditions.terminating)
    node = endpoint.node_name or ""
    hints = endpoint.hints or Hints()
    return Backend(
        endpoint.addresses[0],
        port,
        node,
        ready or spare,
        spare,
        tuple(sorted(hint.name for hint in hints.for_zones)),
        tuple(sorted(hint.name for hint in hints.for_nodes)),
    )
