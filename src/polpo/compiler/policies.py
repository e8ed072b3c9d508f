"""Security groups to a policy: the rules of all groups of a port, as one sorted set."""

from collections.abc import Iterator
from ipaddress import ip_network

import msgspec
from msgspec.structs import replace

from polpo.compiler.numbers import Groups, groups_number
from polpo.model.protocol import ICMP, ICMPV6, number
from polpo.model.security_group import AddressGroup, SecurityGroupRule, TieredRule, all_rules
from polpo.model.snapshot import Snapshot
from polpo.target.rows import Policy, Rule

_encode = msgspec.json.encode


def policy(snapshot: Snapshot, groups: Groups) -> Policy | None:
    """None where the groups let nothing pass: that needs no row."""
    rules = {_encode(rule): rule for group in groups for rule in _group_rules(snapshot, group)}
    if not rules:
        return None
    return Policy(number=groups_number(groups), rules=tuple(rules[text] for text in sorted(rules)))


def _group_rules(snapshot: Snapshot, group: str) -> Iterator[Rule]:
    for rule in all_rules(snapshot, group):
        yield from rules_of(snapshot, rule)


def rules_of(snapshot: Snapshot, rule: SecurityGroupRule) -> Iterator[Rule]:
    """What one rule of a security group comes to."""
    for prefix in _prefixes(snapshot, rule):
        yield _rule(rule, prefix)


def _prefixes(snapshot: Snapshot, rule: SecurityGroupRule) -> list[str | None]:
    """The remote prefixes that the rule speaks of; [None] where it names none.

    An address group without addresses of the rule's family lets nothing pass.
    """
    if rule.remote_address_group_id is None:
        return [_canonical(rule.remote_ip_prefix)]
    book = snapshot.get(AddressGroup, rule.remote_address_group_id)
    addresses = book.addresses if book is not None else ()
    return [_canonical(a) for a in addresses if (":" in a) == (_family(rule) == 6)]


def _canonical(prefix: str | None) -> str | None:
    """A prefix of length 0 is "any", which has one spelling."""
    if prefix is None:
        return None
    network = ip_network(prefix, strict=False)
    return str(network) if network.prefixlen else None


def _family(rule: SecurityGroupRule) -> int:
    return 6 if rule.ethertype.lower() == "ipv6" else 4


def _rule(rule: SecurityGroupRule, prefix: str | None) -> Rule:
    family = _family(rule)
    protocol = number(rule.protocol, rule.ethertype)
    low, high = rule.port_range_min, rule.port_range_max
    if protocol not in (ICMP, ICMPV6):
        low, high = _range(low, high)
    plain = Rule(
        ingress=rule.direction == "ingress",
        family=family,
        protocol=protocol,
        low=low,
        high=high,
        prefix=prefix,
        group=rule.remote_group_id,
    )
    if isinstance(rule, TieredRule):
        return replace(plain, action=rule.action, tier=rule.tier, order=rule.order)
    return plain


def _range(low: int | None, high: int | None) -> tuple[int | None, int | None]:
    """One end alone means that one port."""
    return (high if low is None else low), (low if high is None else high)
