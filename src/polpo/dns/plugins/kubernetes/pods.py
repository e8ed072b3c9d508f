"""`pods verified`: a record for each address that a pod of a namespace has."""

from __future__ import annotations

from collections.abc import Iterator

from polpo.dns.plugins.kubernetes.batch import Client, Clients
from polpo.dns.plugins.kubernetes.options import POD, Options
from polpo.dns.plugins.kubernetes.records import address, label
from polpo.dns.plugins.kubernetes.views import dashed
from polpo.dns.wire.record import Record
from polpo.kube import objects

FINISHED = ("Succeeded", "Failed")
Place = tuple[str, str]  # namespace, address


class Pods:
    """Several pods may have one address: those in their host's network."""

    def __init__(self, options: Options, exposed: set[str], with_labels: bool = False) -> None:
        self._options, self._exposed, self._with_labels = options, exposed, with_labels
        self._addresses: dict[str, tuple[str, ...]] = {}  # by pod
        self._pods: dict[Place, set[str]] = {}
        self._in_namespace: dict[str, set[str]] = {}  # addresses
        self._touched: dict[Place, bool] = {}  # was there a pod before?
        self.clients: dict[str, Client] = {}  # by address, of pods with their own network
        self._clients_touched: set[str] = set()

    def pod(self, key: str, item: objects.Pod | None) -> None:
        namespace, _, name = key.partition("/")
        old, new = self._addresses.pop(key, ()), _addresses(item)
        for text in (*old, *new):
            self._touch((namespace, text))
        for text in old:
            self._forget(key, (namespace, text))
        if new:
            self._addresses[key] = new
        for text in new:
            self._pods.setdefault((namespace, text), set()).add(key)
            self._in_namespace.setdefault(namespace, set()).add(text)
            if item is not None and not item.spec.host_network:
                labels = item.metadata.labels if self._with_labels else None
                self.clients[text] = Client(namespace, name, labels or {})
                self._clients_touched.add(text)

    def take_clients(self) -> Clients:
        """Changes of `clients` since the last time, None for those that are no more."""
        touched, self._clients_touched = self._clients_touched, set()
        return {text: self.clients.get(text) for text in touched}

    def touch_namespace(self, namespace: str) -> None:
        """It is about to be exposed, or no more."""
        for text in self._in_namespace.get(namespace, ()):
            self._touch((namespace, text))

    def settle(self) -> Iterator[tuple[bytes, tuple[Record, ...] | None]]:
        """Names that came or went since the last time."""
        touched, self._touched = self._touched, {}
        for place, before in touched.items():
            if self._is_there(place) != before:
                for owner, records in self._records(place):
                    yield owner, None if before else records

    def everything(self) -> Iterator[tuple[bytes, tuple[Record, ...]]]:
        for place in self._pods:
            if self._is_there(place):
                yield from self._records(place)

    def _records(self, place: Place) -> Iterator[tuple[bytes, tuple[Record, ...]]]:
        namespace, text = place
        for zone in self._options.forward:
            owner = label(dashed(text)) + label(namespace.encode()) + POD + zone
            record = address(owner, text, self._options.ttl_s)
            if record is not None:
                yield owner, (record,)

    def _is_there(self, place: Place) -> bool:
        return place[0] in self._exposed and place in self._pods

    def _touch(self, place: Place) -> None:
        if place not in self._touched:
            self._touched[place] = self._is_there(place)

    def _forget(self, key: str, place: Place) -> None:
        keys = self._pods[place]
        keys.discard(key)
        if keys:
            return
        namespace, text = place
        del self._pods[place]
        self._in_namespace[namespace].discard(text)
        client = self.clients.get(text)
        if client is not None and client.namespace == namespace:
            del self.clients[text]
            self._clients_touched.add(text)


def _addresses(item: objects.Pod | None) -> tuple[str, ...]:
    """Of a pod that runs and is to go on."""
    if item is None or item.metadata.deletion_timestamp or item.status.phase in FINISHED:
        return ()
    status = item.status
    found = (status.pod_ip, *(each.ip for each in status.pod_ips))
    return tuple(dict.fromkeys(filter(None, found)))
