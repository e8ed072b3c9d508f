"""All objects of a cluster to all records, change by change.

Whatever comes marks Services as touched; `settle` makes the records of those anew and answers with
the owner names that are different now. `records.py` is what is true of one Service; a property
test holds this against the same for all objects at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from polpo.dns.plugins.kubernetes.apex import zone_records
from polpo.dns.plugins.kubernetes.batch import Clients
from polpo.dns.plugins.kubernetes.catalogue import Catalogue
from polpo.dns.plugins.kubernetes.options import (
    DISABLED,
    POD,
    SVC,
    VERIFIED,
    Options,
    is_reverse,
    nameserver,
)
from polpo.dns.plugins.kubernetes.pods import Pods
from polpo.dns.plugins.kubernetes.records import Table, Target, address, label
from polpo.dns.plugins.kubernetes.reverse import Reverse
from polpo.dns.plugins.kubernetes.views import IMPORT_NAME, SERVICE_NAME, import_view, service_view
from polpo.dns.wire.record import Record
from polpo.kube import objects

Changes = dict[bytes, tuple[Record, ...] | None]


class Index:
    """`addresses` are the server's own: a Service with such an endpoint is what NS records name.
    `with_labels`: those of pods are wanted."""

    def __init__(
        self, options: Options, addresses: Iterable[str] = (), *, with_labels: bool = False
    ) -> None:
        self._options = options
        self._addresses = tuple(addresses)
        self._exposed: set[str] = set()
        is_own = frozenset(self._addresses).__contains__
        exposed = self._exposed
        self._services = Catalogue(SERVICE_NAME, options.local, options, exposed, is_own)
        self._imports = Catalogue(IMPORT_NAME, options.multicluster, options, exposed, is_own)
        self._reverse = Reverse(options.ttl_s, self._services.targets)
        self._pods = Pods(options, exposed, with_labels)
        self._own: set[str] = set()  # Services of the server itself
        self._namespaces: dict[str, bool] = {}  # touched; was it exposed?
        self._apex: Table = {}

    def namespace(self, name: str, item: objects.Namespace | None) -> None:
        wanted = self._options.namespaces
        if wanted and name not in wanted:
            return
        self._namespaces.setdefault(name, name in self._exposed)
        if (item is not None) == (name in self._exposed):
            return
        self._services.touch_namespace(name)
        self._imports.touch_namespace(name)
        self._pods.touch_namespace(name)
        if item is None:
            self._exposed.discard(name)
        else:
            self._exposed.add(name)

    def service(self, key: str, item: objects.Service | None) -> None:
        self._services.service(key, None if item is None else service_view(item))

    def service_import(self, key: str, item: objects.ServiceImport | None) -> None:
        self._imports.service(key, None if item is None else import_view(item))

    def slice(self, key: str, item: objects.EndpointSlice | None) -> None:
        self._services.slice(key, item)
        if self._options.multicluster:
            self._imports.slice(key, item)

    def pod(self, key: str, item: objects.Pod | None) -> None:
        if self._options.pods == VERIFIED:
            self._pods.pod(key, item)

    def is_headless(self, key: str) -> bool | None:
        """Of a Service that is known."""
        service = self._services.known(key)
        return None if service is None else service.headless

    @property
    def clients(self) -> Clients:
        """Pods by address, where pods are watched (for autopath and metadata)."""
        return self._pods.clients

    def take_clients(self) -> Clients:
        """Changes of `clients` since the last time."""
        return self._pods.take_clients()

    def settle(self, serial: int) -> Changes:
        """The names whose records are others than at the last time, None for those that are no
        more. If there is any, so are the zones' own, for their serial."""
        changes = self._namespace_changes()
        reverse: set[bytes] = set()
        targets: dict[str, tuple[Target, ...]] = {}
        for key, names, old, new, own in self._services.settle():
            changes |= names
            reverse |= self._reverse.move(key, old, new)
            targets[key] = new
            (self._own.add if own else self._own.discard)(key)
        for difference in self._imports.settle():
            changes |= difference.names
        changes |= self._reverse.records(reverse, targets)
        changes |= dict(self._pods.settle())
        if changes or not self._apex:
            apex = self._zone_records(serial)
            changes |= {n: records for n, records in apex.items() if self._apex.get(n) != records}
            self._apex = apex
        return changes

    def everything(self) -> Iterator[tuple[bytes, tuple[Record, ...]]]:
        """All names there are, as of the last time that it settled (nothing may come meanwhile)."""
        yield from self._apex.items()
        for name in self._exposed:
            yield from ((owner, ()) for owner in self._namespace_names(name))
        yield from self._services.everything()
        yield from self._reverse.everything(self._services.keys())
        yield from self._imports.everything()
        yield from self._pods.everything()

    def _namespace_changes(self) -> Changes:
        touched, self._namespaces = self._namespaces, {}
        changes: Changes = {}
        for name, before in touched.items():
            now = name in self._exposed
            if now != before:
                changes |= dict.fromkeys(self._namespace_names(name), () if now else None)
        return changes

    def _namespace_names(self, name: str) -> list[bytes]:
        kinds = (SVC,) if self._options.pods == DISABLED else (SVC, POD)
        first = label(name.encode())
        return [first + kind + zone for zone in self._options.forward for kind in kinds]

    def _zone_records(self, serial: int) -> Table:
        table: Table = {}
        for zone in self._options.zones:
            table |= zone_records(zone, serial, self._options, self._servers(zone))
        return table

    def _servers(self, zone: bytes) -> list[Record]:
        """Names and addresses of the Services that the server itself is behind; else its own."""
        home = self._options.local[0] if is_reverse(zone) else zone
        found = [r for key in sorted(self._own) for r in self._services.servers(key, home)]
        if not found:
            own = (address(nameserver(home), a, self._options.ttl_s) for a in self._addresses)
            found = [record for record in own if record is not None]
        return found
