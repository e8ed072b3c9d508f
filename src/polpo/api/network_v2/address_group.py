"""Address groups (Neutron API reference, "Address groups")."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2 import quotas, sharing, values
from polpo.api.network_v2.attributes import Attribute, shown, table
from polpo.api.network_v2.errors import NeutronError, bad_request, conflict
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed, standard
from polpo.api.network_v2.values import boolean, list_of
from polpo.model.security_group import AddressGroup, all_rules
from polpo.model.snapshot import Snapshot

ADDRESSES = list_of(values.prefix(), null_is_empty=True)

TABLE = table(
    "address_group",
    {
        "addresses": Attribute(kind=ADDRESSES, put=False, default=(), filter=False, sort=False),
        "shared": shown(boolean(), sort=False),
    },
)


def create(w: Writing, given: dict[str, Any]) -> AddressGroup:
    quotas.check(w, "address_group", given["project_id"])
    return w.tx.put(AddressGroup(id=new_id(), **given))


def update(w: Writing, group: AddressGroup, given: dict[str, Any]) -> AddressGroup:
    return w.tx.put(changed(group, given))


def delete(w: Writing, group: AddressGroup) -> None:
    if any(True for _ in all_rules(w.snapshot, group.id, "remote_address_group")):
        raise conflict(
            "AddressGroupInUse",
            f"Address group {group.id} is in use on one or more security group rules.",
        )
    sharing.remove_policies(w, group.id)
    w.tx.remove(group)


def read_addresses(body: Any) -> tuple[str, ...]:
    """The body of `add_addresses` and `remove_addresses`."""
    if not isinstance(body, dict) or "addresses" not in body:
        raise bad_request("Invalid input for addresses. Reason: 'addresses' is required.")
    try:
        addresses: tuple[str, ...] = ADDRESSES.read(body["addresses"])
    except ValueError as error:
        raise bad_request(f"Invalid input for addresses. Reason: {error}.") from error
    return addresses


def add(w: Writing, group: AddressGroup, addresses: Sequence[str]) -> AddressGroup:
    present = [a for a in addresses if a in group.addresses]
    if present:
        raise NeutronError(
            400,
            "AddressesAlreadyExist",
            f"Addresses {present} already exist in the address group {group.id}.",
        )
    return _with(w, group, (*group.addresses, *addresses))


def remove(w: Writing, group: AddressGroup, addresses: Sequence[str]) -> AddressGroup:
    absent = [a for a in addresses if a not in group.addresses]
    if absent:
        raise NeutronError(
            404,
            "AddressesNotFound",
            f"Addresses {absent} not found in the address group {group.id}.",
        )
    return _with(w, group, [a for a in group.addresses if a not in addresses])


def _with(w: Writing, group: AddressGroup, addresses: Iterable[str]) -> AddressGroup:
    return w.tx.put(msgspec.structs.replace(group, addresses=tuple(addresses)))


def view(r: Reading, groups: Sequence[AddressGroup]) -> list[View]:
    return [
        {
            **standard(group),
            "addresses": group.addresses,
            "shared": sharing.is_shared(r.snapshot, r.context, group),
        }
        for group in groups
    ]


def visible(snapshot: Snapshot, context: Context, group: AddressGroup) -> bool:
    return sharing.is_shared(snapshot, context, group)


def others(snapshot: Snapshot, context: Context) -> Iterable[str]:
    return sharing.granted_ids(snapshot, context, "address_group", sharing.SHARED)


RESOURCE = Resource(
    member="address_group",
    collection="address_groups",
    path="address-groups",
    model=AddressGroup,
    table=TABLE,
    missing=("AddressGroupNotFound", "Address group {id} could not be found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    visible=visible,
    others=others,
    indexes={"name": "name", "project_id": "project"},
    taggable=False,
)
