"""Rules as prefixes: ports, addresses, classes."""

from hypothesis import given
from hypothesis import strategies as st

from polpo.dataplane.policies import class_of, peer_entries, policy_entries, port_prefixes, what_of
from polpo.dataplane.tables import PREFIX_KEY
from polpo.target.rows import GroupSet, Policy, Rule

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
    outer, _ = class_of(frozenset({what_of(web)}))
    inner, _ = class_of(frozenset({what_of(web), what_of(ssh)}))
    assert classes == {
        96 + 96 + 8: outer.to_bytes(8, "little"),
        96 + 96 + 16: inner.to_bytes(8, "little"),
    }


def test_a_group_rule_speaks_of_the_sets_that_have_the_group() -> None:
    rule = Rule(ingress=True, family=4, protocol=17, group="a")
    policy = Policy(number=1, rules=(rule,))
    with_a, without = GroupSet(number=5, groups=("a", "b")), GroupSet(number=6, groups=("b",))
    assert [table for table, _, _ in peer_entries(policy, 1, with_a)] == ["peers", "classes"]
    assert not list(peer_entries(policy, 1, without))
    assert not list(policy_entries(policy, 1))


def test_icmp_rules_are_about_type_and_code() -> None:
    def what(low: int | None, high: int | None) -> tuple[int, int, int]:
        return what_of(Rule(ingress=True, family=4, protocol=1, low=low, high=high))

    assert what(None, None) == (1, 0, 0xFFFF)
    assert what(8, None) == (1, 0x800, 0x8FF)
    assert what(3, 4) == (1, 0x304, 0x304)
