"""What a name of the cluster says, part by part, for who asks by `metadata`."""

from __future__ import annotations

from functools import partial

from polpo.dns.plugin import Place
from polpo.dns.plugins.kubernetes.store import Store
from polpo.dns.query import Query
from polpo.dns.wire.name import labels

PARTS = ("endpoint", "kind", "namespace", "port-name", "protocol", "service")


def describe(place: Place, store: Store) -> None:
    for part in PARTS:
        place.describe(f"kubernetes/{part}", partial(_part, store, part))
    place.describe("kubernetes/client-namespace", partial(_client, store, "namespace"))
    place.describe("kubernetes/client-pod-name", partial(_client, store, "pod"))
    place.describe_family("kubernetes/client-label", partial(_client_label, store))


def _client(store: Store, part: str, query: Query) -> str:
    client = store.client(query.client)
    return str(getattr(client, part)) if client is not None else ""


def _client_label(store: Store, label: str, query: Query) -> str:
    client = store.client(query.client)
    return client.labels.get(label, "") if client is not None else ""


def _part(store: Store, part: str, query: Query) -> str:
    return _parts(store, query.name).get(part, "")


def _parts(store: Store, name: bytes) -> dict[str, str]:
    """`[_port._protocol.|endpoint.]service.namespace.svc`, `address.namespace.pod`."""
    zone = store.zone_of(name)
    if zone is None:
        return {}
    inside = labels(name)[: -len(labels(zone)) or None]
    *before, kind = [label.decode("latin-1") for label in inside] or [""]
    if kind not in {"svc", "pod"}:
        return {}
    found = {"kind": kind}
    for part in ("namespace", "service"):
        if before:
            found[part] = before.pop()
    if len(before) == 2:
        found["port-name"], found["protocol"] = (label.removeprefix("_") for label in before)
    elif len(before) == 1:
        found["endpoint"] = before[0]
    return found
