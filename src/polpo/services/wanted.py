"""A Service and its EndpointSlices -> what the network is to carry. Pure.

As kube-proxy documents it (Kubernetes, "Virtual IPs and Service Proxies").
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from polpo.kube.objects import Endpoint, EndpointSlice, Service, ServicePort

PROXY = "service.kubernetes.io/service-proxy-name"
HEADLESS = "service.kubernetes.io/headless"
NO_ADDRESS = ("", "None")
PROTOCOLS = {"TCP": "tcp", "UDP": "udp"}


class Backend(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Address, port, node."""

    address: str
    port: int
    host: str = ""


class Port(msgspec.Struct, frozen=True):
    protocol: str
    port: int
    backends: tuple[Backend, ...] = ()


class Wanted(msgspec.Struct, frozen=True):
    """One Service as the network's API takes it; `id` is its uid."""

    id: str
    name: str
    addresses: tuple[str, ...]
    ports: tuple[Port, ...]
    sticks_s: int = 0
    local: bool = False


class Ends(NamedTuple):
    """What may take a Service's traffic, the better first."""

    ready: list[Backend]
    serving: list[Backend]


def wanted(service: Service, slices: Iterable[EndpointSlice]) -> Wanted | None:
    """None where there is nothing to carry."""
    spec, meta, given = service.spec, service.metadata, list(slices)
    if spec.cluster_ip in NO_ADDRESS or spec.type == "ExternalName" or is_another_proxys(service):
        return None
    return Wanted(
        id=meta.uid,
        name=f"{meta.namespace}/{meta.name}",
        addresses=addresses_of(service),
        ports=tuple(
            Port(PROTOCOLS[port.protocol], port.port, _backends(port, given))
            for port in spec.ports
            if port.protocol in PROTOCOLS
        ),
        sticks_s=_sticks_s(service),
        local=spec.internal_traffic_policy == "Local",
    )


def is_another_proxys(service: Service) -> bool:
    return PROXY in (service.metadata.labels or {})


def addresses_of(service: Service) -> tuple[str, ...]:
    """ClusterIPs, and those outside that somebody has routed to the cluster."""
    spec = service.spec
    own = spec.cluster_ips or (spec.cluster_ip,)
    return tuple(sorted({*own, *spec.external_ips}))


def _sticks_s(service: Service) -> int:
    if service.spec.session_affinity != "ClientIP":
        return 0
    given = service.spec.session_affinity_config
    client = given.client_ip if given is not None else None
    return client.timeout_seconds if client is not None else 10_800


def _backends(port: ServicePort, slices: Iterable[EndpointSlice]) -> tuple[Backend, ...]:
    """Of each family those that are ready; if none is, those that still serve."""
    chosen: set[Backend] = set()
    given = list(slices)
    for family in ("IPv4", "IPv6"):
        ready, serving = _ends(port, (s for s in given if s.address_type == family))
        chosen.update(ready or serving)
    return tuple(sorted(chosen))


def _ends(port: ServicePort, slices: Iterable[EndpointSlice]) -> Ends:
    ends = Ends([], [])
    for found in slices:
        for number in _ports(port, found):
            for endpoint in found.endpoints or ():
                _sort(ends, endpoint, number)
    return ends


def _ports(port: ServicePort, found: EndpointSlice) -> Iterator[int]:
    for offered in found.ports or ():
        same = (offered.name or "") == port.name and (offered.protocol or "TCP") == port.protocol
        if same and offered.port:
            yield offered.port


def _sort(ends: Ends, endpoint: Endpoint, port: int) -> None:
    """Only the first address counts (discovery/v1); unknown is ready, and ready serves."""
    if not endpoint.addresses:
        return
    backend = Backend(endpoint.addresses[0], port, endpoint.node_name or "")
    conditions = endpoint.conditions
    if conditions.ready is not False:
        ends.ready.append(backend)
    elif conditions.serving and conditions.terminating:
        ends.serving.append(backend)
