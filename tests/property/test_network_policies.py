"""What switches make of NetworkPolicies is what Kubernetes' documentation says of them."""

from typing import Any
from uuid import NAMESPACE_OID, uuid5

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polpo.compiler.policies import policy as compiled
from polpo.dataplane.frames import Transport
from polpo.dataplane.knowledge import covers, is_about
from polpo.dataplane.tables import pack_address
from polpo.dataplane.tiers import allowed
from polpo.kube.objects import Node
from polpo.kube.reflection import Change
from polpo.model.security_group import AddressGroup, SecurityGroup, SecurityGroupRule, TieredRule
from polpo.model.snapshot import Snapshot
from polpo.model.told import Group, Rule
from polpo.policy import objects
from polpo.policy.addresses import Places, node_addresses
from polpo.policy.index import Index
from polpo.policy.members import member
from polpo.policy.older import KINDS, as_newer
from polpo.policy.older_objects import Older
from polpo.policy.wanted import AnyPolicy, Wanted, wanted
from polpo.target.rows import Policy
from polpo.testing.kubernetes.network_policy import Cluster, Traffic, address_of

Json = dict[str, Any]
OUTSIDE = ("192.0.2.1", "10.0.0.3", "2001:db8::1", "fd00::9")
SLOW = [HealthCheck.too_slow]  # of a busy machine, to make clusters

labels = st.sampled_from(({}, {"app": "x"}, {"app": "y"}, {"app": "x", "tier": "db"}))
selectors = st.sampled_from(
    (
        {},
        {},
        {"matchLabels": {"app": "x"}},
        {"matchLabels": {"app": "x", "tier": "db"}},
        {"matchExpressions": [{"key": "app", "operator": "In", "values": ["y", "x"]}]},
        {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["x"]}]},
        {"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]},
        {
            "matchLabels": {"app": "x"},
            "matchExpressions": [{"key": "tier", "operator": "Exists"}],
        },
    )
)
blocks = st.sampled_from(
    (
        {"cidr": "0.0.0.0/0"},
        {"cidr": "::/0", "except": ["fd00::/64"]},
        {"cidr": "10.0.0.0/8", "except": ["10.0.0.2/32", "10.0.0.0/30"]},
        {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/30", "192.0.2.1/32"]},
        {"cidr": "10.0.0.1/32"},
        {"cidr": "192.0.2.0/24", "except": ["192.0.2.0/24"]},
    )
)
peers = st.one_of(
    st.fixed_dictionaries({"podSelector": selectors}),
    st.fixed_dictionaries({"podSelector": selectors, "namespaceSelector": selectors}),
    st.fixed_dictionaries({"namespaceSelector": selectors}),
    st.fixed_dictionaries({"ipBlock": blocks}),
)
ports = st.sampled_from(
    (
        {"port": 80},
        {"port": 80, "endPort": 81},
        {"port": 1, "endPort": 65535},
        {"port": 80, "endPort": 65535, "protocol": "SCTP"},
        {"port": 81, "protocol": "UDP"},
        {"protocol": "UDP"},
        {"port": "web"},
        {"port": "web", "protocol": "UDP"},
        {"port": "dns"},
    )
)


def some(of: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Mostly one or two, sometimes none."""
    several = st.lists(of, min_size=1, max_size=2)
    return st.one_of(several, several, several, st.just([]))


def rules(of: str) -> st.SearchStrategy[list[Json]]:
    return some(st.fixed_dictionaries({of: some(peers), "ports": some(ports)}))


specs = st.fixed_dictionaries(
    {
        "podSelector": selectors,
        "policyTypes": st.sampled_from(([], ["Ingress"], ["Egress"], ["Ingress", "Egress"])),
        "ingress": rules("from"),
        "egress": rules("to"),
    }
)
spaces = st.sampled_from("ab")
few = st.integers(0, 3)
named = st.sampled_from(
    (
        [],
        [{"name": "web", "containerPort": 80}],
        [{"name": "web", "containerPort": 81}, {"name": "dns", "containerPort": 81}],
        [{"name": "web", "containerPort": 80, "protocol": "UDP"}],
    )
)


def a_policy(n: int, space: str, spec: Json) -> Json:
    return {"metadata": {"name": f"p{n}", "namespace": space}, "spec": spec}


def a_pod(n: int, space: str, labels: Json, ports: list[Json], six: bool) -> Json:
    address = f"fd00::{n}" if six else f"10.0.0.{n}"
    return {
        "metadata": {"name": f"d{n}", "namespace": space, "uid": f"u{n}", "labels": labels},
        "spec": {"containers": [{"ports": ports}]},
        "status": {"podIP": address},
    }


subjects = st.one_of(
    st.fixed_dictionaries({"namespaces": selectors}),
    st.fixed_dictionaries(
        {"pods": st.fixed_dictionaries({"namespaceSelector": selectors, "podSelector": selectors})}
    ),
)
networks = st.sampled_from((["0.0.0.0/0"], ["10.0.0.0/30", "fd00::/64"], ["192.0.2.0/24"]))
names = st.lists(
    st.sampled_from(("a.example", "b.example", "a.example", "*.example")), min_size=1, max_size=2
)
targets = st.one_of(
    subjects,
    subjects,
    st.fixed_dictionaries({"networks": networks}),
    st.fixed_dictionaries({"nodes": selectors}),
    st.fixed_dictionaries({"domainNames": names}),
    st.just({"of another release": {}}),
)
protocols = st.sampled_from(
    (
        None,
        [{"tcp": {"destinationPort": {"number": 80}}}],
        [{"tcp": {"destinationPort": {"range": {"start": 80, "end": 443}}}}, {"udp": {}}],
        [{"sctp": {"destinationPort": {"range": {"start": 80, "end": 65535}}}}],
        [{"destinationNamedPort": "web"}],
        [{"destinationNamedPort": "dns"}, {"udp": {"destinationPort": {"number": 80}}}],
    )
)
actions = st.sampled_from(("Accept", "Deny", "Pass"))


def tiered_rules(of: str, peer: st.SearchStrategy[Json]) -> st.SearchStrategy[list[Json]]:
    made = st.builds(
        lambda action, peers, what: (
            {"action": action, of: peers} | ({"protocols": what} if what else {})
        ),
        actions,
        st.lists(peer, min_size=1, max_size=2),
        protocols,
    )
    return st.lists(made, max_size=3)


tiered_specs = st.fixed_dictionaries(
    {
        "tier": st.sampled_from(("Admin", "Baseline")),
        "priority": st.sampled_from((0, 2, 4, 6)),
        "subject": subjects,
        "ingress": tiered_rules("from", subjects),
        "egress": tiered_rules("to", targets),
    }
)
older_ports = st.sampled_from(
    (
        None,
        [],
        [{"portNumber": {"protocol": "TCP", "port": 80}}, {"namedPort": "dns"}],
        [{"portRange": {"start": 80, "end": 443}}],
        [{"portRange": {"protocol": "SCTP", "start": 80, "end": 65535}}],
        [{"portNumber": {"protocol": "UDP", "port": 81}}, {"namedPort": "web"}],
    )
)


def older_rules(of: str, peer: st.SearchStrategy[Json]) -> st.SearchStrategy[list[Json]]:
    made = st.builds(
        lambda action, peers, ports: (
            {"action": action, of: peers} | ({} if ports is None else {"ports": ports})
        ),
        st.sampled_from(("Allow", "Deny", "Pass")),
        st.lists(peer, min_size=1, max_size=2),
        older_ports,
    )
    return st.lists(made, max_size=3)


older_specs = st.fixed_dictionaries(
    {
        "subject": subjects,
        "ingress": older_rules("from", subjects),
        "egress": older_rules("to", targets),
    }
)
admins = st.builds(
    lambda priority, spec: {
        "kind": "AdminNetworkPolicy",
        "metadata": {"name": f"c{priority}"},
        "spec": spec | {"priority": priority},
    },
    st.sampled_from((1, 3, 5)),
    older_specs,
)
baseline = older_specs.map(
    lambda spec: {
        "kind": "BaselineAdminNetworkPolicy",
        "metadata": {"name": "default"},
        "spec": spec,
    }
)
older = st.lists(
    st.one_of(admins, baseline), max_size=2, unique_by=lambda one: one["metadata"]["name"]
)


def a_cluster_policy(n: int, spec: Json) -> Json:
    return {"metadata": {"name": f"c{n}"}, "spec": spec}


def a_node(n: int, labels: Json, addresses: list[str]) -> Json:
    hostname = {"type": "Hostname", "address": f"n{n}"}
    told = [{"type": "InternalIP", "address": address} for address in addresses]
    return {"metadata": {"name": f"n{n}", "labels": labels}, "status": {"addresses": told}} | (
        {"status": {"addresses": [*told, hostname]}} if n % 2 else {}
    )


some_addresses = st.lists(st.sampled_from(OUTSIDE), max_size=2, unique=True)
nodes = st.builds(a_node, few, labels, some_addresses)
domains = st.fixed_dictionaries(
    dict.fromkeys(("a.example", "b.example", "*.example"), some_addresses)
)
cluster_policies = st.builds(a_cluster_policy, few, tiered_specs)
policies = st.builds(a_policy, few, spaces, specs)
pods = st.builds(a_pod, few, spaces, labels, named, st.sampled_from((False, False, True)))
namespaces = st.fixed_dictionaries({"a": labels, "b": labels})
clusters = st.builds(
    Cluster,
    namespaces,
    st.lists(pods, min_size=2, max_size=4, unique_by=lambda pod: pod["metadata"]["name"]),
    st.lists(policies, min_size=1, max_size=3, unique_by=lambda p: p["metadata"]["name"]),
    st.just(()),
    st.just(()),
    st.just({}),
    st.just(()),
)
tiered_clusters = st.builds(
    Cluster,
    namespaces,
    st.lists(pods, min_size=2, max_size=4, unique_by=lambda pod: pod["metadata"]["name"]),
    st.lists(policies, max_size=2, unique_by=lambda p: p["metadata"]["name"]),
    st.lists(
        cluster_policies,
        max_size=3,
        unique_by=(lambda p: p["metadata"]["name"], lambda p: p["spec"]["priority"]),
    ),
    st.lists(nodes, max_size=2, unique_by=lambda node: node["metadata"]["name"]),
    domains,
    older,
)
TRAFFICS = (
    *(Traffic("TCP", port) for port in (1, 79, 80, 81, 82, 65535)),
    *(Traffic("UDP", port) for port in (80, 81)),
    *(Traffic("SCTP", port) for port in (79, 80, 443)),
    Traffic("ICMP"),
)
NUMBERS = {"TCP": 6, "UDP": 17, "SCTP": 132, "ICMP": 1}


def id_of(key: str) -> str:
    return str(uuid5(NAMESPACE_OID, key))


def a_rule(group: Group, n: int, rule: Rule) -> SecurityGroupRule:
    plain = SecurityGroupRule(
        id=f"{group.key} {n}",
        security_group_id=id_of(group.key),
        direction=rule.direction,
        ethertype=rule.ethertype,
        protocol=rule.protocol or None,
        port_range_min=rule.port_range_min or None,
        port_range_max=rule.port_range_max or None,
        remote_ip_prefix=rule.remote_ip_prefix or None,
        remote_group_id=id_of(rule.remote_group) if rule.remote_group else None,
        remote_address_group_id=id_of(rule.remote_addresses) if rule.remote_addresses else None,
    )
    if not rule.tier:
        return plain
    tiered = {name: getattr(rule, name) for name in ("tier", "action", "order")}
    return TieredRule(**msgspec.structs.asdict(plain), **tiered)


class Switches:
    """What the switch's model judges by: rows that are compiled from groups and their rules."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted, self._snapshot = wanted, Snapshot()
        self._policies: dict[tuple[str, ...], Policy | None] = {}
        for book in wanted.addresses.values():
            kept = AddressGroup(id=id_of(book.key), addresses=book.addresses)
            self._snapshot = self._snapshot.put(kept)
        for group in wanted.groups.values():
            group_id = id_of(group.key)
            self._snapshot = self._snapshot.put(SecurityGroup(id=group_id, name=group.key))
            for n, one in enumerate(group.rules):
                assert not one.remote_group or one.remote_group in wanted.groups
                assert not one.remote_addresses or one.remote_addresses in wanted.addresses
                self._snapshot = self._snapshot.put(a_rule(group, n, one))

    def allow(self, end: Json | str, ingress: bool, peer: Json | str, traffic: Traffic) -> bool:
        if isinstance(end, str):
            return True
        mine = self._groups(end)
        if mine not in self._policies:
            self._policies[mine] = compiled(self._snapshot, mine)
        policy = self._policies[mine]
        remote, groups = pack_address(address_of(peer)), self._groups(peer)
        what = Transport(NUMBERS[traffic.protocol], 40_000, traffic.port)
        return allowed(
            rule
            for rule in (policy.rules if policy is not None else ())
            if rule.ingress == ingress and covers(rule, remote, groups) and is_about(rule, what)
        )

    def _groups(self, end: Json | str) -> tuple[str, ...]:
        if isinstance(end, str):
            return ()
        name = f"{end['metadata']['namespace']}/{end['metadata']['name']}"
        return tuple(sorted(id_of(key) for key in self._wanted.pods[name].groups))


def of(cluster: Cluster) -> Wanted:
    read: list[AnyPolicy] = [msgspec.convert(p, objects.NetworkPolicy) for p in cluster.policies]
    read += [msgspec.convert(p, objects.ClusterNetworkPolicy) for p in cluster.cluster_policies]
    for one in cluster.older:
        kind = next(kind for kind in KINDS if kind.resource.kind == one["kind"])
        read.append(as_newer(msgspec.convert(one, Older), kind))
    members = (member(msgspec.convert(pod, objects.Pod)) for pod in cluster.pods)
    found = {n["metadata"]["name"]: msgspec.convert(n, Node) for n in cluster.nodes}
    books = {name: node_addresses(node) for name, node in found.items()}
    places = Places(books, {name: frozenset(to) for name, to in cluster.domains.items()})
    return wanted(read, cluster.namespaces, filter(None, members), places=places)


def assert_agree(cluster: Cluster) -> None:
    switches = Switches(of(cluster))
    ends: list[Json | str] = [*cluster.pods, *OUTSIDE]
    for source in ends:
        for destination in ends:
            if (":" in address_of(source)) != (":" in address_of(destination)):
                continue
            for traffic in TRAFFICS:
                asked = source, destination, traffic
                leaves = switches.allow(source, False, destination, traffic)
                enters = switches.allow(destination, True, source, traffic)
                assert (leaves, enters) == cluster.allows(*asked), asked


@settings(max_examples=200, suppress_health_check=SLOW)
@given(clusters)
def test_switches_let_pass_what_the_documentation_allows(cluster: Cluster) -> None:
    assert_agree(cluster)


@settings(max_examples=200, suppress_health_check=SLOW)
@given(tiered_clusters)
def test_tiers_decide_in_the_documentations_order(cluster: Cluster) -> None:
    assert_agree(cluster)


@settings(max_examples=200, suppress_health_check=SLOW)
@given(tiered_clusters)
def test_all_rules_of_a_group_are_different_and_for_the_network_api(cluster: Cluster) -> None:
    for group in of(cluster).groups.values():
        claims = [a_rule(group, n, rule).claims() for n, rule in enumerate(group.rules)]
        assert len(set(claims)) == len(claims)


Event = tuple[str, str, Json | None]
events: st.SearchStrategy[Event] = st.one_of(
    policies.map(lambda p: ("policies", key_of(p), p)),
    cluster_policies.map(lambda p: ("cluster policies", p["metadata"]["name"], p)),
    few.map(lambda n: ("cluster policies", f"c{n}", None)),
    nodes.map(lambda n: ("nodes", n["metadata"]["name"], n)),
    few.map(lambda n: ("nodes", f"n{n}", None)),
    pods.map(lambda p: ("pods", key_of(p), p)),
    st.builds(
        lambda name, labels: ("namespaces", name, {"metadata": {"name": name, "labels": labels}}),
        spaces,
        labels,
    ),
    st.builds(lambda n, space: ("policies", f"{space}/p{n}", None), few, spaces),
    st.builds(lambda n, space: ("pods", f"{space}/d{n}", None), few, spaces),
    spaces.map(lambda name: ("namespaces", name, None)),
)
TYPES = {
    "policies": objects.NetworkPolicy,
    "cluster policies": objects.ClusterNetworkPolicy,
    "nodes": Node,
    "pods": objects.Pod,
    "namespaces": objects.Namespace,
}


def key_of(item: Json) -> str:
    return f"{item['metadata']['namespace']}/{item['metadata']['name']}"


RESOLVED = {"a.example": frozenset({"192.0.2.1", "fd00::9"}), "b.example": frozenset({"10.0.0.3"})}


class Followed:
    """What an index has told, one touched thing after another."""

    def __init__(self) -> None:
        self.index = Index()
        self.said: dict[str, dict[str, Any]] = {name: {} for name in TYPES}
        self.told = Wanted({}, {}, {})

    def say(self, kind: str, key: str, item: Json | None) -> None:
        given = None if item is None else msgspec.convert(item, TYPES[kind])
        self.said[kind].pop(key, None)
        if given is not None:
            self.said[kind][key] = given
        changes: list[Change[Any]] = [Change(key, given)]
        at = self.index.places if kind == "nodes" else self.index
        getattr(at, kind.removeprefix("cluster "))(changes)

    def resolve(self) -> None:
        for name in sorted(self.index.places.domains):
            self.index.places.resolved(name, RESOLVED.get(name, frozenset()))

    def settle(self) -> None:
        self.resolve()
        for key in self.index.places.touched:
            _put(self.told.addresses, key, self.index.places.get(key))
        self.index.places.touched.clear()
        for key in self.index.touched_groups:
            _put(self.told.groups, key, self.index.group(key))
        for name in self.index.touched_pods:
            _put(self.told.pods, name, self.index.membership(name))
        self.index.touched_groups.clear()
        self.index.touched_pods.clear()

    def whole(self) -> Wanted:
        labels = {n: item.metadata.labels or {} for n, item in self.said["namespaces"].items()}
        members = filter(None, map(member, self.said["pods"].values()))
        every = [*self.said["policies"].values(), *self.said["cluster policies"].values()]
        nodes = {name: node_addresses(item) for name, item in self.said["nodes"].items()}
        return wanted(every, labels, members, places=Places(nodes, RESOLVED))


def _put(told: dict[str, Any], key: str, found: Any) -> None:
    told.pop(key, None)
    if found is not None:
        told[key] = found


@settings(max_examples=200, suppress_health_check=SLOW)
@given(st.lists(st.tuples(events, st.booleans()), min_size=4, max_size=16))
def test_increments_come_to_the_whole(steps: list[tuple[Event, bool]]) -> None:
    followed = Followed()
    for (kind, key, item), settles in steps:
        followed.say(kind, key, item)
        if settles:
            followed.settle()
    followed.settle()
    assert followed.told == followed.whole()


@settings(max_examples=100, suppress_health_check=SLOW)
@given(clusters, pods)
def test_a_pod_without_a_named_port_touches_no_group_and_no_other_pod(
    cluster: Cluster, pod: Json
) -> None:
    followed = Followed()
    for name, labels in cluster.namespaces.items():
        followed.say("namespaces", name, {"metadata": {"name": name, "labels": labels}})
    for kind, items in (("policies", cluster.policies), ("pods", cluster.pods)):
        for item in items:
            followed.say(kind, key_of(item), item)
    followed.settle()
    pod["metadata"]["name"], pod["spec"]["containers"] = "new", []
    followed.say("pods", key_of(pod), pod)
    assert followed.index.touched_groups == set()
    assert followed.index.touched_pods == {key_of(pod)}
