"""A cluster's groups and its pods': told, listed, refused one by one, gone with the cluster."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio
from tests.contract.hosts_v1.conftest import Enrol
from tests.contract.hosts_v1.test_clusters import MEMBER, READER, Made, OneHost
from tests.contract.hosts_v1.test_services import Api

from polpo.api.hosts_v1.parts import Parts
from polpo.api.network_v2 import quotas
from polpo.compiler.host_rows import port_row
from polpo.compiler.policies import policy as compiled
from polpo.compiler.view import View
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster
from polpo.model.cluster import PodGroups, host_of
from polpo.model.port import Port
from polpo.model.security_group import AddressGroup, SecurityGroup, SecurityGroupRule, TieredRule
from polpo.model.told import Group
from polpo.policy.controller import Controller
from polpo.policy.hearing import Place
from polpo.policy.names import Answer
from polpo.policy.wanted import ALWAYS, NODES
from polpo.policy.wanted import OPEN as OPEN_GROUPS
from polpo.target import rows as target
from polpo.testing.hosts import eventually
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.objects import (
    Object,
    admin_policy,
    cluster_policy,
    labelled_pod,
    namespace,
    node,
    policy,
)

PATH = "/v1/clusters/k8s"
GROUPS = "/networking/v2.0/security-groups"
BOOKS = "/networking/v2.0/address-groups"
RULES = "/networking/v2.0/security-group-rules"
OPEN = {"key": "open", "rules": [{"direction": "ingress", "ethertype": "IPv4"}]}
PEER = {"key": "peer/a"}
WEB: dict[str, Any] = {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp"}
WEB |= {"port_range_min": 80, "port_range_max": 81, "remote_group": "peer/a"}
POLICY = {"key": "policy/a", "rules": [WEB]}
TIERED = WEB | {"tier": "admin", "action": "deny", "order": 7}


@pytest_asyncio.fixture
async def made(client: httpx2.AsyncClient) -> Made:
    made = Made(client)
    await made.build()
    assert (await made.create(policies=True)).status_code == 201
    return made


@pytest_asyncio.fixture
async def host(made: Made, enrol: Enrol) -> OneHost:
    return OneHost(made.client, "h1", (await enrol("h1", "192.0.2.1"))["token"])


async def tell(made: Made, **batch: Any) -> list[Any]:
    answer = await made.client.post(f"{PATH}/policy", json=batch, headers=MEMBER)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["refused"])


async def groups(made: Made) -> dict[str, Any]:
    answer = await made.client.get(f"{PATH}/groups", headers=READER)
    return {group["key"]: group["rules"] for group in answer.json()["groups"]}


async def addresses(made: Made) -> dict[str, list[str]]:
    answer = await made.client.get(f"{PATH}/groups", headers=READER)
    return {book["key"]: book["addresses"] for book in answer.json()["addresses"]}


async def pods(made: Made) -> dict[str, list[str]]:
    answer = await made.client.get(f"{PATH}/pods", headers=READER)
    return {pod["name"]: pod["groups"] for pod in answer.json()["pods"]}


def a_pod(*keys: str, uid: str = "u") -> dict[str, Any]:
    return {"name": "default/web", "uid": uid, "groups": keys}


async def test_groups_are_security_groups_that_anybody_may_look_at(made: Made) -> None:
    assert await tell(made, groups=[POLICY, PEER, OPEN]) == []
    assert await groups(made) == {"open": OPEN["rules"], "peer/a": [], "policy/a": [WEB]}
    answer = await made.client.get(GROUPS, params={"name": "k8s/k8s/policy/a"}, headers=READER)
    (found,) = answer.json()["security_groups"]
    (rule,) = found["security_group_rules"]
    assert (rule["protocol"], rule["port_range_max"]) == ("tcp", 81)
    answer = await made.client.get(GROUPS, params={"name": "k8s/k8s/peer/a"}, headers=READER)
    assert rule["remote_group_id"] == answer.json()["security_groups"][0]["id"]


async def test_telling_the_same_again_changes_nothing(made: Made, parts: Parts) -> None:
    batch = {"groups": [POLICY, PEER], "pods": [a_pod("policy/a")]}
    await tell(made, **batch)
    revision = parts.store.snapshot.revision
    await tell(made, **batch, gone_pods=["default/none"], gone_groups=["none"])
    assert parts.store.snapshot.revision == revision


async def test_a_group_has_exactly_the_rules_that_are_told(made: Made, parts: Parts) -> None:
    await tell(made, groups=[POLICY, PEER])
    (group,) = (g for g in parts.store.snapshot.all(SecurityGroup) if g.cluster_key == "policy/a")
    by_hand = {"security_group_id": group.id, "direction": "egress"}
    body = {"security_group_rule": by_hand}
    assert (await made.client.post(RULES, json=body, headers=MEMBER)).status_code == 201
    assert len((await groups(made))["policy/a"]) == 2
    other = WEB | {"protocol": "sctp"}
    await tell(made, groups=[{"key": "policy/a", "rules": [other, WEB]}])
    assert (await groups(made))["policy/a"] == [other, WEB]


async def test_rules_of_administrators_have_tiers_and_neutron_does_not_know_them(
    made: Made, parts: Parts
) -> None:
    others = [TIERED | {"order": 8}, TIERED | {"action": "pass"}]
    await tell(made, groups=[{"key": "admin/a", "rules": [TIERED, *others, WEB]}, PEER])
    assert (await groups(made))["admin/a"] == [WEB, TIERED, others[0], others[1]]
    (group,) = (g for g in parts.store.snapshot.all(SecurityGroup) if g.cluster_key == "admin/a")
    policy = compiled(parts.store.snapshot, (group.id,))
    assert policy is not None
    said = sorted((rule.tier, rule.action, rule.order) for rule in policy.rules)
    assert said == [
        ("", "allow", 0),
        ("admin", "deny", 7),
        ("admin", "deny", 8),
        ("admin", "pass", 7),
    ]
    shown = (await made.client.get(f"{GROUPS}/{group.id}", headers=MEMBER)).json()
    assert len(shown["security_group"]["security_group_rules"]) == 1
    await tell(made, groups=[{"key": "admin/a", "rules": [WEB]}])
    assert (await groups(made))["admin/a"] == [WEB]
    await tell(made, groups=[{"key": "admin/a", "rules": [TIERED]}])
    await tell(made, gone_groups=["admin/a"])
    assert not list(parts.store.snapshot.all(TieredRule))


async def test_address_groups_are_told_with_the_rules_that_name_them(
    made: Made, parts: Parts
) -> None:
    nodes = {"key": "nodes/", "addresses": ["192.0.2.0/24", "2001:db8::1/128"]}
    named: dict[str, Any] = {"direction": "egress", "ethertype": "IPv4"}
    named |= {"remote_addresses": "nodes/"}
    named |= {"tier": "admin", "action": "deny", "order": 1}
    assert await tell(made, addresses=[nodes], groups=[{"key": "admin/a", "rules": [named]}]) == []
    assert await addresses(made) == {"nodes/": nodes["addresses"]}
    assert (await groups(made))["admin/a"] == [named]
    (book,) = parts.store.snapshot.all(AddressGroup)
    assert await denied_prefixes(parts) == ["192.0.2.0/24"]
    await tell(made, addresses=[nodes | {"addresses": ["198.51.100.1/32"]}])
    assert await denied_prefixes(parts) == ["198.51.100.1/32"]
    (refused,) = await tell(made, gone_addresses=["nodes/"])
    assert "in use" in refused["message"]
    gone = await made.client.delete(f"{BOOKS}/{book.id}", headers=MEMBER)
    assert gone.status_code == 409, "Neutron's API counts rules that it does not know"
    assert await tell(made, gone_groups=["admin/a"], gone_addresses=["nodes/"]) == []
    assert await addresses(made) == {}


async def denied_prefixes(parts: Parts) -> list[str | None]:
    (group,) = (g for g in parts.store.snapshot.all(SecurityGroup) if g.cluster_key == "admin/a")
    policy = compiled(parts.store.snapshot, (group.id,))
    return [rule.prefix for rule in policy.rules] if policy is not None else []


async def test_addresses_that_are_none_are_refused_and_go_with_the_cluster(
    made: Made, parts: Parts
) -> None:
    used = quotas.used(parts.store.snapshot, "address_group", "p")
    (refused,) = await tell(made, addresses=[{"key": "nodes/", "addresses": ["here"]}])
    assert refused == {"about": "nodes/", "message": "addresses: 'here' is not a valid IP subnet."}
    rule = {"direction": "egress", "ethertype": "IPv4", "remote_addresses": "nodes/"}
    (refused,) = await tell(made, groups=[{"key": "admin/a", "rules": [rule]}])
    assert refused["message"] == "remote_addresses: no address group nodes/."
    await tell(made, addresses=[{"key": "nodes/"}])
    assert quotas.used(parts.store.snapshot, "address_group", "p") == used
    assert (await made.client.delete(PATH, headers=MEMBER)).status_code == 204
    assert not list(parts.store.snapshot.all(AddressGroup))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"groups": [{"key": ""}]}, "key"),
        ({"groups": [{"key": "x", "rules": [WEB | {"direction": "up"}]}]}, "direction: up"),
        ({"groups": [{"key": "x", "rules": [WEB | {"ethertype": "ARP"}]}]}, "ARP"),
        ({"groups": [{"key": "x", "rules": [WEB | {"protocol": "warp"}]}]}, "warp"),
        ({"groups": [{"key": "x", "rules": [WEB | {"protocol": ""}]}]}, "protocol"),
        ({"groups": [{"key": "x", "rules": [WEB | {"port_range_max": 70000}]}]}, "70000"),
        ({"groups": [{"key": "x", "rules": [WEB | {"remote_group": "none"}]}]}, "no group none"),
        ({"groups": [{"key": "x", "rules": [WEB | {"remote_ip_prefix": "x/8"}]}]}, "x/8"),
        ({"groups": [{"key": "x", "rules": [TIERED | {"tier": "first"}]}]}, "tier: first"),
        ({"groups": [{"key": "x", "rules": [TIERED | {"action": "log"}]}]}, "action: log"),
        ({"groups": [{"key": "x", "rules": [TIERED | {"order": 0}]}]}, "order"),
        ({"groups": [{"key": "x", "rules": [TIERED | {"order": 1 << 30}]}]}, "order"),
        ({"pods": [a_pod("none")]}, "no group none"),
        ({"pods": [a_pod() | {"name": "a/" + "b" * 600}]}, "name"),
        ({"pods": [a_pod() | {"name": "a/\0"}]}, "name"),
    ],
)
async def test_what_cannot_be_is_refused_and_the_others_are_taken(
    made: Made, wrong: dict[str, Any], words: str
) -> None:
    more = {"groups": [*wrong.get("groups", ()), PEER, POLICY]}
    (refused,) = await tell(made, **(wrong | more))
    assert words in refused["message"]
    found = await groups(made)
    assert not found.get(refused["about"])
    assert found["policy/a"] == [WEB]


async def test_a_cluster_without_policies_takes_none(made: Made) -> None:
    await made.create(name="plain")
    answer = await made.client.post("/v1/clusters/plain/policy", json={}, headers=MEMBER)
    assert answer.status_code == 409
    answer = await made.client.post(f"{PATH}/policy", json={}, headers=READER)
    assert answer.status_code == 403


class OnePort:
    """The port of one pod; the keys of its groups."""

    def __init__(self, parts: Parts, id: str) -> None:
        self._parts, self.id = parts, id

    def port(self) -> Port:
        port = self._parts.store.snapshot.get(Port, self.id)
        assert port is not None
        return port

    def groups(self) -> list[str]:
        found = (self._parts.store.snapshot.get(SecurityGroup, g) for g in self.port().group_set)
        return sorted(group.cluster_key for group in found if group)

    def has(self, uid: str = "") -> dict[str, Any]:
        return {self.id: {"sandbox": "s", "name": "default/web", "uid": uid}}


@pytest_asyncio.fixture
async def port(host: OneHost, parts: Parts) -> OnePort:
    return OnePort(parts, (await host.ports(waiting=1))[0]["id"])


async def test_a_port_that_waits_is_in_no_group_and_gets_its_pods_with_the_pod(
    made: Made, host: OneHost, port: OnePort, parts: Parts
) -> None:
    assert port.groups() == []
    await tell(made, groups=[PEER, POLICY], pods=[a_pod("peer/a", "policy/a")])
    await host.ports(pods=port.has("u"))
    assert port.groups() == ["peer/a", "policy/a"]
    assert port.port().wiring == port.port().revision == parts.store.snapshot.revision
    assert compiled(parts.store.snapshot, port.port().group_set) is not None
    await host.ports()
    assert port.groups() == []


async def test_a_ports_row_names_its_pod_when_its_groups_are_known(
    made: Made, host: OneHost, port: OnePort, parts: Parts
) -> None:
    """What the agent waits for: 0191."""

    def row() -> target.Port:
        found = port_row(View(parts.store.snapshot), "h1", port.id)
        assert found is not None
        return found

    assert (row().policies, row().pod) == (True, "")
    await host.ports(pods=port.has("u"))
    assert row().pod == ""
    await tell(made, groups=[PEER], pods=[a_pod("peer/a")])
    assert row().pod == "s"
    await host.ports()
    assert row().pod == ""


async def test_a_pod_that_is_not_known_is_in_none_until_it_is(
    made: Made, host: OneHost, port: OnePort
) -> None:
    await host.ports(pods=port.has())
    assert port.groups() == []
    await tell(made, groups=[PEER], pods=[a_pod("peer/a")])
    assert port.groups() == ["peer/a"]
    await tell(made, gone_pods=["default/web"])
    assert port.groups() == []


async def test_a_pod_of_the_same_name_does_not_inherit(
    made: Made, host: OneHost, port: OnePort
) -> None:
    await tell(made, groups=[PEER], pods=[a_pod("peer/a", uid="old")])
    await host.ports(pods=port.has("new"))
    assert port.groups() == []
    await tell(made, pods=[a_pod("peer/a", uid="new")])
    assert port.groups() == ["peer/a"]


async def test_a_hosts_own_port_lets_all_pass_and_pods_know_it_by_a_group(
    made: Made, host: OneHost, parts: Parts
) -> None:
    await host.ports(waiting=1)
    told = [Group(key) if key == NODES else ALWAYS[key] for key in (NODES, *OPEN_GROUPS.values())]
    await tell(made, groups=msgspec.to_builtins(told))
    (own,) = (p for p in parts.store.snapshot.by(Port, "host", "h1") if host_of(p) == "k8s")
    assert OnePort(parts, own.id).groups() == [NODES, *sorted(OPEN_GROUPS.values())]
    policy = compiled(parts.store.snapshot, own.group_set)
    assert policy is not None
    assert {(rule.ingress, rule.family) for rule in policy.rules} == {
        (ingress, family) for ingress in (True, False) for family in (4, 6)
    }


async def test_a_group_in_use_stays(made: Made, host: OneHost, port: OnePort) -> None:
    await host.ports(pods=port.has())
    await tell(made, groups=[PEER], pods=[a_pod("peer/a")])
    (refused,) = await tell(made, gone_groups=["peer/a"])
    assert "in use" in refused["message"]
    assert await tell(made, gone_pods=["default/web"], gone_groups=["peer/a"]) == []
    assert await groups(made) == {}


async def test_no_quota_counts_them_and_they_go_with_the_cluster(made: Made, parts: Parts) -> None:
    counted = ("security_group", "security_group_rule")
    before = [quotas.used(parts.store.snapshot, key, "p") for key in counted]
    await tell(made, groups=[PEER, POLICY], pods=[a_pod("peer/a")])
    assert [quotas.used(parts.store.snapshot, key, "p") for key in counted] == before
    rules = parts.store.snapshot.count(SecurityGroupRule)
    assert (await made.client.delete(PATH, headers=MEMBER)).status_code == 204
    assert parts.store.snapshot.count(SecurityGroupRule) == rules - 1
    assert not [g for g in parts.store.snapshot.all(SecurityGroup) if g.cluster_id]


class Following:
    """A cluster's API server, and the controller that follows it."""

    def __init__(self, made: Made) -> None:
        self.made, self.server = made, ApiServer()
        self.api = Api(made, asyncio.get_running_loop())
        self.task: asyncio.Task[None] | None = None
        self.names: dict[str, set[str]] = {}

    def follow(self, compare_s: float = 60.0, place: Place | None = None) -> None:
        self.client = Client(Cluster(server=self.server.address))
        controller = Controller(self.client, self.api, "k8s", self.ask, compare_s, place)
        self.task = asyncio.create_task(controller.run())

    async def ask(self, name: str) -> Answer:
        return Answer(frozenset(self.names.get(name, ())), 60.0)

    async def end(self) -> None:
        assert self.task
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.client.close()

    async def has(self, name: str, *keys: str) -> None:
        async def those() -> bool:
            found = (await pods(self.made)).get(f"default/{name}", [])
            return found == sorted((*keys, "node-traffic"))

        await eventually(those, f"{name} in {keys}")


@pytest_asyncio.fixture
async def following(made: Made) -> AsyncIterator[Following]:
    following = Following(made)
    await following.server.start()
    following.server.put(namespace("default"), labelled_pod("a", app="x"))
    following.follow()
    yield following
    await following.end()
    await following.server.stop()


FROM_Y = [{"from": [{"podSelector": {"matchLabels": {"app": "y"}}}], "ports": [{"port": 80}]}]
OPEN_KEYS = ("open-egress", "open-ingress")


async def test_policies_and_pods_come_change_and_go(following: Following) -> None:
    server = following.server
    await following.has("a", *OPEN_KEYS)
    server.put(given := policy("p", ingress=FROM_Y))
    await following.has("a", "open-egress", "policy/default/p/ingress")
    server.put(pod := labelled_pod("b", app="y"))
    peer = "peer/default/app=y"
    await following.has("b", "open-egress", peer, "policy/default/p/ingress")
    rules = (await groups(following.made))["policy/default/p/ingress"]
    assert [(r["ethertype"], r["remote_group"]) for r in rules] == [("IPv4", peer), ("IPv6", peer)]
    server.put(policy("p", podSelector={"matchLabels": {"app": "x"}}, ingress=FROM_Y))
    await following.has("b", *OPEN_KEYS, peer)
    server.remove(given)
    await following.has("a", *OPEN_KEYS)
    server.remove(pod)

    async def only_a() -> bool:
        left = {"node-traffic", "nodes", *OPEN_KEYS}
        return {*await pods(following.made)} == {"default/a"} and {
            *await groups(following.made)
        } == left

    await eventually(only_a, "only a")


async def test_the_baseline_gives_way_to_policies_of_namespaces(following: Following) -> None:
    server = following.server
    deny = {"action": "Deny", "from": [{"namespaces": {}}]}
    server.put(cluster_policy("strict", ingress=[deny | {"action": "Pass"}]))
    server.put(cluster_policy("last", tier="Baseline", priority=9, ingress=[deny]))
    last = "baseline/last/ingress"
    await following.has("a", *OPEN_KEYS, "admin/strict/ingress", last, "peer/{}/")
    (rule, _) = (await groups(following.made))[last]
    assert (rule["tier"], rule["action"], rule["order"]) == ("baseline", "deny", 9 * 128 + 1)
    server.put(policy("p", ingress=FROM_Y))
    mine = "open-egress", "policy/default/p/ingress"
    await following.has("a", *mine, "admin/strict/ingress", "peer/{}/")


async def test_nodes_and_names_are_address_groups(following: Following) -> None:
    server = following.server
    following.names["a.example"] = {"192.0.2.80"}
    server.put(node("n1", "192.0.2.1", zone="a"), node("n2", "192.0.2.2", "2001:db8::2", zone="b"))
    to = [{"nodes": {"matchLabels": {"zone": "b"}}}, {"domainNames": ["A.example."]}]
    server.put(cluster_policy("p", egress=[{"action": "Accept", "to": to}]))

    async def holds(nodes: list[str], names: list[str]) -> None:
        async def those() -> bool:
            found = await addresses(following.made)
            return found == {"nodes/zone=b": nodes, "domain/a.example": names}

        await eventually(those, f"{nodes} {names}")

    await holds(["192.0.2.2/32", "2001:db8::2/128"], ["192.0.2.80/32"])
    server.put(node("n1", "192.0.2.1", zone="b"))
    server.remove(node("n2", zone="b"))
    await holds(["192.0.2.1/32"], ["192.0.2.80/32"])
    server.remove(cluster_policy("p"))

    async def none() -> bool:
        return await addresses(following.made) == {}

    await eventually(none, "no address groups")


async def test_older_kinds_are_followed_beside_the_newer(following: Following) -> None:
    server = following.server
    rule = {"action": "Allow", "from": [{"namespaces": {}}]}
    rule |= {"ports": [{"portNumber": {"protocol": "UDP", "port": 53}}]}
    server.put(admin_policy("p", priority=3, ingress=[rule]))
    server.put(admin_policy("default", ingress=[rule | {"action": "Deny"}]))
    server.put(cluster_policy("p", ingress=[{"action": "Pass", "from": [{"namespaces": {}}]}]))
    admin, last = "admin/AdminNetworkPolicy:p", "baseline/BaselineAdminNetworkPolicy:default"
    mine = "admin/p/ingress", f"{admin}/ingress", f"{last}/ingress", "peer/{}/"
    await following.has("a", *OPEN_KEYS, *mine)
    told = await groups(following.made)
    assert [rule["order"] for rule in told[f"{admin}/ingress"]] == [3 * 128 + 1] * 2
    assert [rule["order"] for rule in told[f"{last}/ingress"]] == [1001 * 128 + 1] * 2


async def test_a_status_says_what_of_a_policy_is_not_followed(following: Following) -> None:
    server = following.server
    wild = {"action": "Accept", "to": [{"domainNames": ["a.example", "*.example"]}]}
    server.put(cluster_policy("wild", egress=[wild]), admin_policy("fine"))

    def said(plural: str, name: str) -> dict[str, Any]:
        status = server.stored.objects[(plural, "", name)].get("status", {})
        return {one["type"]: one for one in status.get("conditions", ())}

    await until(lambda: "Ready" in said("clusternetworkpolicies", "wild"))
    accepted = said("clusternetworkpolicies", "wild")["Accepted"]
    assert (accepted["status"], accepted["reason"]) == ("False", "NotSupported")
    assert accepted["message"].startswith("spec.egress[0].to[0].domainNames[1]: wildcards")
    await until(lambda: "Ready" in said("adminnetworkpolicies", "fine"))
    fine = said("adminnetworkpolicies", "fine")
    assert {type: one["status"] for type, one in fine.items()} == {
        "Accepted": "True",
        "Ready": "True",
    }

    def events() -> list[Object]:
        return [item for where, item in server.stored.objects.items() if where[0] == "events"]

    await until(lambda: bool(events()))
    (event,) = events()
    assert (event["regarding"]["name"], event["reason"]) == ("wild", "NotSupported")


async def test_annotations_name_groups_that_are_for_pods_and_no_others(
    following: Following, parts: Parts
) -> None:
    made = following.made
    ids = {}
    for name, tags in {"for-app": ["for-pods"], "for-space": ["for-pods"], "secret": []}.items():
        body = {"security_group": {"name": name}}
        group = (await made.client.post(GROUPS, json=body, headers=MEMBER)).json()
        ids[name] = group["security_group"]["id"]
        tagged = f"{GROUPS}/{ids[name]}/tags"
        await made.client.put(tagged, json={"tags": tags}, headers=MEMBER)
    spaced = namespace("default")
    spaced["metadata"]["annotations"] = {"polpo.dev/security-groups": "for-space"}
    following.server.put(spaced)
    for pod, groups in {"b": f" {ids['for-app']},for-space", "c": "secret"}.items():
        given = labelled_pod(pod, app="x")
        given["metadata"]["annotations"] = {"polpo.dev/security-groups": groups}
        following.server.put(given)

    def of(name: str) -> set[str]:
        known = (p for p in parts.store.snapshot.all(PodGroups) if p.name == f"default/{name}")
        return {group for pod in known for group in pod.group_ids} & set(ids.values())

    async def those() -> bool:
        return of("b") == {ids["for-app"], ids["for-space"]} and of("a") == {ids["for-space"]}

    await eventually(those, "the groups that annotations name")
    assert of("c") == set()
    assert (await pods(made))["default/c"] == ["node-traffic"]

    def told() -> list[Object]:
        stored = following.server.stored.objects.items()
        return [item for where, item in stored if where[0] == "events"]

    await until(lambda: bool(told()))
    (event,) = told()
    assert (event["regarding"]["kind"], event["regarding"]["name"]) == ("Pod", "c")
    assert event["note"].endswith("Until that is mended only its host reaches it.")


async def test_what_happened_while_nobody_followed_is_made_up_for(following: Following) -> None:
    following.server.put(policy("p"))
    await following.has("a", "open-egress", "policy/default/p/ingress")
    await following.end()
    following.server.remove(policy("p"))
    following.server.put(policy("q", policyTypes=["Egress"]))
    following.follow()
    await following.has("a", "open-ingress", "policy/default/q/egress")
    assert "policy/default/p/ingress" not in await groups(following.made)


async def test_policies_stay_while_the_kubernetes_api_is_away(following: Following) -> None:
    server = following.server
    server.put(policy("p"))
    await following.has("a", "open-egress", "policy/default/p/ingress")
    await server.stop()
    server.remove(policy("p"))
    server.put(labelled_pod("b", app="x"))
    await following.has("a", "open-egress", "policy/default/p/ingress")
    assert "default/b" not in await pods(following.made)
    await server.start()
    await following.has("a", *OPEN_KEYS)
    await following.has("b", *OPEN_KEYS)


async def test_who_begins_anew_tells_nothing_that_is_known(following: Following) -> None:
    following.server.put(policy("p", ingress=FROM_Y, egress=[{}]))
    await following.has("a", "policy/default/p/egress", "policy/default/p/ingress")
    await following.end()
    before = following.api.posts
    following.follow()
    following.server.put(labelled_pod("b", app="x"))
    await following.has("b", "policy/default/p/egress", "policy/default/p/ingress")
    assert following.api.posts == before + 1


async def test_a_network_that_is_away_is_told_later(following: Following) -> None:
    await following.has("a", *OPEN_KEYS)
    following.api.away = True
    following.server.put(policy("p"))
    await until(lambda: following.api.unanswered > 0)
    following.api.away = False
    await following.has("a", "open-egress", "policy/default/p/ingress")


async def test_groups_that_somebody_has_changed_are_mended(
    following: Following, parts: Parts
) -> None:
    await following.has("a", *OPEN_KEYS)
    await following.end()
    following.follow(compare_s=0.05)
    known = {g.cluster_key: g for g in parts.store.snapshot.all(SecurityGroup) if g.cluster_id}
    before = await groups(following.made)
    rules = parts.store.snapshot.by(SecurityGroupRule, "security_group", known["open-egress"].id)
    gone = [f"{RULES}/{next(iter(rules)).id}", f"{GROUPS}/{known['nodes'].id}"]
    for path in gone:
        assert (await following.made.client.delete(path, headers=MEMBER)).status_code == 204

    async def mended() -> bool:
        return await groups(following.made) == before

    await eventually(mended, "mended")


def of_the_host(name: str) -> Object:
    made = labelled_pod(name, app="x")
    made["spec"]["hostNetwork"] = True
    return made


async def test_a_pod_of_its_hosts_network_is_no_member(following: Following) -> None:
    following.server.put(of_the_host("h"), labelled_pod("z", app="x"))
    await following.has("z", *OPEN_KEYS)
    assert "default/h" not in await pods(following.made)
