"""What policies come to, where the documentation leaves it to us."""

from typing import Any

import msgspec

from polpo.model.told import Rule
from polpo.policy import objects
from polpo.policy.compiling import Entry, entries
from polpo.policy.members import Named, member
from polpo.testing.kubernetes.objects import Object, labelled_pod, policy


def compiled(given: Object, *numbers: int) -> dict[str, Entry]:
    found = msgspec.convert(given, objects.NetworkPolicy)
    return entries(found, lambda *_name: numbers)


def rules(given: Object) -> tuple[Rule, ...]:
    (entry,) = compiled(given).values()
    return entry.group.rules


def block(cidr: str, *without: str) -> list[Any]:
    return [{"from": [{"ipBlock": {"cidr": cidr, "except": list(without)}}]}]


def selecting(expression: Object) -> list[Any]:
    return [{"from": [{"namespaceSelector": {"matchExpressions": [expression]}}]}]


def test_selectors_that_say_the_same_are_one_group() -> None:
    one = {"key": "team", "operator": "In", "values": ["b", "a", "a"]}
    other = {"key": "team", "operator": "In", "values": ["a", "b"]}
    first = compiled(policy("p", ingress=selecting(one)))
    second = compiled(policy("q", "other", ingress=selecting(other)))
    assert first.keys() & second.keys() == {"peer/{team in (a,b)}/"}


def test_a_block_is_what_its_exceptions_leave() -> None:
    left = [rule.remote_ip_prefix for rule in rules(policy("p", ingress=block("10.0.0.0/30")))]
    assert left == ["10.0.0.0/30"]
    found = rules(policy("p", ingress=block("10.0.0.0/30", "10.0.0.1/32")))
    assert [rule.remote_ip_prefix for rule in found] == ["10.0.0.0/32", "10.0.0.2/31"]


def test_the_block_of_all_addresses_is_no_prefix_and_one_family() -> None:
    assert rules(policy("p", ingress=block("0.0.0.0/0"))) == (Rule("ingress", "IPv4"),)


def test_a_block_that_cannot_be_read_lets_nobody_pass() -> None:
    assert rules(policy("p", ingress=block("010.0.0.0/8"))) == ()


def test_all_ports_are_said_by_none() -> None:
    ports = [{"ports": [{"protocol": "UDP", "port": 1, "endPort": 65535}]}]
    assert rules(policy("p", ingress=ports))[0] == Rule("ingress", "IPv4", "udp")


def test_a_name_of_a_port_is_a_group_for_each_number() -> None:
    found = compiled(policy("p", ingress=[{"ports": [{"port": "web"}]}]), 80, 81)
    key = "policy/default/p/ingress"
    assert found.keys() == {key, f"{key}#web:tcp:80", f"{key}#web:tcp:81"}
    assert [entry.isolates for entry in found.values()].count("ingress") == 1


def test_an_egress_rules_name_is_its_peers() -> None:
    found = compiled(policy("p", policyTypes=["Egress"], egress=[{"ports": [{"port": "web"}]}]), 80)
    assert found["peer/{}/#web:tcp:80"].members.port == Named("web", "tcp", 80)


def read(given: Object) -> objects.Pod:
    return msgspec.convert(given, objects.Pod)


def test_a_static_pod_goes_by_the_uid_that_kubelet_gave_it() -> None:
    given = labelled_pod("etcd-n1")
    given["metadata"] |= {"uid": "image", "annotations": {"kubernetes.io/config.mirror": "own"}}
    found = member(read(given))
    assert found is not None
    assert found.uid == "own"


def test_ports_of_containers_that_stay_have_names() -> None:
    given = labelled_pod("a", ports="web:tcp:80 :tcp:81")
    beside = {"ports": [{"name": "mesh", "containerPort": 15}], "restartPolicy": "Always"}
    first = {"ports": [{"name": "gone", "containerPort": 16}]}
    given["spec"]["initContainers"] = [beside, first]
    found = member(read(given))
    assert found is not None
    assert found.ports == {Named("web", "tcp", 80), Named("mesh", "tcp", 15)}


def test_a_pod_on_its_hosts_network_is_the_host() -> None:
    given = labelled_pod("a")
    given["spec"]["hostNetwork"] = True
    assert member(read(given)) is None
