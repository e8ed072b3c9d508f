"""Security group rules (Neutron API reference, "Security group rules")."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from polpo.api.context import Context
from polpo.api.identifier import new_id
from polpo.api.network_v2 import quotas, rule_checks, sharing, values
from polpo.api.network_v2.attributes import REQUIRED, Attribute, shown, table
from polpo.api.network_v2.errors import conflict, forbidden, not_found
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, standard
from polpo.api.network_v2.values import nullable, one_of
from polpo.model.security_group import AddressGroup, SecurityGroup, SecurityGroupRule
from polpo.model.snapshot import Snapshot

TABLE = table(
    "security_group_rule",
    {
        "name": Attribute(post=False, put=False, filter=False, sort=False),
        "security_group_id": Attribute(
            kind=values.uuid(), put=False, default=REQUIRED, field="security_group_id"
        ),
        "direction": Attribute(
            kind=one_of("ingress", "egress"), put=False, default=REQUIRED, field="direction"
        ),
        "ethertype": Attribute(
            kind=rule_checks.ethertype(), put=False, default="IPv4", field="ethertype"
        ),
        "protocol": Attribute(
            kind=rule_checks.protocol(), put=False, default=None, field="protocol"
        ),
        "port_range_min": Attribute(
            kind=rule_checks.port(), put=False, default=None, field="port_range_min"
        ),
        "port_range_max": Attribute(
            kind=rule_checks.port(), put=False, default=None, field="port_range_max"
        ),
        "remote_ip_prefix": Attribute(
            kind=rule_checks.remote_prefix(), put=False, default=None, field="remote_ip_prefix"
        ),
        "remote_group_id": Attribute(
            kind=nullable(values.uuid()), put=False, default=None, field="remote_group_id"
        ),
        "remote_address_group_id": Attribute(
            kind=nullable(values.uuid()), put=False, default=None, field="remote_address_group_id"
        ),
        "normalized_cidr": shown(values.text(), sort=False),
        "belongs_to_default_sg": shown(values.boolean(), sort=False),
    },
)


def create(w: Writing, given: dict[str, Any]) -> SecurityGroupRule:
    group = _group(w, given["security_group_id"])
    if not w.context.is_admin and group.project_id != w.context.project_id:
        raise forbidden("create_security_group_rule")
    _check_remotes(w, given)
    quotas.check(w, "security_group_rule", given["project_id"])
    rule = rule_checks.canonical(SecurityGroupRule(id=new_id(), **given))
    rule_checks.check(rule)
    rule = w.tx.put(rule)
    _touch(w, group.id)
    return rule


def update(w: Writing, rule: SecurityGroupRule, given: dict[str, Any]) -> SecurityGroupRule:
    """Only the description may change."""
    return w.tx.put(msgspec.structs.replace(rule, **given))


def delete(w: Writing, rule: SecurityGroupRule) -> None:
    w.tx.remove(rule)
    _touch(w, rule.security_group_id)


def create_together(w: Writing, many: Sequence[dict[str, Any]]) -> None:
    """Neutron's limits on a bulk of rules."""
    if len({given["security_group_id"] for given in many}) > 1:
        raise rule_checks.refused(
            "SecurityGroupNotSingleGroupRules",
            "Only allowed to update rules for one security profile at a time",
        )
    if len({given["project_id"] for given in many}) > 1:
        raise rule_checks.refused(
            "SecurityGroupRulesNotSingleProject",
            "Multiple project_ids in bulk security group rule create not allowed",
        )


def _group(w: Writing, id: str) -> SecurityGroup:
    group = w.snapshot.get(SecurityGroup, id)
    seen = group is not None and (
        w.context.is_admin
        or group.project_id == w.context.project_id
        or sharing.is_shared(w.snapshot, w.context, group)
    )
    if group is None or not seen:
        raise not_found("SecurityGroupNotFound", f"Security group {id} does not exist")
    return group


def _check_remotes(w: Writing, given: dict[str, Any]) -> None:
    if given["remote_group_id"]:
        _group(w, given["remote_group_id"])
    if id := given["remote_address_group_id"]:
        book = w.snapshot.get(AddressGroup, id)
        if book is None or not _may_use(w, book):
            raise not_found("AddressGroupNotFound", f"Address group {id} could not be found.")


def _may_use(w: Writing, book: AddressGroup) -> bool:
    own = w.context.is_admin or book.project_id == w.context.project_id
    return own or sharing.is_shared(w.snapshot, w.context, book)


def _touch(w: Writing, group_id: str) -> None:
    """A group's revision moves with its rules."""
    group = w.snapshot.get(SecurityGroup, group_id)
    if group is None:
        raise conflict("SecurityGroupNotFound", f"Security group {group_id} does not exist")
    w.tx.put(group)


def view(r: Reading, rules: Sequence[SecurityGroupRule]) -> list[View]:
    return [_view(r, rule) for rule in rules]


def _view(r: Reading, rule: SecurityGroupRule) -> View:
    group = r.snapshot.get(SecurityGroup, rule.security_group_id)
    answer = {
        **standard(rule),
        "security_group_id": rule.security_group_id,
        "direction": rule.direction,
        "ethertype": rule.ethertype,
        "protocol": rule.protocol,
        "port_range_min": rule.port_range_min,
        "port_range_max": rule.port_range_max,
        "remote_ip_prefix": rule.remote_ip_prefix,
        "remote_group_id": rule.remote_group_id,
        "remote_address_group_id": rule.remote_address_group_id,
        "normalized_cidr": rule_checks.normalized(rule.remote_ip_prefix),
        "belongs_to_default_sg": group is not None and group.is_default,
    }
    del answer["name"]
    return answer


def visible(snapshot: Snapshot, context: Context, rule: SecurityGroupRule) -> bool:
    """The group's owner sees all its rules."""
    group = snapshot.get(SecurityGroup, rule.security_group_id)
    return group is not None and group.project_id == context.project_id


def others(snapshot: Snapshot, context: Context) -> Iterable[str]:
    for group in snapshot.by(SecurityGroup, "project", context.project_id):
        yield from (r.id for r in snapshot.by(SecurityGroupRule, "security_group", group.id))


RESOURCE = Resource(
    member="security_group_rule",
    collection="security_group_rules",
    path="security-group-rules",
    model=SecurityGroupRule,
    table=TABLE,
    missing=("SecurityGroupRuleNotFound", "Security group rule {id} does not exist"),
    view=view,
    create=create,
    update=update,
    delete=delete,
    visible=visible,
    others=others,
    may_update=visible,
    may_delete=visible,
    check_together=create_together,
    indexes={
        "project_id": "project",
        "security_group_id": "security_group",
        "remote_group_id": "remote_group",
        "remote_address_group_id": "remote_address_group",
    },
    taggable=False,
)
