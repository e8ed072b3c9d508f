"""RBAC policies (Neutron API reference, "RBAC policies"): sharing objects with other projects."""

from collections.abc import Sequence
from typing import Any

import msgspec

from polpo.api.identifier import new_id
from polpo.api.network_v2 import quotas, sharing, values
from polpo.api.network_v2.attributes import REQUIRED, Attribute, table
from polpo.api.network_v2.errors import bad_request, forbidden, invalid, not_found
from polpo.api.network_v2.resource import Reading, Resource, View, Writing
from polpo.api.network_v2.values import Kind, text
from polpo.model.network import Network
from polpo.model.sharing import RbacPolicy

ACTIONS = {"network": (sharing.SHARED, sharing.EXTERNAL)}


def _object_type() -> Kind:
    def read(value: Any) -> str:
        word = value.strip().lower() if isinstance(value, str) else ""
        if word not in sharing.TYPES:
            raise invalid(f"'{value}' is not a valid RBAC object type")
        return word

    return Kind(read, {"enum": list(sharing.TYPES)})


def _target() -> Kind:
    """A project's id, or `*` for everybody."""

    def read(value: Any) -> str:
        if value != sharing.EVERYBODY and not values.is_uuid(value):
            raise invalid(f"'{value}' is not a valid target project ID; expected a UUID or '*'")
        return str(value)

    return Kind(read, {"type": "string"})


_EITHER = Attribute(kind=_target(), field="target_tenant")

TABLE = table(
    "rbac_policy",
    {
        "name": Attribute(post=False, put=False, filter=False, sort=False),
        "description": Attribute(post=False, put=False, filter=False, sort=False),
        "object_type": Attribute(
            kind=_object_type(), put=False, default=REQUIRED, field="object_type"
        ),
        "object_id": Attribute(kind=values.uuid(), put=False, default=REQUIRED, field="object_id"),
        "action": Attribute(kind=text(255), put=False, default=REQUIRED, field="action"),
        "target_tenant": _EITHER,
        "target_project": _EITHER,
    },
)


def create(w: Writing, given: dict[str, Any]) -> RbacPolicy:
    _take_target(given)
    if "target_tenant" not in given:
        raise bad_request(
            "Failed to parse request. Required attribute 'target_tenant' not specified"
        )
    kind = given["object_type"]
    if given["action"] not in ACTIONS.get(kind, (sharing.SHARED,)):
        raise invalid(f"Action '{given['action']}' is not valid for object type '{kind}'")
    obj: Any = w.snapshot.get(sharing.TYPES[kind], given["object_id"])
    if obj is None or not (w.context.is_admin or obj.project_id == w.context.project_id):
        raise not_found(
            "RbacPolicyNotFound",
            f"RBAC policy of type {kind} with ID {given['object_id']} not found",
        )
    _check_wildcard(w, given, "create")
    quotas.check(w, "rbac_policy", given["project_id"])
    policy = w.tx.put(RbacPolicy(id=new_id(), **given))
    _mark_external(w, policy, True)
    return policy


def update(w: Writing, policy: RbacPolicy, given: dict[str, Any]) -> RbacPolicy:
    _take_target(given)
    _check_wildcard(w, given, "update")
    after = w.tx.put(msgspec.structs.replace(policy, **given))
    sharing.check_nobody_stranded(w, policy)
    return after


def delete(w: Writing, policy: RbacPolicy) -> None:
    w.tx.remove(policy)
    sharing.check_nobody_stranded(w, policy)
    _mark_external(w, policy, False)


def _take_target(given: dict[str, Any]) -> None:
    """Two names of one thing, as `tenant_id` and `project_id` are."""
    project = given.pop("target_project", None)
    if project is not None:
        given["target_tenant"] = project


def _check_wildcard(w: Writing, given: dict[str, Any], verb: str) -> None:
    if given.get("target_tenant") == sharing.EVERYBODY and not w.context.is_admin:
        raise forbidden(f"{verb}_rbac_policy", f"{verb}_rbac_policy:target_tenant")
    if given.get("action") == sharing.EXTERNAL and not w.context.is_admin:
        raise forbidden(f"{verb}_rbac_policy", f"{verb}_rbac_policy:action")


def _mark_external(w: Writing, policy: RbacPolicy, made: bool) -> None:
    """A network is external while it is so for anybody."""
    network = w.snapshot.get(Network, policy.object_id)
    if network is None or policy.action != sharing.EXTERNAL:
        return
    left = w.snapshot.by(RbacPolicy, "object", network.id)
    external = made or any(p.action == sharing.EXTERNAL for p in left)
    if network.external != external:
        w.tx.put(msgspec.structs.replace(network, external=external))


def view(r: Reading, policies: Sequence[RbacPolicy]) -> list[View]:
    return [_view(policy) for policy in policies]


def _view(policy: RbacPolicy) -> View:
    return {
        "id": policy.id,
        "project_id": policy.project_id,
        "tenant_id": policy.project_id,
        "object_type": policy.object_type,
        "object_id": policy.object_id,
        "action": policy.action,
        "target_tenant": policy.target_tenant,
        "target_project": policy.target_tenant,
    }


RESOURCE = Resource(
    member="rbac_policy",
    collection="rbac_policies",
    path="rbac-policies",
    model=RbacPolicy,
    table=TABLE,
    missing=("RbacPolicyNotFound", "RBAC policy of type rbac_policy with ID {id} not found"),
    view=view,
    create=create,
    update=update,
    delete=delete,
    indexes={"project_id": "project", "object_id": "object"},
    taggable=False,
)
