"""The address groups that a cluster's policies name: addresses of nodes, and of domain names.

Ordinary ones of the cluster's project, as the groups of policies are. An address that comes or goes
is a row of them, and no rule's business.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from polpo.api.clusters_v1.policy_groups import DESCRIPTION, group_id, name_of
from polpo.api.hosts_v1.errors import Refused
from polpo.api.network_v2 import values
from polpo.model.cluster import Cluster
from polpo.model.security_group import AddressGroup, all_rules
from polpo.model.snapshot import Snapshot
from polpo.model.told import Addresses as ToldAddresses
from polpo.store.transaction import Transaction


class Addresses(ToldAddresses, frozen=True, forbid_unknown_fields=True):
    """And nothing else."""


def address_groups_of(snapshot: Snapshot, cluster: Cluster) -> Iterable[AddressGroup]:
    return snapshot.by(AddressGroup, "cluster", cluster.id)


def shown_addresses(group: AddressGroup) -> Addresses:
    """As it is now, whoever has changed it."""
    return Addresses(group.cluster_key, tuple(sorted(group.addresses)))


def put_addresses(tx: Transaction, cluster: Cluster, told: Addresses) -> None:
    """Raises Refused, and has then changed nothing."""
    name = name_of(cluster, told.key)
    try:
        addresses = tuple(sorted({values.prefix().read(one) for one in told.addresses}))
    except ValueError as error:
        raise Refused(400, f"addresses: {error}.") from error
    known = tx.snapshot.get(AddressGroup, group_id(cluster, told.key))
    if known is None:
        known = AddressGroup(
            id=group_id(cluster, told.key),
            project_id=cluster.project_id,
            description=DESCRIPTION,
            cluster_id=cluster.id,
            cluster_key=told.key,
        )
    if (known.name, known.addresses) != (name, addresses):
        tx.put(replace(known, name=name, addresses=addresses))


def remove_addresses(tx: Transaction, group: AddressGroup) -> None:
    """Raises Refused while a rule names it."""
    if any(True for _ in all_rules(tx.snapshot, group.id, "remote_address_group")):
        raise Refused(409, f"Address group {group.id} ({group.name}) is in use.")
    tx.remove(group)
