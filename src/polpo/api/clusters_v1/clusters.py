"""Clusters of a project: made, listed, shown, given policies, removed."""

from typing import Any, Literal, TypeVar

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from polpo.api.clusters_v1.checks import checked_group, checked_network, checked_router
from polpo.api.clusters_v1.pod_groups import pods_groups
from polpo.api.clusters_v1.pod_ports import ports_of
from polpo.api.clusters_v1.policy_addresses import address_groups_of, remove_addresses
from polpo.api.clusters_v1.policy_groups import groups_of, remove_group
from polpo.api.clusters_v1.prefixes import routed_cidrs, service_cidrs
from polpo.api.context import Context
from polpo.api.hosts_v1.bodies import body_of, decoded
from polpo.api.hosts_v1.callers import calling_user
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.json import answer
from polpo.api.hosts_v1.parts import Parts
from polpo.api.identifier import new_id
from polpo.model.cluster import Cluster, pods_of
from polpo.model.service import Service
from polpo.model.snapshot import Snapshot
from polpo.store.transaction import Transaction

T = TypeVar("T")


class NewCluster(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a cluster is made from. Without `security_group_ids` nothing passes to pods.

    With `policies` pods are in the groups that `polpo policy` says.
    """

    name: str
    network_id: str
    router_id: str
    service_cidrs: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    policies: bool = False
    description: str = ""


class ChangedCluster(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Policies can be switched on, for good: pods that are there keep the groups that they have
    until `polpo policy` says theirs.
    """

    policies: Literal[True]


class _Changed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cluster: ChangedCluster


class _New(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cluster: NewCluster


async def make_cluster(parts: Parts, request: Request) -> Response:
    context = await writer(parts, request)
    asked = decoded(await body_of(request), _New).cluster
    cluster = await parts.store.write(lambda tx: _make(tx, context, asked))
    return answer({"cluster": shown(cluster)}, 201)


async def list_clusters(parts: Parts, request: Request) -> Response:
    """The project's; all of them for the cloud's admin."""
    context = await calling_user(parts, request)
    seen = [c for c in parts.store.snapshot.all(Cluster) if _may_see(context, c)]
    return answer({"clusters": [shown(c) for c in sorted(seen, key=lambda c: c.name)]})


async def show_cluster(parts: Parts, request: Request) -> Response:
    """And what its router leads to besides: addresses there are the project's own."""
    context, snapshot = await calling_user(parts, request), parts.store.snapshot
    cluster = find_cluster(snapshot, context, request)
    routed = sorted(routed_cidrs(snapshot, cluster.router_id))
    return answer({"cluster": shown(cluster) | {"routed_cidrs": routed}})


async def change_cluster(parts: Parts, request: Request) -> Response:
    context = await writer(parts, request)
    asked = decoded(await body_of(request), _Changed).cluster

    def write(tx: Transaction) -> Cluster:
        cluster = find_cluster(tx.snapshot, context, request)
        return tx.put(replace(cluster, policies=asked.policies))

    return answer({"cluster": shown(await parts.store.write(write))})


async def remove_cluster(parts: Parts, request: Request) -> Response:
    """409 while it has pods; ports that wait for pods go with it."""
    context = await writer(parts, request)
    await parts.store.write(lambda tx: _remove(tx, context, request))
    return Response(status_code=204)


def shown(cluster: Cluster) -> dict[str, Any]:
    return {field: getattr(cluster, field) for field in ("id", *_SHOWN)}


_SHOWN = (
    "name",
    "description",
    "project_id",
    "network_id",
    "router_id",
    "service_cidrs",
    "security_group_ids",
    "policies",
    "nodes",
    "created_at",
    "updated_at",
)


def _make(tx: Transaction, context: Context, asked: NewCluster) -> Cluster:
    network = checked_network(tx.snapshot, context, asked.network_id)
    checked_router(tx.snapshot, context, asked.router_id, network)
    groups = (checked_group(tx.snapshot, context, id) for id in asked.security_group_ids)
    return tx.put(
        Cluster(
            id=new_id(),
            project_id=network.project_id,
            name=_name(asked.name),
            description=asked.description,
            network_id=network.id,
            router_id=asked.router_id,
            service_cidrs=service_cidrs(tx.snapshot, asked.router_id, asked.service_cidrs),
            security_group_ids=tuple(sorted({group.id for group in groups})),
            policies=asked.policies,
        )
    )


def _remove(tx: Transaction, context: Context, request: Request) -> None:
    cluster = find_cluster(tx.snapshot, context, request)
    ports = list(ports_of(tx.snapshot, cluster))
    if pods := sum(bool(pods_of(port) and port.device_id) for port in ports):
        raise Refused(409, f"Cluster {cluster.name} has {pods} pods.")
    for port in ports:
        tx.remove(port)
    for service in list(tx.snapshot.by(Service, "cluster", cluster.id)):
        tx.remove(service)
    for pod in list(pods_groups(tx.snapshot, cluster)):
        tx.remove(pod)
    for group in list(groups_of(tx.snapshot, cluster)):
        remove_group(tx, group)
    for book in list(address_groups_of(tx.snapshot, cluster)):
        remove_addresses(tx, book)
    tx.remove(cluster)


def find_cluster(snapshot: Snapshot, context: Context, request: Request) -> Cluster:
    """By name or id."""
    given = request.path_params["cluster"]
    cluster = snapshot.get(Cluster, snapshot.holder("cluster", given) or given)
    if cluster is None or not _may_see(context, cluster):
        raise Refused(404, f"Cluster {given} could not be found.")
    return cluster


def _may_see(context: Context, cluster: Cluster) -> bool:
    return context.is_admin or cluster.project_id == context.project_id


async def writer(parts: Parts, request: Request) -> Context:
    context = await calling_user(parts, request)
    if not context.may_write:
        raise Refused(403, "This user may only look.")
    return context


def _name(name: str) -> str:
    """Names go into files and labels: as Kubernetes' own (RFC 1123 labels)."""
    letters = set(name) - set("abcdefghijklmnopqrstuvwxyz0123456789-")
    if letters or not 1 <= len(name) <= 63 or "-" in (name[0], name[-1]):
        raise Refused(400, "A cluster's name is of small letters, digits and '-', 63 at most.")
    return name
