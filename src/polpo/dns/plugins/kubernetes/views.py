"""What of Kubernetes' objects becomes records, small: there may be tens of thousands.

Ports and names that many share are one object in memory.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import NamedTuple

from polpo.dns.wire.name import ROOT, from_text, labels
from polpo.kube import objects

SERVICE_NAME = "kubernetes.io/service-name"
IMPORT_NAME = "multicluster.kubernetes.io/service-name"
SOURCE_CLUSTER = "multicluster.kubernetes.io/source-cluster"
TRIGGER_TIME = "endpoints.kubernetes.io/last-change-trigger-time"


class Port(NamedTuple):
    """`number` -1 stands for an endpoint or Service that names no port; name and protocol are
    lower-case, the name "" where there is none."""

    name: str
    protocol: str
    number: int


NO_PORTS = (Port("", "", -1),)
_shared: dict[tuple[Port, ...], tuple[Port, ...]] = {NO_PORTS: NO_PORTS}


class Service(NamedTuple):
    """`external` is the wire form of what an ExternalName points to."""

    headless: bool
    addresses: tuple[str, ...]
    ports: tuple[Port, ...]
    external: bytes | None = None


class Host(NamedTuple):
    """A ready endpoint's address, the label that names it, its topology zone in lower case."""

    label: bytes
    address: str
    zone: str = ""


class Slice(NamedTuple):
    """`cluster` is the label of the cluster it was exported from ("" for this one's own)."""

    hosts: tuple[Host, ...]
    ports: tuple[Port, ...]
    cluster: bytes = b""


def service_view(service: objects.Service) -> Service | None:
    """None if it has no records, whatever its endpoints: its address is not allotted yet."""
    spec = service.spec
    if spec.type == "ExternalName":
        external = _external(spec.external_name)
        return None if external is None else Service(False, (), (), external)
    addresses = spec.cluster_ips or (spec.cluster_ip,)
    if addresses[0] == "None":
        return Service(True, (), ())
    addresses = tuple(filter(None, addresses))
    ports = tuple(Port(p.name.lower(), p.protocol.lower(), p.port) for p in spec.ports)
    return Service(False, addresses, _share(ports or NO_PORTS)) if addresses else None


def import_view(imported: objects.ServiceImport) -> Service | None:
    spec = imported.spec
    addresses = tuple(filter(None, spec.ips or ()))
    if spec.type == "Headless" or not addresses:
        return Service(True, (), ()) if spec.type == "Headless" else None
    ports = tuple(Port(p.name.lower(), p.protocol.lower(), p.port) for p in spec.ports or ())
    return Service(False, addresses, _share(ports or NO_PORTS))


def slice_view(item: objects.EndpointSlice, *, pod_names: bool, zones: bool) -> Slice:
    """Ready endpoints only; unknown counts as ready (discovery/v1)."""
    ports = tuple(
        Port((p.name or "").lower(), (p.protocol or "").lower(), -1 if p.port is None else p.port)
        for p in item.ports or ()
    )
    hosts: list[Host] = []
    for endpoint in item.endpoints or ():
        if endpoint.conditions.ready is False:
            continue
        zone = sys.intern(endpoint.zone.lower()) if zones and endpoint.zone else ""
        hosts += [Host(host_label(endpoint, a, pod_names), a, zone) for a in endpoint.addresses]
    cluster = (item.metadata.labels or {}).get(SOURCE_CLUSTER, "")
    return Slice(tuple(hosts), _share(ports or NO_PORTS), cluster.encode().lower())


def host_label(endpoint: objects.Endpoint, address: str, pod_names: bool) -> bytes:
    """Its hostname, else (`endpoint_pod_names`) its pod's name, else the address with dashes."""
    if endpoint.hostname:
        return endpoint.hostname.encode().lower()
    target = endpoint.target_ref
    if pod_names and target is not None and _is_label(target.name):
        return target.name.encode()
    return dashed(address)


def dashed(address: str) -> bytes:
    """10-0-0-1, 2001-db8--1; a label may not end in a dash, so that fe80:: is fe80--0."""
    text = address.replace(".", "-").replace(":", "-")
    return (text + "0" if text.endswith("-") else text).encode()


def _is_label(text: str) -> bool:
    return 0 < len(text) < 64 and "." not in text


def _external(name: str) -> bytes | None:
    """Its wire form; None for what no CNAME can point to (addresses, names too long)."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        return None
    try:
        wire = from_text(name)
    except ValueError:
        return None
    return wire if wire != ROOT and all(labels(wire)) else None


def _share(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    """Thousands of Services have the same ports; past a bound they are not shared any more."""
    if len(_shared) > 10_000:
        return ports
    return _shared.setdefault(ports, ports)
