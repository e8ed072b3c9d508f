"""Quotas, providers, flavors, zones, instances: what the cloud's admin has a hand in."""

from typing import Any

import pytest

from polpo.api.context import Carrying, Instance
from polpo.model.placement import instance_id
from polpo.target.balancer import Flow
from polpo.testing.load_balancers import LoadBalancerCloud, Refused


async def refused(asked: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value


async def ask(balancers: LoadBalancerCloud, method: str, path: str, body: Any = None) -> Any:
    return await balancers.ask(method, path, body, who="admin")


async def test_a_quota_is_a_limit_until_it_is_taken_away(balancers: LoadBalancerCloud) -> None:
    project = balancers.cloud.identity.project_id("shop")
    path = f"/lbaas/quotas/{project}"
    assert (await balancers.get(f"quotas/{project}"))["quota"]["load_balancer"] == -1
    limited = await ask(balancers, "PUT", path, {"quota": {"load_balancer": 1, "member": 0}})
    assert (limited["quota"]["loadbalancer"], limited["quota"]["load_balancer"]) == (1, 1)
    balancer = await balancers.balancer()
    over = await refused(balancers.balancer())
    assert (over.status, over.message) == (403, "Quota has been met for resources: Load Balancer")
    pool = await balancers.pool(balancer)
    assert (await refused(balancers.member(pool))).status == 403
    assert (await refused(balancers.ask("PUT", path, {"quota": {"pool": 1}}))).status == 403
    assert (await refused(ask(balancers, "PUT", path, {"quota": {"pool": "x"}}))).status == 400
    (listed,) = (await ask(balancers, "GET", "/lbaas/quotas"))["quotas"]
    assert listed["project_id"] == project
    await ask(balancers, "DELETE", path)
    await balancers.member(pool)
    assert (await balancers.get("quotas/defaults"))["quota"]["l7rule"] == -1


async def flavor(balancers: LoadBalancerCloud, data: str, **more: Any) -> Any:
    asked = {"name": "p", "provider_name": "amphora", "flavor_data": data}
    made = await ask(balancers, "POST", "/lbaas/flavorprofiles", {"flavorprofile": asked})
    asked = {"name": "f", "flavor_profile_id": made["flavorprofile"]["id"], **more}
    return (await ask(balancers, "POST", "/lbaas/flavors", {"flavor": asked}))["flavor"]


async def test_a_flavor_may_say_that_one_instance_is_enough(balancers: LoadBalancerCloud) -> None:
    settings = '{"loadbalancer_topology": "SINGLE", "memory_mib": 256, "access_log": true}'
    chosen = await flavor(balancers, settings)
    balancer = await balancers.balancer(flavor_id=chosen["id"])
    assert balancers.kept(balancer["id"]).topology == "SINGLE"
    assert balancers.kept(balancer["id"]).memory_mib == 256
    assert balancers.kept(balancer["id"]).access_log
    assert [end.device_id for end in balancers.ends()] == [instance_id(balancer["id"], 3)]
    (seen,) = (await balancers.get("flavors"))["flavors"]
    assert seen == chosen
    used = await refused(ask(balancers, "DELETE", f"/lbaas/flavors/{chosen['id']}"))
    assert used.status == 409
    profile = f"/lbaas/flavorprofiles/{chosen['flavor_profile_id']}"
    assert (await refused(ask(balancers, "DELETE", profile))).status == 409
    await balancers.remove(f"loadbalancers/{balancer['id']}")
    await ask(balancers, "DELETE", f"/lbaas/flavors/{chosen['id']}")
    await ask(balancers, "DELETE", profile)
    assert (await balancers.get("flavors"))["flavors"] == []


@pytest.mark.parametrize(
    "data",
    [
        "",
        "[]",
        '{"x": "y"}',
        '{"loadbalancer_topology": "TRIPLE"}',
        '{"memory_mib": "63"}',
        '{"access_log": "perhaps"}',
        '{"memory_mib": "²"}',
    ],
)
async def test_a_profile_says_only_what_is_known(balancers: LoadBalancerCloud, data: str) -> None:
    assert (await refused(flavor(balancers, data))).status == 400


async def test_a_flavor_that_is_switched_off_is_for_nobody(balancers: LoadBalancerCloud) -> None:
    chosen = await flavor(balancers, "{}", enabled=False)
    assert (await refused(balancers.balancer(flavor_id=chosen["id"]))).status == 400
    path = f"/lbaas/flavors/{chosen['id']}"
    body = {"flavor": {"enabled": True}}
    assert (await refused(balancers.ask("PUT", path, body))).status == 403
    await ask(balancers, "PUT", path, body)
    await balancers.balancer(flavor_id=chosen["id"])


async def test_a_zone_says_where_instances_are_to_be(balancers: LoadBalancerCloud) -> None:
    path = "/lbaas/availabilityzoneprofiles"
    data = '{"compute_zone": "north"}'
    asked = {"name": "p", "provider_name": "octavia", "availability_zone_data": data}
    profile = await ask(balancers, "POST", path, {"availability_zone_profile": asked})
    asked = {"name": "N"}
    asked["availability_zone_profile_id"] = profile["availability_zone_profile"]["id"]
    await ask(balancers, "POST", "/lbaas/availabilityzones", {"availability_zone": asked})
    balancer = await balancers.balancer(availability_zone="N")
    assert balancers.kept(balancer["id"]).compute_zone == "north"
    assert balancer["availability_zone"] == "N"
    shown = (await balancers.get("availabilityzones/N"))["availability_zone"]
    assert (shown["name"], "id" in shown) == ("N", False)
    assert (await refused(ask(balancers, "DELETE", "/lbaas/availabilityzones/N"))).status == 409
    assert (await refused(balancers.balancer(availability_zone="S"))).status == 400


async def test_providers_say_what_they_can(balancers: LoadBalancerCloud) -> None:
    names = {p["name"] for p in (await balancers.get("providers"))["providers"]}
    assert names == {"amphora", "octavia", "switch"}
    path = "providers/amphora/flavor_capabilities"
    able = (await balancers.get(path, "admin"))["flavor_capabilities"]
    assert {one["name"] for one in able} == {"loadbalancer_topology", "memory_mib", "access_log"}
    path = "providers/amphora/availability_zone_capabilities"
    (able,) = (await balancers.get(path, "admin"))["availability_zone_capabilities"]
    assert able["name"] == "compute_zone"
    assert (await refused(balancers.get("providers/f5/flavor_capabilities", "admin"))).status == 400


async def test_what_nothing_carries_is_refused_in_octavias_words(
    balancers: LoadBalancerCloud,
) -> None:
    switched = await balancers.balancer(provider="switch")
    proxied = await balancers.balancer()
    tcp = await balancers.listener(switched, "TCP", 80)
    for provider, asked in (
        ("switch", balancers.listener(switched, "HTTP", 81)),
        ("switch", balancers.listener(switched, "TCP", 82, connection_limit=9)),
        ("switch", balancers.pool(switched, "HTTP")),
        ("switch", balancers.pool(switched, "TCP", lb_algorithm="LEAST_CONNECTIONS")),
        ("switch", balancers.pool(switched, "TCP", tls_enabled=True)),
        (
            "switch",
            balancers.pool(switched, "TCP", session_persistence={"type": "HTTP_COOKIE"}),
        ),
        ("switch", balancers.make("l7policy", listener_id=tcp["id"], action="REJECT")),
        ("amphora", balancers.pool(proxied, "UDP", lb_algorithm="LEAST_CONNECTIONS")),
        (
            "amphora",
            balancers.pool(
                proxied,
                "UDP",
                session_persistence={
                    "type": "SOURCE_IP",
                    "persistence_granularity": "255.255.0.0",
                },
            ),
        ),
    ):
        no = await refused(asked)
        assert no.status == 501
        assert no.message.startswith(f"Provider '{provider}' does not support a requested action")


async def test_the_switch_carries_udp_for_every_provider(balancers: LoadBalancerCloud) -> None:
    for provider in ("amphora", "switch"):
        balancer = await balancers.balancer(provider=provider)
        pool = await balancers.pool(balancer, "UDP", session_persistence={"type": "SOURCE_IP"})
        await balancers.listener(balancer, "UDP", 53, default_pool_id=pool["id"])
        await balancers.member(pool, port=53)


async def test_the_admin_sees_instances_and_makes_them_change(
    balancers: LoadBalancerCloud,
) -> None:
    balancer = await balancers.balancer()
    listener = await balancers.listener(balancer)
    first, second = (instance_id(balancer["id"], n) for n in (3, 4))
    balancers.cloud.hosts.carrying[balancer["id"]] = Carrying(
        reached=99,
        flows={listener["id"]: Flow(1, 2, 3, 4, 5)},
        instances={first: Instance("a", "192.0.2.1", "MASTER"), second: Instance("b", "")},
    )
    seen = {a["id"]: a for a in (await ask(balancers, "GET", "/octavia/amphorae"))["amphorae"]}
    assert seen.keys() == {first, second}
    assert (seen[first]["role"], seen[first]["lb_network_ip"]) == ("MASTER", "192.0.2.1")
    assert seen[second]["status"] == "ALLOCATED"
    assert seen[first]["ha_ip"] == balancer["vip_address"]
    named = f"/octavia/amphorae?loadbalancer_id={balancer['id']}&role=MASTER"
    assert len((await ask(balancers, "GET", named))["amphorae"]) == 1
    path = f"/octavia/amphorae/{first}"
    (stats,) = (await ask(balancers, "GET", f"{path}/stats"))["amphora_stats"]
    assert (stats["bytes_in"], stats["request_errors"]) == (1, 5)
    await ask(balancers, "PUT", f"{path}/failover")
    await ask(balancers, "PUT", f"{path}/config")
    await ask(balancers, "PUT", f"/lbaas/loadbalancers/{balancer['id']}/failover")
    assert balancers.kept(balancer["id"]).wish == 2
    assert (await refused(balancers.ask("GET", "/octavia/amphorae"))).status == 403
    no = await refused(balancers.ask("PUT", f"/lbaas/loadbalancers/{balancer['id']}/failover"))
    assert (no.status, "Policy" in no.message) == (403, True)
    total = (await balancers.get(f"loadbalancers/{balancer['id']}/stats"))["stats"]
    assert total["bytes_out"] == 2
