"""Security groups (Neutron API reference, "Security groups")."""

from collections.abc import Iterable, Sequence
from typing import Any

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2 import default_group, quotas, sharing
from polpo.api.network_v2 import security_group_rule as rules
from polpo.api.network_v2.attributes import Attribute, shown, table
from polpo.api.network_v2.errors import conflict
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed, standard
from polpo.api.network_v2.values import Kind, boolean, text
from polpo.model.port import Port
from polpo.model.security_group import SecurityGroup, SecurityGroupRule, all_rules
from polpo.model.snapshot import Snapshot


def _group_name() -> Kind:
    """Any string but that of the project's own default group."""
    string = text(255)

    def read(value: Any) -> str:
        value = string.read(value)
        if value.lower() == "default":
            raise conflict(
                "SecurityGroupDefaultAlreadyExists", "Default security group already exists."
            )
        return str(value)

    return Kind(read, string.schema)


TABLE = table(
    "security_group",
    {
        "name": Attribute(kind=_group_name(), default="", field="name"),
        "stateful": Attribute(kind=boolean(), default=True, field="stateful"),
        "shared": shown(boolean(), sort=False),
        "security_group_rules": shown(filter=False, sort=False),
    },
)


def create(w: Writing, given: dict[str, Any]) -> SecurityGroup:
    default_group.ensure(w, given["project_id"])
    quotas.check(w, "security_group", given["project_id"])
    group = w.tx.put(SecurityGroup(id=new_id(), **given))
    default_group.add_first_rules(w, group)
    return group


def update(w: Writing, group: SecurityGroup, given: dict[str, Any]) -> SecurityGroup:
    if group.is_default and "name" in given:
        raise conflict(
            "SecurityGroupCannotUpdateDefault", "Updating default security group not allowed."
        )
    if given.get("stateful", group.stateful) != group.stateful:
        _check_unused(w, group)
    return w.tx.put(changed(group, given))


def delete(w: Writing, group: SecurityGroup) -> None:
    _check_unused(w, group)
    if group.is_default and not w.context.is_admin:
        raise conflict(
            "SecurityGroupCannotRemoveDefault",
            "Insufficient rights for removing default security group.",
        )
    for index in ("security_group", "remote_group"):
        for rule in list(all_rules(w.snapshot, group.id, index)):
            w.tx.remove(rule)
    sharing.remove_policies(w, group.id)
    w.tx.remove(group)


def _check_unused(w: Writing, group: SecurityGroup) -> None:
    if w.snapshot.count_by(Port, "security_group", group.id):
        raise conflict("SecurityGroupInUse", f"Security Group {group.id} in use.")


def view(r: Reading, groups: Sequence[SecurityGroup]) -> list[View]:
    return [_view(r, group) for group in groups]


def _view(r: Reading, group: SecurityGroup) -> View:
    own = sorted(
        r.snapshot.by(SecurityGroupRule, "security_group", group.id),
        key=lambda rule: (rule.created_at, rule.id),
    )
    return {
        **standard(group),
        "stateful": group.stateful,
        "shared": sharing.is_shared(r.snapshot, r.context, group),
        "security_group_rules": rules.view(r, own),
    }


def visible(snapshot: Snapshot, context: Context, group: SecurityGroup) -> bool:
    return sharing.is_shared(snapshot, context, group)


def others(snapshot: Snapshot, context: Context) -> Iterable[str]:
    return sharing.granted_ids(snapshot, context, "security_group", sharing.SHARED)


RESOURCE = Resource(
    member="security_group",
    collection="security_groups",
    path="security-groups",
    model=SecurityGroup,
    table=TABLE,
    missing=("SecurityGroupNotFound", "Security group {id} does not exist"),
    view=view,
    create=create,
    update=update,
    delete=delete,
    visible=visible,
    others=others,
    indexes={"name": "name", "project_id": "project"},
)
