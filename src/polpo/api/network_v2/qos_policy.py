"""QoS policies (Neutron API reference, "QoS policies"): the admin's, for projects to use."""

from collections.abc import Iterable, Sequence
from typing import Any

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2 import qos_rule_view, sharing
from polpo.api.network_v2.attributes import Attribute, shown, table
from polpo.api.network_v2.errors import conflict, forbidden
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed, standard
from polpo.api.network_v2.values import boolean
from polpo.model.network import Network
from polpo.model.object import Owned
from polpo.model.port import Port
from polpo.model.qos import QosPolicy
from polpo.model.router import FloatingIP
from polpo.model.snapshot import Snapshot

USERS: tuple[tuple[str, type[Owned]], ...] = (
    ("network", Network),
    ("port", Port),
    ("floating IP", FloatingIP),
)

TABLE = table(
    "policy",
    {
        "shared": Attribute(kind=boolean(), default=False, sort=False),
        "is_default": Attribute(kind=boolean(), default=False, field="is_default"),
        "rules": shown(filter=False, sort=False),
    },
)


def create(w: Writing, given: dict[str, Any]) -> QosPolicy:
    if not w.context.is_admin:
        raise forbidden("create_policy")
    shared = given.pop("shared")
    policy = QosPolicy(id=new_id(), **given)
    _check_default(w, policy)
    policy = w.tx.put(policy)
    sharing.set_for_everybody(w, "qos_policy", policy, shared)
    return policy


def update(w: Writing, policy: QosPolicy, given: dict[str, Any]) -> QosPolicy:
    shared = given.pop("shared", None)
    after = changed(policy, given)
    _check_default(w, after)
    if shared is not None:
        sharing.set_for_everybody(w, "qos_policy", policy, shared)
    return w.tx.put(after)


def _check_default(w: Writing, policy: QosPolicy) -> None:
    holder = w.snapshot.holder("default-qos-policy", policy.project_id)
    if policy.is_default and holder not in (None, policy.id):
        raise conflict(
            "QoSPolicyDefaultAlreadyExists",
            f"A default QoS policy exists for project {policy.project_id}.",
        )


def delete(w: Writing, policy: QosPolicy) -> None:
    for what, cls in USERS:
        user = next(iter(w.snapshot.by(cls, "qos_policy", policy.id)), None)
        if user is not None:
            raise conflict("QosPolicyInUse", f"QoS Policy {policy.id} is used by {what} {user.id}.")
    sharing.remove_policies(w, policy.id)
    w.tx.remove(policy)


def view(r: Reading, policies: Sequence[QosPolicy]) -> list[View]:
    return [
        {
            **standard(policy),
            "shared": sharing.is_shared(r.snapshot, r.context, policy),
            "is_default": policy.is_default,
            "rules": [qos_rule_view.inside(policy, rule) for rule in policy.rules],
        }
        for policy in policies
    ]


def visible(snapshot: Snapshot, context: Context, policy: QosPolicy) -> bool:
    return sharing.is_shared(snapshot, context, policy)


def others(snapshot: Snapshot, context: Context) -> Iterable[str]:
    return sharing.granted_ids(snapshot, context, "qos_policy", sharing.SHARED)


def _admin_only(snapshot: Snapshot, context: Context, policy: QosPolicy) -> bool:
    return context.is_admin


RESOURCE = Resource(
    member="policy",
    collection="policies",
    path="qos/policies",
    model=QosPolicy,
    table=TABLE,
    missing=("QosPolicyNotFound", "QoS policy {id} could not be found."),
    view=view,
    create=create,
    update=update,
    delete=delete,
    visible=visible,
    others=others,
    may_update=_admin_only,
    may_delete=_admin_only,
    indexes={"name": "name", "project_id": "project"},
)
