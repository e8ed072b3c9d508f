"""A cluster's Services, as its own controller tells of them: `/v1/clusters/{cluster}/services`.

One that can't be carried is refused by itself; the others of its request are taken.
"""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from polpo.api.clusters_v1.clusters import find_cluster, read, writer
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
    context, batch = await writer(parts, request), read(await request.body(), Batch)

    def write(tx: Transaction) -> list[Refusal]:
        return _write(tx, find_cluster(tx.snapshot, context, request), batch)

    refused = await parts.store.write(write)
    return answer({"refused": refused, "revision": parts.store.snapshot.revision})


async def tell_nodes(parts: Parts, request: Request) -> Response:
    """`PUT`: all nodes. What is the same already writes nothing."""
    context, told = await writer(parts, request), read(await request.body(), Nodes)
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
    for address in (*told.addresses, *told.external, *told.balanced):
        _check_address(address)
    for source in told.sources:
        ip_network(source)
    if told.sticks_s < 0:
        raise ValueError("sticks_s: seconds, 0 or more.")
    if told.guests not in ("", "cluster", "local"):
        raise ValueError(f'guests: "cluster", "local" or "", not {told.guests!r}.')
    if not 0 <= told.health_port < 65536:
        raise ValueError(f"health_port: {told.health_port} is not a port.")
    for port in told.ports:
        _check_port(port)


def _check_address(address: str) -> None:
    found = ip_address(address)
    if str(found) != address or found.is_multicast or found.is_loopback or found.is_link_local:
        raise ValueError(f"addresses: {address} is not an address that a Service can have.")


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
        ip_address(backend.address)
