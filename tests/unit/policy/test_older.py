"""Older kinds of policies are read as the newer one, in its words."""

from typing import Any

import msgspec
import pytest

from polpo.policy.objects import ClusterNetworkPolicy
from polpo.policy.older import KINDS, as_newer
from polpo.policy.older_objects import LAST, Older
from polpo.policy.standing import all_faults
from polpo.testing.kubernetes.objects import admin_policy, cluster_policy

ADMIN, BASELINE = KINDS
NOBODY = {"action": "Deny", "from": [{"namespaces": {}}]}


def newer(given: dict[str, Any]) -> ClusterNetworkPolicy:
    kind = ADMIN if given["kind"] == "AdminNetworkPolicy" else BASELINE
    return as_newer(msgspec.convert(given, Older), kind)


def said(name: str, **spec: Any) -> ClusterNetworkPolicy:
    return msgspec.convert(cluster_policy(name, **spec), ClusterNetworkPolicy)


def test_an_admin_network_policy_is_one_of_the_admin_tier_with_its_priority() -> None:
    to = [
        {"pods": {"namespaceSelector": {"matchLabels": {"a": "b"}}, "podSelector": {}}},
        {"networks": ["10.0.0.0/8"]},
        {"nodes": {}},
        {"domainNames": ["a.example"]},
    ]
    ports = [
        {"portNumber": {"protocol": "UDP", "port": 53}},
        {"portRange": {"start": 80, "end": 90}},
        {"portNumber": {"protocol": "SCTP", "port": 7}},
        {"namedPort": "web"},
    ]
    protocols = [
        {"udp": {"destinationPort": {"number": 53}}},
        {"tcp": {"destinationPort": {"range": {"start": 80, "end": 90}}}},
        {"sctp": {"destinationPort": {"number": 7}}},
        {"destinationNamedPort": "web"},
    ]
    older = admin_policy("p", priority=7, egress=[{"action": "Allow", "to": to, "ports": ports}])
    same = [{"action": "Accept", "to": to, "protocols": protocols}]
    wanted = said("AdminNetworkPolicy:p", priority=7, ingress=[], egress=same)
    assert newer(older) == wanted


def test_a_baseline_is_after_all_of_the_newer_kinds() -> None:
    wanted = said(
        "BaselineAdminNetworkPolicy:default",
        tier="Baseline",
        priority=LAST,
        ingress=[NOBODY],
        egress=[],
    )
    assert newer(admin_policy("default", ingress=[NOBODY])) == wanted


def test_the_first_releases_selectors_are_read_as_well() -> None:
    where = {"namespaceSelector": {"matchLabels": {"a": "b"}}}
    peers = [{"namespaces": where}, {"pods": {"namespaces": where, "podSelector": {}}}]
    old = newer(admin_policy("p", ingress=[{"action": "Pass", "from": peers}]))
    since = [
        {"namespaces": where["namespaceSelector"]},
        {"pods": {**where, "podSelector": {}}},
    ]
    assert old == newer(admin_policy("p", ingress=[{"action": "Pass", "from": since}]))


@pytest.mark.parametrize(
    "peer",
    [
        {"namespaces": {"sameLabels": ["tenant"]}},
        {"namespaces": {"notSameLabels": ["tenant"]}},
        {"pods": {"namespaces": {"sameLabels": ["tenant"]}, "podSelector": {}}},
        {"of another release": {}},
    ],
)
def test_what_the_newer_kind_cannot_say_is_not_followed(peer: dict[str, Any]) -> None:
    old = newer(admin_policy("p", ingress=[{"action": "Allow", "from": [peer]}]))
    assert list(all_faults(old)) == ["spec.ingress[0].from[0]: of a kind that is not known here"]
