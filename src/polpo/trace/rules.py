"""Which rule of a port's security groups lets a packet pass, or does not."""

from polpo.compiler.policies import rules_of
from polpo.dataplane.frames import ICMP, ICMPV6
from polpo.dataplane.knowledge import covers, is_about
from polpo.dataplane.steps import Judged
from polpo.dataplane.tables import unpack_address
from polpo.dataplane.tiers import UNSAID, Action, deciding, verdict_of
from polpo.model.port import Port
from polpo.model.protocol import NAMES
from polpo.model.security_group import SecurityGroupRule, all_rules
from polpo.model.snapshot import Snapshot
from polpo.target.rows import Rule


def allowing(snapshot: Snapshot, port: Port, judged: Judged) -> SecurityGroupRule | None:
    """Of several, the first by id: it does not matter which."""
    return _first(snapshot, port, judged, Action.ALLOWS)


def denying(snapshot: Snapshot, port: Port, judged: Judged) -> SecurityGroupRule | None:
    """None where it is denied because no rule is about it."""
    return _first(snapshot, port, judged, Action.DENIES)


def _first(
    snapshot: Snapshot, port: Port, judged: Judged, action: Action
) -> SecurityGroupRule | None:
    """The rule that decides, if it decides that."""
    said = [
        (verdict_of(row), rule.id, rule)
        for group in port.security_groups
        for rule in all_rules(snapshot, group)
        for row in rules_of(snapshot, rule)
        if _is_about(row, judged)
    ]
    tier = deciding(verdict for verdict, _, _ in said)
    found = [(verdict[tier], id, rule) for verdict, id, rule in said if verdict[tier] != UNSAID]
    least, _, rule = min(found, key=lambda one: one[:2], default=(UNSAID, "", None))
    return rule if least & 3 == action else None


def _is_about(row: Rule, judged: Judged) -> bool:
    return (
        row.ingress == judged.ingress
        and covers(row, judged.remote, judged.groups)
        and is_about(row, judged.what)
    )


def described(judged: Judged) -> str:
    """What was asked for: `tcp 443 from 10.0.0.5`."""
    what, side = judged.what, "from" if judged.ingress else "to"
    name = NAMES.get(what.protocol, f"protocol {what.protocol}")
    number = f" {what.destination_port}" if what.protocol not in (ICMP, ICMPV6) else ""
    return f"{name}{number} {side} {unpack_address(judged.remote)}"
