"""Services and their endpoints, as far as known, and which of them are to be looked at again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from polpo.dns.plugins.kubernetes.options import Options
from polpo.dns.plugins.kubernetes.records import (
    ADDRESSES,
    Table,
    Target,
    name_of,
    service_names,
    targets,
)
from polpo.dns.plugins.kubernetes.views import Service, Slice, slice_view
from polpo.dns.wire.name import parent
from polpo.dns.wire.record import Record
from polpo.kube.objects import EndpointSlice


class Contribution(NamedTuple):
    """What one Service has become: its names' records (None: no more), what its addresses mean in
    reverse, and whether it is the server's own."""

    key: str
    names: dict[bytes, tuple[Record, ...] | None]
    targets: tuple[Target, ...]
    own: bool


class Catalogue:
    """Of this cluster's Services (or of those imported from others), in `zones`.

    `label` is what says of an EndpointSlice whose it is. Keys are `namespace/name`.
    """

    def __init__(
        self, label: str, zones: tuple[bytes, ...], options: Options, own: Callable[[str], bool]
    ) -> None:
        self._label, self._zones, self._options = label, zones, options
        self._is_own = own
        self._services: dict[str, Service] = {}
        self._slices: dict[str, dict[str, Slice]] = {}  # by Service
        self._service_of: dict[str, str] = {}  # by slice
        self._in_namespace: dict[str, set[str]] = {}
        self._names: dict[str, tuple[bytes, ...]] = {}  # what a Service has in the table
        self._touched: dict[str, None] = {}

    def service(self, key: str, view: Service | None) -> None:
        namespace = key.partition("/")[0]
        if view is None:
            self._services.pop(key, None)
            self._in_namespace.get(namespace, set()).discard(key)
        else:
            self._services[key] = view
            self._in_namespace.setdefault(namespace, set()).add(key)
        self._touched[key] = None

    def slice(self, key: str, item: EndpointSlice | None) -> None:
        """One may change hands: its label is no part of its name."""
        old = self._service_of.pop(key, None)
        if old is not None:
            slices = self._slices[old]
            del slices[key]
            if not slices:
                del self._slices[old]
            self._touched[old] = None
        name = (item.metadata.labels or {}).get(self._label) if item is not None else None
        if item is None or not name:
            return
        options = self._options
        service = f"{item.metadata.namespace}/{name}"
        view = slice_view(item, pod_names=options.endpoint_pod_names, zones=options.zonal)
        self._slices.setdefault(service, {})[key] = view
        self._service_of[key] = service
        self._touched[service] = None

    def touch_namespace(self, namespace: str) -> None:
        self._touched |= dict.fromkeys(self._in_namespace.get(namespace, ()))

    def known(self, key: str) -> Service | None:
        return self._services.get(key)

    def settle(self, exposed: set[str]) -> Iterator[Contribution]:
        """Those that were touched since the last time."""
        touched, self._touched = self._touched, {}
        for key in touched:
            yield self._settled(key, exposed)

    def names(self, key: str, zone: bytes) -> Table:
        """The names of one Service in a zone; none if it is not known."""
        service = self._services.get(key)
        if service is None:
            return {}
        found = service_names(_owner(key, zone), service, self._slices_of(key), self._options)
        return {name: tuple(records) for name, records in found.items()}

    def servers(self, key: str, zone: bytes) -> list[Record]:
        """The addresses by which a Service is reached: its own, or its endpoints' if headless."""
        service, owner, names = self._services.get(key), _owner(key, zone), self.names(key, zone)
        if service is not None and service.headless:
            hosts = [n for n in names if parent(n) == owner and not n.startswith(b"_", 1)]
        else:
            hosts = [owner]
        return [r for name in hosts for r in names.get(name, ()) if r.type in ADDRESSES]

    def _settled(self, key: str, exposed: set[str]) -> Contribution:
        old = self._names.pop(key, ())
        names: dict[bytes, tuple[Record, ...] | None] = dict.fromkeys(old)
        service = self._services.get(key)
        if service is None or key.partition("/")[0] not in exposed:
            return Contribution(key, names, (), False)
        slices = self._slices_of(key)
        for zone in self._zones:
            names |= self.names(key, zone)
        made = tuple(name for name, records in names.items() if records is not None)
        if made:
            self._names[key] = made
        reverse: tuple[Target, ...] = ()
        if self._zones:
            reverse = tuple(targets(_owner(key, self._zones[0]), service, slices, self._options))
        own = any(self._is_own(host.address) for item in slices for host in item.hosts)
        return Contribution(key, names, reverse, own)

    def _slices_of(self, key: str) -> list[Slice]:
        """In the order of their names: answers do not depend on what came first."""
        slices = self._slices.get(key)
        return [slices[name] for name in sorted(slices)] if slices else []


def _owner(key: str, zone: bytes) -> bytes:
    namespace, _, name = key.partition("/")
    return name_of(name, namespace, zone)
