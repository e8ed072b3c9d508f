"""L7 rules (Octavia API reference, "L7 Rules")."""

import re
from collections.abc import Sequence
from typing import Any

from polpo.api.identifier import new_id
from polpo.api.loadbalancer_v2 import quotas, regex, tree
from polpo.api.loadbalancer_v2.errors import invalid
from polpo.api.loadbalancer_v2.fields import octavia_table, optional, printable, token
from polpo.api.loadbalancer_v2.views import look
from polpo.api.network_v2 import values
from polpo.api.network_v2.attributes import REQUIRED, Attribute, shown
from polpo.api.network_v2.resource import Reading, Resource, View, Writing, changed
from polpo.model.load_balancer import L7Policy, L7Rule

COMPARED = ("REGEX", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "EQUAL_TO")
TYPES = {
    "HOST_NAME": COMPARED,
    "PATH": COMPARED,
    "FILE_TYPE": ("REGEX", "EQUAL_TO"),
    "HEADER": COMPARED,
    "COOKIE": COMPARED,
    "SSL_CONN_HAS_CERT": ("EQUAL_TO",),
    "SSL_VERIFY_RESULT": ("EQUAL_TO",),
    "SSL_DN_FIELD": COMPARED,
}
"""What each may be compared by."""
KEYED = ("HEADER", "COOKIE", "SSL_DN_FIELD")
MOST = 50
"""Rules of a policy, as in Octavia."""

TABLE = octavia_table(
    "rule",
    {
        "l7policy_id": shown(values.uuid(), field="l7policy_id"),
        "type": Attribute(kind=values.one_of(*TYPES), default=REQUIRED, field="type"),
        "compare_type": Attribute(
            kind=values.one_of(*COMPARED), default=REQUIRED, field="compare_type"
        ),
        "value": Attribute(kind=printable(), default=REQUIRED, field="value"),
        "key": optional(token(), "", field="key"),
        "invert": optional(values.boolean(), False, field="invert"),
    },
)


def create(w: Writing, policy: L7Policy, given: dict[str, Any]) -> L7Rule:
    quotas.check(w, "l7rule", policy.project_id)
    if w.snapshot.count_by(L7Rule, "l7policy", policy.id) >= MOST:
        raise invalid(f"L7 policy {policy.id} has {MOST} rules, and may have no more.")
    given["project_id"] = policy.project_id
    of: dict[str, Any] = {"load_balancer_id": policy.load_balancer_id, "l7policy_id": policy.id}
    return _put(w, L7Rule(id=new_id(), **of, **given))


def update(w: Writing, rule: L7Rule, given: dict[str, Any]) -> L7Rule:
    after = changed(rule, given)
    return _put(w, after) if after is not rule else rule


def _put(w: Writing, rule: L7Rule) -> L7Rule:
    check(rule)
    rule = w.tx.put(rule)
    tree.touch(w, rule.load_balancer_id)
    return rule


def check(rule: L7Rule) -> None:
    if rule.compare_type not in TYPES[rule.type]:
        raise invalid(f"Rules of type {rule.type} cannot be compared by {rule.compare_type}.")
    if rule.type in KEYED and not rule.key:
        raise invalid(f"Rules of type {rule.type} require a key.")
    if rule.type not in KEYED and rule.key:
        raise invalid(f"Rules of type {rule.type} have no key.")
    if rule.type == "SSL_CONN_HAS_CERT" and rule.value.lower() != "true":
        raise invalid("L7rule value should be 'True' when type is SSL_CONN_HAS_CERT.")
    if rule.type == "SSL_VERIFY_RESULT" and not re.fullmatch(r"[0-9]{1,5}", rule.value):
        raise invalid("L7rule value should be an error number when type is SSL_VERIFY_RESULT.")
    if rule.compare_type == "REGEX":
        try:
            regex.check(rule.value)
        except ValueError as error:
            raise invalid(f"{error}.") from error


def delete(w: Writing, rule: L7Rule) -> None:
    w.tx.remove(rule)
    tree.touch(w, rule.load_balancer_id)


def view(r: Reading, rules: Sequence[L7Rule]) -> list[View]:
    seen = look(r, rules)
    return [{**seen.standard(rule), **_own(rule)} for rule in rules]


def _own(rule: L7Rule) -> View:
    """Rules have no name."""
    return {
        "type": rule.type,
        "compare_type": rule.compare_type,
        "value": rule.value,
        "key": rule.key or None,
        "invert": rule.invert,
    }


RESOURCE = Resource(
    member="rule",
    collection="rules",
    path="rules",
    model=L7Rule,
    table=TABLE,
    missing=("NotFound", "L7 Rule {id} not found."),
    view=view,
    update=update,
    delete=delete,
    indexes={"l7policy_id": "l7policy", "project_id": "project"},
)
