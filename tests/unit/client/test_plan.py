"""What a cluster's groups let in, and what is told of those that somebody has edited."""

import pytest

from polpo.client.cluster.plan import Plan, Rule, Unfit, body_of, check, edits, read, rules

GROUPS = {"base": "b", "master": "m", "minion": "n"}


@pytest.mark.parametrize("masters", [0, 2, 4, 7])
def test_masters_are_as_many_as_agree_by_majority(masters: int) -> None:
    with pytest.raises(Unfit, match="1, 3, 5"):
        check(Plan("k", masters))


def test_the_groups_let_in_what_a_cluster_needs_and_no_more() -> None:
    found = {role: [str(rule) for rule in of] for role, of in rules(Plan("k", 3, 2)).items()}
    assert found == {
        "base": [
            "icmp from base (IPv4)",
            "ipv6-icmp from base (IPv6)",
            "tcp 10250 from master (IPv4)",
        ],
        "master": [
            "tcp 22 from 10.90.0.0/24 (IPv4)",
            "tcp 2379-2380 from master (IPv4)",
            "tcp 6443 from 10.90.0.0/24 (IPv4)",
        ],
        "minion": [
            "tcp 10250 from minion (IPv4)",
            "tcp 30000-32767 from 10.90.0.0/24 (IPv4)",
            "udp 4789 from base (IPv4)",
            "udp 30000-32767 from 10.90.0.0/24 (IPv4)",
        ],
    }


def test_a_rule_that_was_made_is_read_as_the_same() -> None:
    for wanted in rules(Plan("k")).values():
        shown = [
            {
                "direction": "ingress",
                "port_range_min": None,
                "port_range_max": None,
                "remote_ip_prefix": None,
                "remote_group_id": None,
                **body_of(rule, "g", GROUPS),
            }
            for rule in wanted
        ]
        assert read(shown, GROUPS) == wanted


def test_what_somebody_edited_is_said_in_words() -> None:
    wanted = [Rule("tcp", 6443, 6443, "10.0.0.0/24"), Rule("tcp", 22, 22, "10.0.0.0/24")]
    found = [wanted[0], Rule("tcp", 22, 22, "0.0.0.0/0")]
    assert list(edits(wanted, found)) == [
        "lacks tcp 22 from 10.0.0.0/24 (IPv4)",
        "has, too, tcp 22 from 0.0.0.0/0 (IPv4)",
    ]
