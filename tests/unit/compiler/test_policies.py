"""Security groups as policies: Neutron's words become numbers, equal sets become one."""

from typing import Any

import pytest

from polpo.compiler.policies import policy
from polpo.model.security_group import AddressGroup, SecurityGroupRule
from polpo.model.snapshot import Snapshot
from polpo.target.rows import Rule


def rule(number: int = 1, group: str = "g", **fields: Any) -> SecurityGroupRule:
    given = {"direction": "ingress", "ethertype": "IPv4"} | fields
    return SecurityGroupRule(id=f"R{number}", security_group_id=group, **given)


def rules_of(*rules: SecurityGroupRule, book: AddressGroup | None = None) -> tuple[Rule, ...]:
    found = policy(Snapshot.of([*rules, *([book] if book else [])], 1), ("g",))
    return found.rules if found is not None else ()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Rule(ingress=True, family=4)),
        ({"direction": "egress", "ethertype": "IPv6"}, Rule(ingress=False, family=6)),
        ({"protocol": "tcp"}, Rule(ingress=True, family=4, protocol=6)),
        ({"protocol": "6"}, Rule(ingress=True, family=4, protocol=6)),
        ({"protocol": "icmp", "ethertype": "IPv6"}, Rule(ingress=True, family=6, protocol=58)),
        ({"protocol": "icmpv6", "ethertype": "IPv6"}, Rule(ingress=True, family=6, protocol=58)),
        ({"protocol": "ipv6-icmp", "ethertype": "IPv6"}, Rule(ingress=True, family=6, protocol=58)),
        (
            {"protocol": "udp", "port_range_min": 53, "port_range_max": 53},
            Rule(ingress=True, family=4, protocol=17, low=53, high=53),
        ),
        (
            {"protocol": "tcp", "port_range_min": 80},
            Rule(ingress=True, family=4, protocol=6, low=80, high=80),
        ),
        (
            {"protocol": "icmp", "port_range_min": 8},
            Rule(ingress=True, family=4, protocol=1, low=8),
        ),
        ({"remote_ip_prefix": "10.1.2.3/16"}, Rule(ingress=True, family=4, prefix="10.1.0.0/16")),
        ({"remote_ip_prefix": "0.0.0.0/0"}, Rule(ingress=True, family=4)),
        ({"remote_group_id": "other"}, Rule(ingress=True, family=4, group="other")),
    ],
)
def test_a_rule_in_numbers(given: dict[str, Any], expected: Rule) -> None:
    assert rules_of(rule(**given)) == (expected,)


def test_an_address_group_is_its_prefixes_of_the_rules_family() -> None:
    book = AddressGroup(id="A", addresses=("10.1.0.0/16", "2001:db8::/32", "192.0.2.1/32"))
    v4 = rules_of(rule(remote_address_group_id="A"), book=book)
    assert {r.prefix for r in v4} == {"10.1.0.0/16", "192.0.2.1/32"}
    v6 = rules_of(rule(remote_address_group_id="A", ethertype="IPv6"), book=book)
    assert [r.prefix for r in v6] == ["2001:db8::/32"]


def test_an_empty_address_group_lets_nothing_pass() -> None:
    assert rules_of(rule(remote_address_group_id="A"), book=AddressGroup(id="A")) == ()
    assert rules_of(rule(remote_address_group_id="gone")) == ()


def test_a_policy_goes_by_its_groups_and_its_rules_by_their_content() -> None:
    tcp, udp = {"protocol": "tcp"}, {"protocol": "17"}
    snapshot = Snapshot.of(
        [
            rule(1, "a", **tcp),
            rule(2, "a", **udp),
            rule(3, "b", protocol="udp"),
            rule(4, "c", protocol="6"),
        ],
        1,
    )
    whole, parts, half = (policy(snapshot, groups) for groups in (("a",), ("b", "c"), ("b",)))
    assert whole is not None
    assert parts is not None
    assert half is not None
    assert whole.rules == parts.rules != half.rules
    assert len({0, whole.number, parts.number, half.number}) == 4
    more = policy(snapshot.put(rule(5, "a")), ("a",))
    assert more
    assert (more.number, len(more.rules)) == (whole.number, 3)


def test_groups_without_rules_need_no_policy() -> None:
    assert policy(Snapshot(), ("g",)) is None
    assert policy(Snapshot(), ()) is None
