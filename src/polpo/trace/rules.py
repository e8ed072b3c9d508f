"""Which rule of a port's security groups lets a packet pass."""

from polpo.compiler.policies import rules_of
from polpo.dataplane.frames import ICMP, ICMPV6
from polpo.dataplane.knowledge import covers, is_about
from polpo.dataplane.steps import Judged
from polpo.dataplane.tables import unpack_address
from polpo.model.port import Port
from polpo.model.security_group import SecurityGroupRule
from polpo.model.snapshot import Snapshot

NAMES = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp", 132: "sctp"}


def allowing(snapshot: Snapshot, port: Port, judged: Judged) -> SecurityGroupRule | None:
    """Of several, the first by id: it does not matter which."""
    rules = (
        rule
        for group in port.security_groups
        for rule in snapshot.by(SecurityGroupRule, "security_group", group)
    )
    return min((r for r in rules if _allows(snapshot, r, judged)), key=_id, default=None)


def _id(rule: SecurityGroupRule) -> str:
    return rule.id


def _allows(snapshot: Snapshot, rule: SecurityGroupRule, judged: Judged) -> bool:
    return any(
        row.ingress == judged.ingress
        and covers(row, judged.remote, judged.groups)
        and is_about(row, judged.what)
        for row in rules_of(snapshot, rule)
    )


def described(judged: Judged) -> str:
    """What was asked for: `tcp 443 from 10.0.0.5`."""
    what, side = judged.what, "from" if judged.ingress else "to"
    name = NAMES.get(what.protocol, f"protocol {what.protocol}")
    number = f" {what.destination_port}" if what.protocol not in (ICMP, ICMPV6) else ""
    return f"{name}{number} {side} {unpack_address(judged.remote)}"
