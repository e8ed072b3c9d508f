"""Rules of QoS policies (Neutron API reference, "QoS bandwidth limit rules" and the following).

`/qos/policies/{id}/bandwidth_limit_rules`, and for those who know only the rule's id
`/qos/alias_bandwidth_limit_rules/{id}`; the same for the other types.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from polpo.api.identifier import new_id
from polpo.api.network_v2 import qos_policy, qos_rule_view
from polpo.api.network_v2.attributes import REQUIRED, Attribute, Table, child_table
from polpo.api.network_v2.children import Child, handle_one
from polpo.api.network_v2.collection import Answer, Call
from polpo.api.network_v2.errors import conflict, not_found
from polpo.api.network_v2.resource import Writing
from polpo.api.network_v2.values import LARGEST_INT, Kind, integer, one_of
from polpo.model.qos import (
    EGRESS,
    INGRESS,
    BandwidthLimit,
    MinimumBandwidth,
    QosPolicy,
    QosRule,
)

DSCP_MARKS = (0, *range(8, 42, 2), 44, 46, 48, 56)
"""Class selectors, assured and expedited forwarding, voice admit (RFC 2474, 2597, 3246, 5865)."""

_KBPS = integer(0, LARGEST_INT)
_DIRECTION = Attribute(kind=one_of(EGRESS, INGRESS), default=EGRESS)
_MISSING = ("QosRuleNotFound", "QoS rule {id} for policy {parent} could not be found.")


def _dscp_mark() -> Kind:
    number = integer(0, 63)

    def read(value: Any) -> int:
        mark: int = number.read(value)
        if mark not in DSCP_MARKS:
            raise ValueError(f"'{mark}' is not in {list(DSCP_MARKS)}")
        return mark

    return Kind(read, {"enum": list(DSCP_MARKS)}, number.query)


ATTRIBUTES: Mapping[str, dict[str, Attribute]] = {
    "bandwidth_limit": {
        "max_kbps": Attribute(kind=_KBPS, default=REQUIRED),
        "max_burst_kbps": Attribute(kind=_KBPS, default=0),
        "direction": _DIRECTION,
    },
    "dscp_marking": {"dscp_mark": Attribute(kind=_dscp_mark(), default=REQUIRED)},
    "minimum_bandwidth": {
        "min_kbps": Attribute(kind=_KBPS, default=REQUIRED),
        "direction": _DIRECTION,
    },
}
"""By the type's name."""


def _put(w: Writing, policy: QosPolicy, rule: QosRule) -> QosRule:
    others = [r for r in policy.rules if r.id != rule.id]
    for other in others:
        _check_pair(policy, rule, other)
    before = {r.id: r for r in policy.rules}
    rules = tuple({**before, rule.id: rule}.values())
    w.tx.put(msgspec.structs.replace(policy, rules=rules))
    return rule


def _check_pair(policy: QosPolicy, new: QosRule, other: QosRule) -> None:
    """One rule of a type and direction, and no promise that a limit breaks."""
    if getattr(new, "direction", None) != getattr(other, "direction", None):
        return
    if type(new) is type(other):
        raise conflict(
            "QoSRulesConflict",
            f"Rule {qos_rule_view.type_of(new)} conflicts with rule {other.id} which already "
            f"exists in QoS Policy {policy.id}.",
        )
    limits = {type(rule): rule for rule in (new, other)}
    most, least = limits.get(BandwidthLimit), limits.get(MinimumBandwidth)
    if isinstance(most, BandwidthLimit) and isinstance(least, MinimumBandwidth):
        if least.min_kbps <= most.max_kbps:
            return
        value, held = most.max_kbps, least.min_kbps
        if new is least:
            value, held = held, value
        raise conflict(
            "QoSRuleParameterConflict",
            f"Unable to add the rule with value {value} to the policy {policy.id} as the existing "
            f"rule of type {qos_rule_view.type_of(other)} restricts the bandwidth to {held}.",
        )


def _delete(w: Writing, policy: QosPolicy, rule: QosRule) -> None:
    left = tuple(r for r in policy.rules if r.id != rule.id)
    w.tx.put(msgspec.structs.replace(policy, rules=left))


def _update(w: Writing, policy: QosPolicy, rule: QosRule, given: dict[str, Any]) -> QosRule:
    return _put(w, policy, msgspec.structs.replace(rule, **given))


def _creator(cls: type[QosRule]) -> Callable[[Writing, QosPolicy, dict[str, Any]], QosRule]:
    return lambda w, policy, given: _put(w, policy, cls(id=new_id(), **given))


def _of(cls: type[QosRule]) -> Callable[[QosPolicy], list[QosRule]]:
    return lambda policy: [rule for rule in policy.rules if isinstance(rule, cls)]


def _table(name: str) -> Table:
    return child_table(f"policy_{name}_rule", ATTRIBUTES[name])


CHILDREN = tuple(
    Child(
        parent=qos_policy.RESOURCE,
        member=f"{name}_rule",
        collection=f"{name}_rules",
        table=_table(name),
        missing=_MISSING,
        of=_of(cls),
        view=qos_rule_view.view,
        create=_creator(cls),
        update=_update,
        delete=_delete,
    )
    for name, cls in qos_rule_view.TYPES.items()
)

ALIASES: Mapping[str, Child] = {f"qos/alias_{kind.collection}": kind for kind in CHILDREN}
"""By path."""


async def handle_alias(kind: Child, call: Call, id: str) -> Answer:
    """GET, PUT, DELETE of a rule whose policy one does not know."""
    snapshot = call.reading().snapshot
    for policy in snapshot.by(QosPolicy, "rule", id):
        if not qos_policy.RESOURCE.may_see(snapshot, call.context, policy):
            break
        return await handle_one(kind, call, policy.id, id)
    raise not_found("QosRuleNotFound", f"QoS rule {id} for policy None could not be found.")
