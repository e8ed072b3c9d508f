"""A Service of type LoadBalancer for each Gateway, where the controller is pods. Pure.

The pods share their ports, so each port of a Gateway has one of its own there (the Service's target
port, which is also where it is remembered): clients know only the Gateway's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from polpo.ingress.gateway.addresses import Assigned
from polpo.ingress.gateway.conditions import no
from polpo.ingress.gateway.objects import Gateway
from polpo.ingress.objects import Service
from polpo.kube.resources import key

FIRST, LAST = 20_000, 29_999
OWNER = "gateway.polpo.dev/controller"
NAMESPACE = "gateway.polpo.dev/namespace"
GATEWAY = "gateway.networking.k8s.io/gateway-name"
Json = dict[str, Any]


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """
    namespace    where the controller's pods are, and so their Services
    selector     their labels
    annotations  of every Service; a Gateway's `infrastructure` may say more
    bind         the address where they listen; "" is every one
    """

    namespace: str
    selector: tuple[tuple[str, str], ...]
    annotations: tuple[tuple[str, str], ...] = ()
    bind: str = ""


class Exposed(msgspec.Struct, frozen=True):
    """What Gateways have by it, Services that are to be there, and names of those that are not."""

    given: dict[str, Assigned]
    wanted: tuple[Json, ...]
    stale: tuple[str, ...]


def exposed(
    gateways: Sequence[Gateway],
    services: Mapping[str, Service],
    exposure: Exposure,
    controller: str,
) -> Exposed:
    """The older Gateway first."""
    mark = controller.replace("/", "_")
    ours = {
        service.metadata.name: service
        for service in services.values()
        if service.metadata.namespace == exposure.namespace
        and (service.metadata.labels or {}).get(OWNER) == mark
    }
    names = {key(gateway.metadata): _name(gateway) for gateway in gateways}
    kept = {name: _ports(ours[name]) for name in names.values() if name in ours}
    free = _free({port for ports in kept.values() for port in ports.values()})
    given: dict[str, Assigned] = {}
    wanted: list[Json] = []
    for gateway in gateways:
        name = names[key(gateway.metadata)]
        before = kept.get(name, {})
        ports = {p: before.get(p) or next(free, 0) for p in _of_listeners(gateway)}
        there = {p: own for p, own in ports.items() if p in before}
        given[key(gateway.metadata)] = _assigned(ours.get(name), there, exposure)
        wanted.append(_service(gateway, name, ports, exposure, mark))
    return Exposed(given, tuple(wanted), tuple(sorted(ours.keys() - names.values())))


def _assigned(service: Service | None, ports: dict[int, int], exposure: Exposure) -> Assigned:
    """What has an own port is served, whether the load balancer is there or not."""
    listed = service.status.load_balancer.ingress if service is not None else ()
    address = next((one.ip or one.hostname for one in listed), "")
    waits = no("Programmed", "AddressNotAssigned", "its Service has no address yet")
    return Assigned(address, None if address else waits, exposure.bind, ports)


def _service(
    gateway: Gateway, name: str, ports: dict[int, int], exposure: Exposure, mark: str
) -> Json:
    meta, infrastructure = gateway.metadata, gateway.spec.infrastructure
    labels = dict(infrastructure.labels or {}) if infrastructure else {}
    labels |= {OWNER: mark, NAMESPACE: meta.namespace, GATEWAY: meta.name}
    spec: Json = {
        "type": "LoadBalancer",
        "selector": dict(exposure.selector),
        "ports": [
            {"name": f"port-{port}", "port": port, "targetPort": own, "protocol": "TCP"}
            for port, own in sorted(ports.items())
            if own
        ],
    }
    asked = [address.value for address in gateway.spec.addresses if address.value]
    if asked:
        spec["loadBalancerIP"] = asked[0]
    annotations = dict(infrastructure.annotations or {}) if infrastructure else {}
    annotations |= dict(exposure.annotations)
    written = {"name": name, "namespace": exposure.namespace, "labels": labels}
    return {"metadata": written | {"annotations": annotations}, "spec": spec}


def _name(gateway: Gateway) -> str:
    """A DNS label, the same in all replicas, that people can read."""
    digest = hashlib.blake2b(key(gateway.metadata).encode(), digest_size=5).hexdigest()
    return f"gateway-{gateway.metadata.name[:40].rstrip('-.').replace('.', '-')}-{digest}"


def _of_listeners(gateway: Gateway) -> list[int]:
    return sorted({listener.port for listener in gateway.spec.listeners})


def _ports(service: Service) -> dict[int, int]:
    return {
        port.port: port.target_port
        for port in service.spec.ports or ()
        if isinstance(port.target_port, int) and FIRST <= port.target_port <= LAST
    }


def _free(taken: set[int]) -> Iterator[int]:
    return (port for port in range(FIRST, LAST + 1) if port not in taken)
