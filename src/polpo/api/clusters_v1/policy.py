"""What a cluster's NetworkPolicies come to, as its own controller tells: groups, and pods in them.

`POST /v1/clusters/{cluster}/policy` is one transaction. What can't be carried is refused by itself.
"""

from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from polpo.api.clusters_v1 import pod_groups, policy_groups
from polpo.api.clusters_v1.clusters import find_cluster, writer
from polpo.api.clusters_v1.pod_groups import Membership
from polpo.api.clusters_v1.policy_addresses import (
    Addresses,
    address_groups_of,
    put_addresses,
    remove_addresses,
    shown_addresses,
)
from polpo.api.clusters_v1.policy_groups import Group, group_id
from polpo.api.hosts_v1.bodies import body_of, decoded
from polpo.api.hosts_v1.callers import calling_user
from polpo.api.hosts_v1.errors import Refused
from polpo.api.hosts_v1.json import answer
from polpo.api.hosts_v1.parts import Parts
from polpo.api.network_v2.errors import NeutronError
from polpo.model.cluster import Cluster
from polpo.model.security_group import AddressGroup, SecurityGroup
from polpo.store.transaction import Transaction


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Done in this order: a pod's groups are there before it is in them, and as long as it is; so
    are the address groups that rules name."""

    addresses: tuple[Addresses, ...] = ()
    groups: tuple[Group, ...] = ()
    pods: tuple[Membership, ...] = ()
    gone_pods: tuple[str, ...] = ()
    gone_groups: tuple[str, ...] = ()
    gone_addresses: tuple[str, ...] = ()


class Refusal(msgspec.Struct, frozen=True):
    """`about` is the key of a group, or of an address group, or a pod's name."""

    about: str
    message: str


async def list_groups(parts: Parts, request: Request) -> Response:
    context, snapshot = await calling_user(parts, request), parts.store.snapshot
    cluster = find_cluster(snapshot, context, request)
    found = (policy_groups.shown(snapshot, g) for g in policy_groups.groups_of(snapshot, cluster))
    books = map(shown_addresses, address_groups_of(snapshot, cluster))
    return answer(
        {
            "groups": sorted(found, key=lambda group: group.key),
            "addresses": sorted(books, key=lambda book: book.key),
        }
    )


async def list_pods(parts: Parts, request: Request) -> Response:
    context, snapshot = await calling_user(parts, request), parts.store.snapshot
    cluster = find_cluster(snapshot, context, request)
    found = (pod_groups.shown(snapshot, p) for p in pod_groups.pods_groups(snapshot, cluster))
    return answer({"pods": sorted(found, key=lambda pod: pod.name)})


async def tell_policy(parts: Parts, request: Request) -> Response:
    context, batch = await writer(parts, request), decoded(await body_of(request), Batch)

    def write(tx: Transaction) -> list[Refusal]:
        return _write(tx, find_cluster(tx.snapshot, context, request), batch)

    refused = await parts.store.write(write)
    return answer({"refused": refused, "revision": parts.store.snapshot.revision})


def _write(tx: Transaction, cluster: Cluster, batch: Batch) -> list[Refusal]:
    if not cluster.policies:
        raise Refused(409, f"Cluster {cluster.name} has no policies.")
    refused = _Refused()
    _put(tx, cluster, batch, refused)
    _remove(tx, cluster, batch, refused)
    return [Refusal(about, message) for about, message in refused.items()]


def _put(tx: Transaction, cluster: Cluster, batch: Batch, refused: "_Refused") -> None:
    for book in batch.addresses:
        refused.unless(book.key, put_addresses, tx, cluster, book)
    for group in batch.groups:
        refused.unless(group.key, policy_groups.put_group, tx, cluster, group.key)
    for group in batch.groups:
        if group.key not in refused:
            refused.unless(group.key, policy_groups.put_rules, tx, cluster, group)
    for pod in batch.pods:
        refused.unless(pod.name, pod_groups.put_pod, tx, cluster, pod)


def _remove(tx: Transaction, cluster: Cluster, batch: Batch, refused: "_Refused") -> None:
    for name in batch.gone_pods:
        pod_groups.remove_pod(tx, cluster, name)
    for key in batch.gone_groups:
        gone = tx.snapshot.get(SecurityGroup, group_id(cluster, key))
        if gone is not None:
            refused.unless(key, policy_groups.remove_group, tx, gone)
    for key in batch.gone_addresses:
        left = tx.snapshot.get(AddressGroup, group_id(cluster, key))
        if left is not None:
            refused.unless(key, remove_addresses, tx, left)


class _Refused(dict[str, str]):
    def unless(self, about: str, put: Callable[..., None], *given: object) -> None:
        try:
            put(*given)
        except (Refused, NeutronError) as error:
            self[about] = error.message
