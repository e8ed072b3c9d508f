"""Rules as prefixes: ports, addresses, classes."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from polpo.dataplane.policies import (
    by_group,
    class_of,
    peer_entries,
    policy_entries,
    port_prefixes,
    what_of,
)
from polpo.dataplane.tables import CLASS_KEY, PREFIX_KEY, VERDICT
from polpo.dataplane.tiers import PLAIN, UNSAID, Action
from polpo.target.rows import ADMIN, BASELINE, GroupSet, Policy, Rule

PORTS = st.integers(0, 65535)


@given(PORTS, PORTS)
def test_a_port_range_is_made_up_of_prefixes_without_gap_or_overlap(one: int, other: int) -> None:
    low, high = sorted((one, other))
    expected = low
    for port, length in port_prefixes(low, high):
        assert port == expected
        assert port % (1 << (16 - length)) == 0
        expected += 1 << (16 - length)
    assert expected == high + 1
    assert len(list(port_prefixes(low, high))) <= 30


def test_all_ports_are_one_prefix() -> None:
    assert list(port_prefixes(0, 65535)) == [(0, 0)]


def test_a_longer_prefix_allows_what_the_shorter_ones_around_it_do() -> None:
    web = Rule(ingress=True, family=4, protocol=6, low=80, high=80, prefix="10.0.0.0/8")
    ssh = Rule(ingress=True, family=4, protocol=6, low=22, high=22, prefix="10.1.0.0/16")
    entries = list(policy_entries(Policy(number=9, rules=(web, ssh)), 9))
    classes = {
        PREFIX_KEY.unpack(key)["prefixlen"]: value
        for table, key, value in entries
        if table == "prefixes"
    }
    outer, _ = class_of(frozenset({(what_of(web), PLAIN)}))
    inner, _ = class_of(frozenset({(what_of(web), PLAIN), (what_of(ssh), PLAIN)}))
    assert classes == {
        96 + 96 + 8: outer.to_bytes(8, "little"),
        96 + 96 + 16: inner.to_bytes(8, "little"),
    }


def test_a_group_rule_speaks_of_the_sets_that_have_the_group() -> None:
    rule = Rule(ingress=True, family=4, protocol=17, group="a")
    policy = Policy(number=1, rules=(rule,))
    with_a, without = GroupSet(number=5, groups=("a", "b")), GroupSet(number=6, groups=("b",))
    rules = by_group(policy)
    assert [table for table, _, _ in peer_entries(rules, 1, with_a)] == ["peers", "classes"]
    assert not list(peer_entries(rules, 1, without))
    assert not list(policy_entries(policy, 1))


def said(*rules: Rule) -> dict[int, tuple[int, int]]:
    """What a class says of ports, by the lengths of their prefixes."""
    entries = policy_entries(Policy(number=1, rules=rules), 1)
    found = {CLASS_KEY.unpack(k)["prefixlen"]: v for t, k, v in entries if t == "classes"}
    return {length: VERDICT.struct.unpack(value) for length, value in found.items()}


def test_the_first_rule_of_each_tier_is_said_of_a_port_and_of_those_around_it() -> None:
    web = Rule(ingress=True, family=4, protocol=6, low=80, high=80)
    everything = Rule(ingress=True, family=4)
    refused = replace(everything, tier=ADMIN, action="deny", order=7)
    let_in = replace(web, tier=ADMIN, order=3)
    last = replace(everything, tier=BASELINE, order=9)
    assert said(refused, let_in, web, last) == {
        96: (7 << 2 | Action.DENIES, 9 << 2 | Action.ALLOWS),
        128: (3 << 2 | Action.ALLOWS, 9 << 2 | Action.ALLOWS),
    }


def test_rules_that_all_allow_have_no_order() -> None:
    everything = Rule(ingress=True, family=4)
    admins = replace(everything, tier=ADMIN, order=3)
    refused = replace(everything, ingress=False, tier=BASELINE, action="deny", order=3)
    assert said(everything, admins) == {96: PLAIN}
    assert said(everything, replace(refused, ingress=True)) == {
        96: (UNSAID, 3 << 2 | Action.DENIES),
    }
    assert said(refused) == {96: (UNSAID, 3 << 2 | Action.DENIES)}


def test_icmp_rules_are_about_type_and_code() -> None:
    def what(low: int | None, high: int | None) -> tuple[int, int, int]:
        return what_of(Rule(ingress=True, family=4, protocol=1, low=low, high=high))

    assert what(None, None) == (1, 0, 0xFFFF)
    assert what(8, None) == (1, 0x800, 0x8FF)
    assert what(3, 4) == (1, 0x304, 0x304)
