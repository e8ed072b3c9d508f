"""A cluster's Services, as its own controller tells of them: `/v1/clusters/{cluster}/services`.

One that can't be carried is refused by itself; the others of its request are taken.
"""

import re
from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from polpo.api.clusters_v1.clusters import find_cluster, writer
from polpo.api.hosts_v1.bodies import body_of, decoded
from polpo.api.hosts_v1.callers import calling_user
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.json import answer
from polpo.api.hosts_v1.parts import Parts
from polpo.model.cluster import Cluster, Node
from polpo.model.service import Service, ServicePort
from polpo.model.told import ToldService
from polpo.store.transaction import Transaction

MOST_BACKENDS = 4096
"""What the switch has room for (dataplane.tables: PAGE * PAGES)."""
MOST_ADDRESSES, MOST_OUTER, MOST_SOURCES = 2, 100, 1000
MOST_ROWS = 50_000
"""What one Service may come to on all hosts of its network; a port and a backend are one each."""
LONGEST_S = 86_400
"""Kubernetes' own limit of an affinity (core/v1, ClientIPConfig)."""
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_NAME = re.compile(r"[!-~]{1,512}")


class Told(ToldService, frozen=True, forbid_unknown_fields=True):
    """And nothing else."""


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    put: tuple[Told, ...] = ()
    remove: tuple[str, ...] = ()


class Nodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By name."""

    nodes: dict[str, Node]


class Refusal(msgspec.Struct, frozen=True):
    id: str
    message: str


async def list_services(parts: Parts, request: Request) -> Response:
    context = await calling_user(parts, request)
    cluster = find_cluster(parts.store.snapshot, context, request)
    found = sorted(parts.store.snapshot.by(Service, "cluster", cluster.id), key=lambda s: s.name)
    return answer({"services": [shown(service) for service in found]})


async def tell_services(parts: Parts, request: Request) -> Response:
    """`POST`: what is new or different, and the ids of what is gone."""
    context, batch = await writer(parts, request), decoded(await body_of(request), Batch)

    def write(tx: Transaction) -> list[Refusal]:
        return _write(tx, find_cluster(tx.snapshot, context, request), batch)

    refused = await parts.store.write(write)
    return answer({"refused": refused, "revision": parts.store.snapshot.revision})


async def tell_nodes(parts: Parts, request: Request) -> Response:
    """`PUT`: all nodes. What is the same already writes nothing."""
    context, told = await writer(parts, request), decoded(await body_of(request), Nodes)
    _check_nodes(told)

    def write(tx: Transaction) -> None:
        cluster = find_cluster(tx.snapshot, context, request)
        tx.put(msgspec.structs.replace(cluster, nodes=told.nodes))

    if find_cluster(parts.store.snapshot, context, request).nodes != told.nodes:
        await parts.store.write(write)
    return answer({"nodes": told.nodes, "revision": parts.store.snapshot.revision})


def _check_nodes(told: Nodes) -> None:
    try:
        for address in (a for node in told.nodes.values() for a in node.addresses):
            _check_address(address)
    except ValueError as error:
        raise Refused(400, str(error)) from error


def shown(service: Service) -> dict[str, Any]:
    return {field: getattr(service, field) for field in Told.__struct_fields__}


def _write(tx: Transaction, cluster: Cluster, batch: Batch) -> list[Refusal]:
    for id in batch.remove:
        before = _own(tx, cluster, id)
        if before is not None:
            tx.remove(before)
    return [refusal for told in batch.put for refusal in _put(tx, cluster, told)]


def _put(tx: Transaction, cluster: Cluster, told: Told) -> Iterator[Refusal]:
    before = tx.snapshot.get(Service, told.id)
    if before is not None and before.cluster_id != cluster.id:
        yield Refusal(told.id, f"Service {told.id} is another cluster's.")
        return
    try:
        _check(told)
    except ValueError as error:
        yield Refusal(told.id, str(error))
        return
    fields = msgspec.structs.asdict(told)
    tx.put(
        msgspec.structs.replace(before, **fields)
        if before is not None
        else Service(cluster_id=cluster.id, **fields)
    )


def _own(tx: Transaction, cluster: Cluster, id: str) -> Service | None:
    service = tx.snapshot.get(Service, id)
    return service if service is not None and service.cluster_id == cluster.id else None


def _check(told: Told) -> None:
    """ValueError, which names the field and what it may be."""
    if not _ID.fullmatch(told.id) or not _NAME.fullmatch(told.name):
        raise ValueError("id, name: a uid, and <namespace>/<name>.")
    _check_size(told)
    for address in (*told.addresses, *told.external, *told.balanced):
        _check_address(address)
    for source in told.sources:
        _check_source(source)
    if not 0 <= told.sticks_s <= LONGEST_S:
        raise ValueError(f"sticks_s: seconds, from 0 to {LONGEST_S}.")
    if told.guests not in ("", "cluster", "local"):
        raise ValueError(f'guests: "cluster", "local" or "", not {told.guests!r}.')
    if not 0 <= told.health_port < 65536:
        raise ValueError(f"health_port: {told.health_port} is not a port.")
    for port in told.ports:
        _check_port(port)


def _check_size(told: Told) -> None:
    """What is told is multiplied: each address has each port, which has all backends."""
    outer = len(told.external) + len(told.balanced)
    for field, number, most in (
        ("addresses", len(told.addresses), MOST_ADDRESSES),
        ("external, balanced", outer, MOST_OUTER),
        ("sources", len(told.sources), MOST_SOURCES),
        ("ports", sum(1 + len(port.backends) for port in told.ports), MOST_ROWS),
        ("ports", len(told.ports) * outer, MOST_ROWS),
    ):
        if number > most:
            raise ValueError(f"{field}: too many, {most} at most.")


def _check_address(address: str) -> None:
    found = ip_address(address)
    here = found.is_loopback or found.is_link_local or found.is_unspecified
    if str(found) != address or found.is_multicast or here or not _is_plain(address):
        raise ValueError(f"addresses: {address} is not an address that a Service can have.")


def _is_plain(address: str) -> bool:
    """Neither an address of one link (`%eth0`), nor one of IPv4 in the form of IPv6."""
    found = ip_address(address)
    return "%" not in address and (found.version == 4 or found.ipv4_mapped is None)


def _check_source(source: str) -> None:
    length = source.partition("/")[2]
    if "%" in source or not (length.isascii() and length.isdigit()):
        raise ValueError(f"sources: {source} is no prefix, such as 10.0.0.0/8.")
    ip_network(source)


def _check_port(port: ServicePort) -> None:
    if port.protocol not in ("tcp", "udp"):
        raise ValueError(f"ports: protocol {port.protocol} is not tcp or udp.")
    if len(port.backends) > MOST_BACKENDS:
        raise ValueError(f"ports: {MOST_BACKENDS} backends at most, not {len(port.backends)}.")
    for number in (port.port, *(backend.port for backend in port.backends)):
        if not 0 < number < 65536:
            raise ValueError(f"ports: {number} is not a port, 1 to 65535.")
    if not 0 <= port.node_port < 65536:
        raise ValueError(f"ports: {port.node_port} is not a port, 1 to 65535, or 0 for none.")
    for backend in port.backends:
        if not _is_plain(backend.address):
            raise ValueError(f"ports: {backend.address} is not an address of a backend.")
