"""Names that exist because they are asked for: addresses of pods, and zone-scoped names."""

from __future__ import annotations

import socket

from polpo.dns.plugins.kubernetes.options import POD, Options
from polpo.dns.plugins.kubernetes.records import AAAA, PIN, PREFER, ZONAL, A
from polpo.dns.plugins.kubernetes.store import Store
from polpo.dns.query import Query
from polpo.dns.wire.record import Record, Reply

NAME = "kubernetes"


def pod_reply(
    query: Query, store: Store, options: Options
) -> tuple[Reply | None, tuple[bytes, ...]]:
    """`pods insecure`: 10-0-0-1.NAMESPACE.pod.ZONE is 10.0.0.1 if there is such a namespace. A
    reply without records stands for no such type, None for no such name. The second is what a
    negative answer depends on."""
    name = query.name
    namespace = name[1 + name[0] :]
    kind = namespace[1 + namespace[0] :] if namespace[0] else b""
    if not kind.startswith(POD) or kind[len(POD) :] not in options.forward:
        return None, (name,)
    if namespace not in store.names:
        return None, (name, namespace)
    record = _pod_record(name, options.ttl_s)
    if record is None:
        return None, (name, namespace)
    found = (record,) if record.type == query.type else ()
    return Reply(0, found, (), (), True, (name, namespace), NAME), (namespace,)


def _pod_record(name: bytes, ttl_s: int) -> Record | None:
    """As CoreDNS reads it: three dashes that do not touch are IPv4, all else IPv6."""
    text = name[1 : 1 + name[0]]
    try:
        if text.count(b"-") == 3 and b"--" not in text:
            packed = socket.inet_pton(socket.AF_INET, text.replace(b"-", b".").decode("ascii"))
            return Record(name, A, ttl_s, packed)
        packed = socket.inet_pton(socket.AF_INET6, text.replace(b"-", b":").decode("ascii"))
        return Record(name, AAAA, ttl_s, packed)
    except (OSError, ValueError):
        return None


def zonal_reply(query: Query, store: Store) -> Reply | None:
    """ANY.pin._zone.SERVICE for zones in which nobody is, and ANY.prefer._zone.SERVICE.

    The name exists if the Service is headless, whatever zone it names; `prefer` means all
    endpoints where that zone has none.
    """
    name = query.name
    for way in (PIN, PREFER):
        before, _, service = name.partition(way + ZONAL)
        if service and before and ZONAL + service in store.names and _at_border(before):
            break
    else:
        return None
    pinned = before + PIN + ZONAL + service
    records: tuple[Record, ...] = ()
    if way == PREFER:
        records = store.records(pinned if store.names.get(pinned) else service, query.type)
    found = tuple(record._replace(owner=name) for record in records)
    return Reply(0, found, (), (), True, (name, pinned, service, ZONAL + service), NAME)


def _at_border(before: bytes) -> bool:
    """Are these whole labels?"""
    at = 0
    while at < len(before):
        at += 1 + before[at]
    return at == len(before)
