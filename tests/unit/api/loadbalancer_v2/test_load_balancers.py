"""Load balancers with what hangs on them, and the ports that they have."""

from typing import Any

import pytest

from polpo.api.loadbalancer_v2.guard import group_id
from polpo.model.load_balancer import LoadBalancer
from polpo.model.placement import instance_id
from polpo.model.port import AddressPair, Port
from polpo.model.security_group import SecurityGroup, SecurityGroupRule
from polpo.testing.load_balancers import LoadBalancerCloud, Refused
from polpo.testing.network import Refused as PortRefused


async def refused(asked: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value


def open_ports(balancers: LoadBalancerCloud, id: str) -> set[tuple[Any, ...]]:
    rules = balancers.cloud.store.snapshot.by(SecurityGroupRule, "security_group", group_id(id))
    return {
        (r.ethertype, r.protocol, r.port_range_min, r.remote_ip_prefix)
        for r in rules
        if r.direction == "ingress" and "icmp" not in str(r.protocol)
    }


async def test_a_new_load_balancer_has_octavias_defaults(balancers: LoadBalancerCloud) -> None:
    subnet = await balancers.subnet()
    made = await balancers.make("loadbalancer", vip_subnet_id=subnet["id"], name="web")
    project = balancers.cloud.identity.project_id("shop")
    assert made == {
        "id": made["id"],
        "name": "web",
        "description": "",
        "project_id": project,
        "tenant_id": project,
        "admin_state_up": True,
        "provisioning_status": "ACTIVE",
        "operating_status": "ONLINE",
        "created_at": made["created_at"],
        "updated_at": None,
        "tags": [],
        "vip_address": made["vip_address"],
        "vip_network_id": subnet["network_id"],
        "vip_port_id": made["vip_port_id"],
        "vip_subnet_id": subnet["id"],
        "vip_qos_policy_id": None,
        "vip_vnic_type": "normal",
        "vip_sg_ids": [],
        "additional_vips": [],
        "provider": "amphora",
        "flavor_id": None,
        "availability_zone": None,
        "listeners": [],
        "pools": [],
    }
    assert await balancers.show("loadbalancer", made["id"]) == made
    assert "Z" not in made["created_at"]


async def test_its_address_is_held_by_a_port_of_the_users(balancers: LoadBalancerCloud) -> None:
    made = await balancers.balancer(vip_address="10.0.0.7")
    port = await balancers.cloud.show("port", made["vip_port_id"])
    assert port["device_owner"] == "Octavia"
    assert port["device_id"] == f"lb-{made['id']}"
    assert port["name"] == f"octavia-lb-{made['id']}"
    assert port["fixed_ips"] == [
        {"subnet_id": made["vip_subnet_id"], "ip_address": made["vip_address"]}
    ]
    assert made["vip_address"] == "10.0.0.7"


async def test_each_instance_has_a_port_beside_the_vip(balancers: LoadBalancerCloud) -> None:
    made = await balancers.balancer()
    ends = balancers.ends()
    assert {end.device_id for end in ends} == {instance_id(made["id"], n) for n in (3, 4)}
    for end in ends:
        assert end.name == f"octavia-lb-vrrp-{end.device_id}"
        assert end.network_id == made["vip_network_id"]
        assert end.project_id == ""
        assert end.host == ""
        assert end.port_security_enabled
        assert end.security_groups == (group_id(made["id"]),)
        assert end.allowed_address_pairs == (AddressPair(made["vip_address"]),)
        assert len(end.fixed_ips) == 1
        assert end.fixed_ips[0].ip_address != made["vip_address"]


async def test_members_elsewhere_are_reached_by_ports_there(balancers: LoadBalancerCloud) -> None:
    balancer = await balancers.balancer()
    pool = await balancers.pool(balancer)
    other = await balancers.subnet("10.9.0.0/24")
    first = await balancers.member(pool, "10.9.0.4", subnet_id=other["id"])
    second = await balancers.member(pool, "10.9.0.5", subnet_id=other["id"])
    there = [end for end in balancers.ends() if end.network_id == other["network_id"]]
    assert [end.name for end in there] == sorted(
        f"octavia-lb-member-{instance_id(balancer['id'], n)}" for n in (3, 4)
    )
    assert all(len(end.fixed_ips) == 1 and not end.allowed_address_pairs for end in there)
    await balancers.remove(f"pools/{pool['id']}/members/{first['id']}")
    assert len(balancers.ends()) == 4
    await balancers.remove(f"pools/{pool['id']}/members/{second['id']}")
    assert len(balancers.ends()) == 2


async def test_only_what_listeners_ask_for_is_let_in(balancers: LoadBalancerCloud) -> None:
    balancer = await balancers.balancer()
    assert open_ports(balancers, balancer["id"]) == set()
    listener = await balancers.listener(balancer, port=80)
    await balancers.listener(balancer, "TCP", 53, allowed_cidrs=["10.1.0.0/16"])
    assert open_ports(balancers, balancer["id"]) == {
        ("IPv4", "tcp", 80, None),
        ("IPv6", "tcp", 80, None),
        ("IPv4", "tcp", 53, "10.1.0.0/16"),
    }
    await balancers.remove(f"listeners/{listener['id']}")
    assert open_ports(balancers, balancer["id"]) == {("IPv4", "tcp", 53, "10.1.0.0/16")}


async def test_nothing_is_left_of_one_that_is_removed(balancers: LoadBalancerCloud) -> None:
    snapshot = balancers.cloud.store.snapshot
    before = {kind: snapshot.count(kind) for kind in (Port, SecurityGroup, SecurityGroupRule)}
    balancer = await balancers.balancer()
    await balancers.remove(f"loadbalancers/{balancer['id']}")
    snapshot = balancers.cloud.store.snapshot
    assert {kind: snapshot.count(kind) for kind in before} == before
    assert (await refused(balancers.show("loadbalancer", balancer["id"]))).status == 404


async def test_one_with_children_goes_only_in_a_cascade(balancers: LoadBalancerCloud) -> None:
    balancer = await balancers.balancer()
    listener = await balancers.listener(balancer)
    pool = await balancers.pool(balancer)
    await balancers.member(pool)
    policy = await balancers.make("l7policy", listener_id=listener["id"], action="REJECT")
    rule = {"type": "PATH", "compare_type": "EQUAL_TO", "value": "/x"}
    await balancers.make("rule", at=f"l7policies/{policy['id']}/rules", **rule)
    no = await refused(balancers.remove(f"loadbalancers/{balancer['id']}"))
    assert (no.status, "has children" in no.message) == (400, True)
    await balancers.remove(f"loadbalancers/{balancer['id']}?cascade=true")
    assert (await balancers.get("listeners"))["listeners"] == []
    assert (await balancers.get("pools"))["pools"] == []
    assert balancers.ends() == []


async def test_every_change_of_the_tree_is_one_that_hosts_must_reach(
    balancers: LoadBalancerCloud,
) -> None:
    balancer = await balancers.balancer()

    def moved() -> bool:
        return balancers.kept(balancer["id"]).wiring == balancers.cloud.store.snapshot.revision

    assert moved()
    listener = await balancers.listener(balancer)
    assert moved()
    pool = await balancers.pool(balancer)
    assert moved()
    member = await balancers.member(pool)
    assert moved()
    await balancers.change("member", member["id"], at=f"pools/{pool['id']}/members", weight=7)
    assert moved()
    await balancers.change("listener", listener["id"], default_pool_id=pool["id"])
    assert moved()
    await balancers.remove(f"pools/{pool['id']}")
    assert moved()
    assert (await balancers.show("listener", listener["id"]))["default_pool_id"] is None


async def test_a_port_of_ones_own_stays(balancers: LoadBalancerCloud) -> None:
    cloud = balancers.cloud
    network = await cloud.network()
    port = await cloud.make("port", network_id=network["id"])
    made = await balancers.balancer(vip_port_id=port["id"])
    assert made["vip_address"] == port["fixed_ips"][0]["ip_address"]
    again = await refused(balancers.balancer(vip_port_id=port["id"]))
    assert again.status == 409
    with pytest.raises(PortRefused) as held:
        await cloud.remove("port", port["id"])
    assert held.value.status == 409
    await balancers.remove(f"loadbalancers/{made['id']}")
    await cloud.remove("port", port["id"])


async def test_users_cannot_touch_the_ports_of_instances(balancers: LoadBalancerCloud) -> None:
    await balancers.balancer()
    end = balancers.ends()[0]
    changes: list[dict[str, Any]] = [{"security_groups": []}, {"fixed_ips": []}, {"device_id": "x"}]
    for what in changes:
        with pytest.raises(PortRefused):
            await balancers.cloud.change("port", end.id, "admin", **what)
    with pytest.raises(PortRefused):
        await balancers.cloud.remove("port", end.id)


async def test_a_load_balancer_may_have_addresses_of_both_families(
    balancers: LoadBalancerCloud,
) -> None:
    four = await balancers.subnet()
    six = await balancers.subnet("fd00::/64", four["network_id"])
    more = [{"subnet_id": six["id"]}]
    made = await balancers.balancer(vip_subnet_id=four["id"], additional_vips=more)
    (added,) = made["additional_vips"]
    assert added["subnet_id"] == six["id"]
    for end in balancers.ends():
        assert {fixed.subnet_id for fixed in end.fixed_ips} == {four["id"], six["id"]}
        pairs = {pair.ip_address for pair in end.allowed_address_pairs}
        assert pairs == {made["vip_address"], added["ip_address"]}


async def test_a_network_alone_is_enough_to_say(balancers: LoadBalancerCloud) -> None:
    subnet = await balancers.subnet()
    made = await balancers.balancer(vip_network_id=subnet["network_id"])
    assert made["vip_subnet_id"] == subnet["id"]
    assert (await refused(balancers.make("loadbalancer", name="nowhere"))).status == 400


async def test_projects_do_not_see_each_others(balancers: LoadBalancerCloud) -> None:
    balancer = await balancers.balancer()
    listener = await balancers.listener(balancer)
    assert (await balancers.get("loadbalancers", "olaf"))["loadbalancers"] == []
    for path in (f"loadbalancers/{balancer['id']}", f"listeners/{listener['id']}"):
        for method in ("GET", "DELETE", "PUT"):
            body: dict[str, Any] = {"listener": {}, "loadbalancer": {}}
            no = await refused(balancers.ask(method, f"/lbaas/{path}", body, who="olaf"))
            assert no.status == 404
    asked = {"protocol": "TCP", "protocol_port": 1, "loadbalancer_id": balancer["id"]}
    assert (await refused(balancers.make("listener", "olaf", **asked))).status == 404
    assert (await refused(balancers.make("listener", "rea", **asked))).status == 403
    assert (await balancers.show("loadbalancer", balancer["id"], "rea"))["id"] == balancer["id"]


async def test_what_is_refused_changes_nothing(balancers: LoadBalancerCloud) -> None:
    subnet = await balancers.subnet()
    revision = balancers.cloud.store.snapshot.revision
    for wrong in (
        {"vip_address": "10.99.0.1"},
        {"provider": "f5"},
        {"name": "a\nb"},
        {"vip_qos_policy_id": subnet["id"]},
        {"additional_vips": [{"subnet_id": subnet["network_id"]}]},
        {"nonsense": 1},
    ):
        asked = {"vip_subnet_id": subnet["id"], **wrong}
        assert (await refused(balancers.make("loadbalancer", **asked))).status in (400, 404)
    assert balancers.cloud.store.snapshot.revision == revision
    assert balancers.cloud.store.snapshot.count(LoadBalancer) == 0


async def test_groups_of_ones_own_are_in_the_place_of_the_cloud_s(
    balancers: LoadBalancerCloud,
) -> None:
    cloud = balancers.cloud
    group = await cloud.make("security_group", name="mine")
    theirs = await cloud.make("security_group", "olaf", name="theirs")
    balancer = await balancers.balancer(vip_sg_ids=[group["id"]])
    assert {end.security_groups for end in balancers.ends()} == {(group["id"],)}
    assert balancer["vip_sg_ids"] == [group["id"]]
    port = await cloud.make("port", network_id=balancer["vip_network_id"])
    for where in ({"vip_port_id": port["id"]}, {"vip_subnet_id": balancer["vip_subnet_id"]}):
        asked = balancers.balancer(vip_sg_ids=[theirs["id"]], **where)
        assert (await refused(asked)).status == 404
    changed = balancers.change("loadbalancer", balancer["id"], vip_sg_ids=[theirs["id"]])
    assert (await refused(changed)).status == 404
    await balancers.change("loadbalancer", balancer["id"], vip_sg_ids=None)
    assert {end.security_groups for end in balancers.ends()} == {(group_id(balancer["id"]),)}


async def test_nobody_gets_ports_in_networks_that_are_not_theirs(
    balancers: LoadBalancerCloud,
) -> None:
    pool = await balancers.pool(await balancers.balancer())
    outside = await balancers.cloud.external()
    private = await balancers.cloud.network(who="olaf")
    for network, status in ((outside, 403), (private, 400)):
        asked = balancers.member(pool, "203.0.113.9", subnet_id=network["subnets"][0])
        assert (await refused(asked)).status == status
        front = balancers.balancer(vip_subnet_id=network["subnets"][0])
        assert (await refused(front)).status == status
    assert len(balancers.ends()) == 2
