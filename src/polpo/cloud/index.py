"""Services, EndpointSlices and nodes as they are now, and which Services are to be looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from polpo.cloud.objects import LOAD_BALANCER, Node, Service
from polpo.kube.objects import EndpointSlice
from polpo.kube.reflection import Change

SERVICE_NAME = "kubernetes.io/service-name"
FINALIZER = "service.kubernetes.io/load-balancer-cleanup"

Touched = Callable[[str], None]


class Index:
    """Keys are `namespace/name`. `touched` is told those of Services that have something new."""

    def __init__(self, touched: Touched, load_balancer_class: str) -> None:
        self._touched, self._class = touched, load_balancer_class
        self._services: dict[str, Service] = {}
        self._slices: defaultdict[str, dict[str, EndpointSlice]] = defaultdict(dict)
        self._of_slice: dict[str, str] = {}
        self._nodes: dict[str, Node] = {}

    def services(self, changes: Iterable[Change[Service]]) -> None:
        for change in changes:
            before = self._services.pop(change.key, None)
            if change.object is not None and self._concerns(change.object):
                self._services[change.key] = change.object
            if before is not None or change.key in self._services:
                self._touched(change.key)

    def slices(self, changes: Iterable[Change[EndpointSlice]]) -> None:
        for change in changes:
            self._drop_slice(change.key)
            name = ((change.object and change.object.metadata.labels) or {}).get(SERVICE_NAME)
            if change.object is not None and name:
                service = f"{change.object.metadata.namespace}/{name}"
                self._of_slice[change.key] = service
                self._slices[service][change.key] = change.object
                self._touch(service)

    def nodes(self, changes: Iterable[Change[Node]]) -> None:
        """Nodes say every few minutes that they live: that is nothing new."""
        news = False
        for change in changes:
            before = self._nodes.pop(change.key, None)
            if change.object is not None:
                self._nodes[change.key] = change.object
            news = news or _matters(before) != _matters(change.object)
        if news:
            for key in self._services:
                self._touched(key)

    def service(self, key: str) -> Service | None:
        return self._services.get(key)

    def slices_of(self, key: str) -> list[EndpointSlice]:
        return list(self._slices.get(key, {}).values())

    def all_nodes(self) -> tuple[Node, ...]:
        return tuple(self._nodes[name] for name in sorted(self._nodes))

    def keys(self) -> list[str]:
        return list(self._services)

    def uids(self) -> set[str]:
        return {service.metadata.uid for service in self._services.values()}

    def is_wanted(self, service: Service) -> bool:
        """Whether it is to have a load balancer, and of us."""
        if service.metadata.deletion_timestamp or service.spec.type != LOAD_BALANCER:
            return False
        return service.spec.load_balancer_class in (None, self._class)

    def _concerns(self, service: Service) -> bool:
        """Also one that had one, and is to have none any more; none of another's class."""
        if service.spec.load_balancer_class not in (None, self._class):
            return False
        return service.spec.type == LOAD_BALANCER or FINALIZER in service.finalizers

    def _touch(self, key: str) -> None:
        if key in self._services:
            self._touched(key)

    def _drop_slice(self, key: str) -> None:
        service = self._of_slice.pop(key, None)
        if service is not None:
            del self._slices[service][key]
            if not self._slices[service]:
                del self._slices[service]
            self._touch(service)


def _matters(node: Node | None) -> object:
    """Of what load balancers are told."""
    if node is None:
        return None
    meta, spec = node.metadata, node.spec
    return meta.labels, bool(meta.deletion_timestamp), spec.taints, node.status.addresses
