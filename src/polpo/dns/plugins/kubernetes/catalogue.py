"""Services and their endpoints, as far as known, and which of them are to be looked at again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
    """What a Service has in the table, and what its addresses mean in reverse."""

    names: Table
    targets: tuple[Target, ...]


class Difference(NamedTuple):
    """Of one Service, between the last time and now: names that are others (None: no more)."""

    key: str
    names: dict[bytes, tuple[Record, ...] | None]
    old: tuple[Target, ...]
    new: tuple[Target, ...]
    own: bool


NOTHING = Contribution({}, ())


class Catalogue:
    """Of this cluster's Services (or of those imported from others), in `zones`.

    `label` is what says of an EndpointSlice whose it is; `exposed` are the namespaces whose
    Services are seen, `is_own` knows the server's own addresses. Keys are `namespace/name`.
    Records are not kept here: what they were is made again before something changes them.
    """

    def __init__(
        self,
        label: str,
        zones: tuple[bytes, ...],
        options: Options,
        exposed: set[str],
        is_own: Callable[[str], bool],
    ) -> None:
        self._label, self._zones, self._options = label, zones, options
        self._exposed, self._is_own = exposed, is_own
        self._services: dict[str, Service] = {}
        self._slices: dict[str, dict[str, Slice]] = {}  # by Service
        self._service_of: dict[str, str] = {}  # by slice
        self._in_namespace: dict[str, set[str]] = {}
        self._touched: dict[str, Contribution] = {}  # as they were

    def service(self, key: str, view: Service | None) -> None:
        self._touch(key)
        namespace = key.partition("/")[0]
        if view is None:
            self._services.pop(key, None)
            self._in_namespace.get(namespace, set()).discard(key)
        else:
            self._services[key] = view
            self._in_namespace.setdefault(namespace, set()).add(key)

    def slice(self, key: str, item: EndpointSlice | None) -> None:
        """One may change hands: its label is no part of its name."""
        old = self._service_of.pop(key, None)
        if old is not None:
            self._touch(old)
            slices = self._slices[old]
            del slices[key]
            if not slices:
                del self._slices[old]
        name = (item.metadata.labels or {}).get(self._label) if item is not None else None
        if item is None or not name:
            return
        options = self._options
        service = f"{item.metadata.namespace}/{name}"
        self._touch(service)
        view = slice_view(item, pod_names=options.endpoint_pod_names, zones=options.zonal)
        self._slices.setdefault(service, {})[key] = view
        self._service_of[key] = service

    def touch_namespace(self, namespace: str) -> None:
        """It is about to be exposed, or no more."""
        for key in self._in_namespace.get(namespace, ()):
            self._touch(key)

    def keys(self) -> Iterable[str]:
        return self._services.keys()

    def known(self, key: str) -> Service | None:
        return self._services.get(key)

    def settle(self) -> Iterator[Difference]:
        """Of those that were touched since the last time."""
        touched, self._touched = self._touched, {}
        for key, old in touched.items():
            new = self.contribution(key)
            names: dict[bytes, tuple[Record, ...] | None] = {
                name: records
                for name, records in new.names.items()
                if old.names.get(name) != records
            }
            names.update(dict.fromkeys(old.names.keys() - new.names.keys()))
            own = bool(new.names) and self._has_own_endpoint(key)
            yield Difference(key, names, old.targets, new.targets, own)

    def everything(self) -> Iterator[tuple[bytes, tuple[Record, ...]]]:
        """All names of all Services."""
        for key in self._services:
            yield from self.contribution(key).names.items()

    def contribution(self, key: str) -> Contribution:
        """Of a Service as it is now; nothing if it is not known or not seen."""
        service = self._seen(key)
        if service is None:
            return NOTHING
        slices, options = self._slices_of(key), self._options
        names: Table = {}
        for zone in self._zones:
            found = service_names(_owner(key, zone), service, slices, options)
            names |= {name: tuple(records) for name, records in found.items()}
        return Contribution(names, self.targets(key))

    def targets(self, key: str) -> tuple[Target, ...]:
        """What its addresses mean in reverse."""
        service = self._seen(key)
        if service is None:
            return ()
        first = _owner(key, self._zones[0])
        return tuple(targets(first, service, self._slices_of(key), self._options))

    def servers(self, key: str, zone: bytes) -> list[Record]:
        """The addresses by which a Service is reached: its own, or its endpoints' if headless."""
        names, owner = self.contribution(key).names, _owner(key, zone)
        if self._services[key].headless:
            hosts = [n for n in names if parent(n) == owner and not n.startswith(b"_", 1)]
        else:
            hosts = [owner]
        return [r for name in hosts for r in names.get(name, ()) if r.type in ADDRESSES]

    def _seen(self, key: str) -> Service | None:
        """A Service that is known, in a namespace that is exposed, if there are zones for it."""
        if not self._zones or key.partition("/")[0] not in self._exposed:
            return None
        return self._services.get(key)

    def _touch(self, key: str) -> None:
        if key not in self._touched:
            self._touched[key] = self.contribution(key)

    def _has_own_endpoint(self, key: str) -> bool:
        return any(self._is_own(host.address) for s in self._slices_of(key) for host in s.hosts)

    def _slices_of(self, key: str) -> list[Slice]:
        """In the order of their names: answers do not depend on what came first."""
        slices = self._slices.get(key)
        return [slices[name] for name in sorted(slices)] if slices else []


def _owner(key: str, zone: bytes) -> bytes:
    namespace, _, name = key.partition("/")
    return name_of(name, namespace, zone)
