"""Address scopes (Neutron API reference, "Address scopes")."""

from collections.abc import Iterable, Sequence
from typing import Any

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2 import quotas, sharing
from polpo.api.network_v2.attributes import REQUIRED, Attribute, table
from polpo.api.network_v2.errors import NeutronError, conflict, invalid
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed, standard
from polpo.api.network_v2.values import boolean, integer
from polpo.model.network import AddressScope, SubnetPool
from polpo.model.snapshot import Snapshot

TABLE = table(
    "address_scope",
    {
        "ip_version": Attribute(
            kind=integer(4, 6), put=False, default=REQUIRED, field="ip_version"
        ),
        "shared": Attribute(kind=boolean(), default=False, admin=True, sort=False),
    },
)


def create(w: Writing, given: dict[str, Any]) -> AddressScope:
    if given["ip_version"] == 5:
        raise invalid("5 is not in [4, 6]")
    quotas.check(w, "address_scope", given["project_id"])
    shared = given.pop("shared")
    scope = w.tx.put(AddressScope(id=new_id(), **given))
    sharing.set_for_everybody(w, "address_scope", scope, shared)
    return scope


def update(w: Writing, scope: AddressScope, given: dict[str, Any]) -> AddressScope:
    shared = given.pop("shared", None)
    if shared is False and sharing.granted(w.snapshot, scope.id, sharing.SHARED, ""):
        raise NeutronError(
            400,
            "AddressScopeUpdateError",
            f"Unable to update address scope {scope.id} : Shared address scope can't be unshared.",
        )
    if shared:
        sharing.set_for_everybody(w, "address_scope", scope, True)
    return w.tx.put(changed(scope, given))


def delete(w: Writing, scope: AddressScope) -> None:
    if w.snapshot.count_by(SubnetPool, "address_scope", scope.id):
        raise conflict(
            "AddressScopeInUse",
            f"Unable to complete operation on address scope {scope.id}. There are one or more "
            "subnet pools in use on the address scope.",
        )
    sharing.remove_policies(w, scope.id)
    w.tx.remove(scope)


def view(r: Reading, scopes: Sequence[AddressScope]) -> list[View]:
    return [
        {
            **standard(scope),
            "ip_version": scope.ip_version,
            "shared": sharing.is_shared(r.snapshot, r.context, scope),
        }
        for scope in scopes
    ]


def visible(snapshot: Snapshot, context: Context, scope: AddressScope) -> bool:
    return sharing.is_shared(snapshot, context, scope)


def may_fill(w: Writing, scope: AddressScope) -> bool:
    """Whether the asker's own prefixes may be in it: gateways let them out as they are. One that is
    shared with everybody is for those who take addresses from its owner's pools.
    """
    by_name = f"{sharing.SHARED}/{w.context.project_id}"
    own = w.context.is_admin or scope.project_id == w.context.project_id
    return own or w.snapshot.holder(f"rbac/{scope.id}", by_name) is not None


def others(snapshot: Snapshot, context: Context) -> Iterable[str]:
    return sharing.granted_ids(snapshot, context, "address_scope", sharing.SHARED)


RESOURCE = Resource(
    member="address_scope",
    collection="address_scopes",
    path="address-scopes",
    model=AddressScope,
    table=TABLE,
    missing=("AddressScopeNotFound", "Address scope {id} could not be found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    visible=visible,
    others=others,
    indexes={"name": "name", "project_id": "project"},
    taggable=False,
)
