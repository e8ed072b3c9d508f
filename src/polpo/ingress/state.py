"""What there is in the cluster, by kind and key, and what has changed since the last look."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from polpo.ingress.objects import ConfigMap, Ingress, IngressClass, Service, Stated
from polpo.ingress.plan import Target
from polpo.ingress.proxy.servers import Endpoint, Servers, place
from polpo.kube.objects import EndpointSlice, Secret, ServicePort
from polpo.kube.reflection import Change

_DNS_NAME = re.compile(r"[A-Za-z0-9_.-]{1,253}")
SERVICE_NAME = "kubernetes.io/service-name"
Kept = dict[str, Any]


class State:
    """Of each kind `namespace/name` -> object. `routes`: something else than endpoints has
    changed; `touched`: Services whose endpoints have.
    """

    def __init__(self) -> None:
        self.ingresses: dict[str, Ingress] = {}
        self.classes: dict[str, IngressClass] = {}
        self.secrets: dict[str, Secret] = {}
        self.config_maps: dict[str, ConfigMap] = {}
        self.services: dict[str, Service] = {}
        self.more: defaultdict[str, Kept] = defaultdict(dict)  # Gateway API's, by kind
        self.slices: defaultdict[str, dict[str, EndpointSlice]] = defaultdict(dict)
        self._of_slice: dict[str, str] = {}
        self.routes = True
        self.touched: set[str] = set()
        self.used_secrets: set[str] = set()

    def note(self, kept: Kept, changes: Iterable[Change[Any]]) -> None:
        """Of any kind but endpoints."""
        for change in changes:
            before = kept.get(change.key)
            if change.object is None:
                kept.pop(change.key, None)
            else:
                kept[change.key] = change.object
            if not _same(before, change.object):
                self.routes = True

    def note_slices(self, changes: Iterable[Change[EndpointSlice]]) -> None:
        for change in changes:
            old = self._of_slice.pop(change.key, None)
            if old is not None:
                del self.slices[old][change.key]
                self.touched.add(old)
            found = change.object
            name = (found.metadata.labels or {}).get(SERVICE_NAME) if found is not None else None
            if found is not None and name:
                service = f"{found.metadata.namespace}/{name}"
                self._of_slice[change.key] = service
                self.slices[service][change.key] = found
                self.touched.add(service)

    def servers(self, target: Target, before: Servers | None) -> Servers:
        """Of a backend now. `before`: who has been in its slots."""
        key = f"{target.namespace}/{target.service}"
        service = self.services.get(key)
        port = port_of(service, target.port) if service is not None else None
        if service is None or port is None:
            return place(before, ())
        if service.spec.type == "ExternalName":
            name = service.spec.external_name
            return Servers((), name, port.port) if _is_elsewhere(name) else place(before, ())
        if target.address and service.spec.cluster_ip not in ("", "None"):
            return place(before, (Endpoint(service.spec.cluster_ip, port.port),))
        return place(before, endpoints(self.slices.get(key, {}), port))


def _is_elsewhere(name: str) -> bool:
    """A DNS name, and not of the machine that HAProxy runs on."""
    last = name.lower().rstrip(".").rpartition(".")[2]
    return bool(_DNS_NAME.fullmatch(name)) and last.isalpha() and last != "localhost"


def port_of(service: Service, wanted: int | str) -> ServicePort | None:
    """By number, or by name. A Service with an external name need not say any."""
    for port in service.spec.ports or ():
        if wanted in (port.port, port.name):
            return port
    if service.spec.type == "ExternalName" and isinstance(wanted, int):
        return ServicePort(wanted)
    return None


def endpoints(slices: Mapping[str, EndpointSlice], port: ServicePort) -> tuple[Endpoint, ...]:
    """Of one family (a pod is not two). Those that are ready; if none is, those that serve."""
    for family in ("IPv4", "IPv6"):
        of_family = [found for found in slices.values() if found.address_type == family]
        ends = sorted(set(_ends(of_family, port)))
        if ends:
            ready = tuple(end for end, is_ready in ends if is_ready)
            return ready or tuple(end for end, _ in ends)
    return ()


def _ends(slices: Iterable[EndpointSlice], port: ServicePort) -> Iterator[tuple[Endpoint, bool]]:
    """Unknown is ready (discovery/v1)."""
    for found in slices:
        for offered in found.ports or ():
            if (offered.name or "") != port.name or not offered.port:
                continue
            for end in found.endpoints or ():
                conditions = end.conditions
                ready = conditions.ready is not False
                if end.addresses and (ready or (conditions.serving and conditions.terminating)):
                    yield Endpoint(end.addresses[0], offered.port), ready


def _same(before: Any, after: Any) -> bool:
    """But for what we write ourselves."""
    if before is None or after is None:
        return before is after
    if isinstance(after, Ingress) and isinstance(before, Ingress):
        a, b = before.metadata, after.metadata
        return (a.annotations, a.uid, before.spec) == (b.annotations, b.uid, after.spec)
    if isinstance(after, Stated) and isinstance(before, Stated):
        return _asked(before) == _asked(after)
    return False


def _asked(of: Stated) -> tuple[Any, ...]:
    meta = of.metadata
    return meta.uid, meta.labels, meta.annotations, getattr(of, "spec", None), meta.generation
