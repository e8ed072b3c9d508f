"""Whole trees in one request, and all members of a pool in one."""

from typing import Any

import pytest

from polpo.testing.load_balancers import LoadBalancerCloud, Refused

TREE: dict[str, Any] = {
    "name": "tree",
    "pools": [
        {
            "name": "web",
            "protocol": "HTTP",
            "lb_algorithm": "ROUND_ROBIN",
            "members": [
                {"address": "10.0.0.11", "protocol_port": 80},
                {"address": "10.0.0.12", "protocol_port": 80, "weight": 3},
            ],
            "healthmonitor": {"type": "HTTP", "delay": 5, "timeout": 3, "max_retries": 2},
        }
    ],
    "listeners": [
        {
            "name": "http",
            "protocol": "HTTP",
            "protocol_port": 80,
            "default_pool": {"name": "web"},
            "l7policies": [
                {
                    "action": "REDIRECT_TO_POOL",
                    "redirect_pool": {
                        "name": "images",
                        "protocol": "HTTP",
                        "lb_algorithm": "SOURCE_IP",
                    },
                    "rules": [{"type": "FILE_TYPE", "compare_type": "EQUAL_TO", "value": "png"}],
                },
                {"action": "REJECT"},
            ],
        },
        {"name": "again", "protocol": "HTTP", "protocol_port": 81, "default_pool": {"name": "web"}},
    ],
}


async def refused(asked: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value


async def test_a_whole_tree_is_made_at_once(balancers: LoadBalancerCloud) -> None:
    subnet = await balancers.subnet()
    start = balancers.cloud.store.snapshot.revision
    made = await balancers.make("loadbalancer", vip_subnet_id=subnet["id"], **TREE)
    assert balancers.cloud.store.snapshot.revision == start + 1
    pools = {pool["name"]: pool for pool in made["pools"]}
    listeners = {listener["name"]: listener for listener in made["listeners"]}
    assert {m["weight"] for m in pools["web"]["members"]} == {1, 3}
    assert pools["web"]["healthmonitor"]["type"] == "HTTP"
    assert listeners["http"]["default_pool_id"] == pools["web"]["id"]
    assert listeners["again"]["default_pool_id"] == pools["web"]["id"]
    first, second = listeners["http"]["l7policies"]
    assert first["redirect_pool_id"] == pools["images"]["id"]
    assert first["rules"][0]["value"] == "png"
    assert (first["position"], second["position"]) == (1, 2)
    shown = await balancers.show("loadbalancer", made["id"])
    assert len(shown["listeners"]) == len(shown["pools"]) == 2
    status = (await balancers.get(f"loadbalancers/{made['id']}/status"))["statuses"]
    assert len(status["loadbalancer"]["listeners"]) == 2


async def test_one_load_balancer_is_not_without_end(balancers: LoadBalancerCloud) -> None:
    """All writers wait for one transaction, and all of a host's load balancers for one HAProxy."""
    subnet = (await balancers.subnet())["id"]
    ports = [{"protocol": "TCP", "protocol_port": n} for n in range(1, 1002)]
    over = await refused(balancers.make("loadbalancer", vip_subnet_id=subnet, listeners=ports))
    assert over.status == 403
    assert over.message.endswith("Listener (a load balancer may have 1000)")
    made = await balancers.make("loadbalancer", vip_subnet_id=subnet, listeners=ports[:1000])
    assert len(made["listeners"]) == 1000
    over = await refused(balancers.listener(made, "TCP", 1001))
    assert over.status == 403


@pytest.mark.parametrize(
    ("branch", "wrong"),
    [
        ("listeners", [{"protocol": "HTTP"}]),
        ("listeners", [{"protocol": "HTTP", "protocol_port": 80, "default_pool": {"name": "x"}}]),
        ("listeners", {"protocol": "HTTP"}),
        ("pools", ["x"]),
        ("pools", [{"protocol": "HTTP", "lb_algorithm": "ROUND_ROBIN", "members": [1]}]),
    ],
)
async def test_a_tree_with_a_fault_is_not_made_at_all(
    balancers: LoadBalancerCloud, branch: str, wrong: Any
) -> None:
    subnet = await balancers.subnet()
    revision = balancers.cloud.store.snapshot.revision
    asked = {"vip_subnet_id": subnet["id"], branch: wrong}
    assert (await refused(balancers.make("loadbalancer", **asked))).status == 400
    assert balancers.cloud.store.snapshot.revision == revision


async def members(balancers: LoadBalancerCloud, pool: Any) -> dict[str, Any]:
    listed = await balancers.get(f"pools/{pool['id']}/members")
    return {member["address"]: member for member in listed["members"]}


async def test_members_are_replaced_in_one_request(balancers: LoadBalancerCloud) -> None:
    pool = await balancers.pool(await balancers.balancer())
    kept = await balancers.member(pool, "10.0.0.1", name="one", weight=9)
    await balancers.member(pool, "10.0.0.2")
    path = f"/lbaas/pools/{pool['id']}/members"
    wanted = [
        {"address": "10.0.0.1", "protocol_port": 80, "weight": 2},
        {"address": "10.0.0.3", "protocol_port": 80},
    ]
    await balancers.ask("PUT", path, {"members": wanted})
    found = await members(balancers, pool)
    assert found.keys() == {"10.0.0.1", "10.0.0.3"}
    assert found["10.0.0.1"]["id"] == kept["id"]
    assert (found["10.0.0.1"]["name"], found["10.0.0.1"]["weight"]) == ("one", 2)
    more = [{"address": "10.0.0.4", "protocol_port": 80}]
    await balancers.ask("PUT", f"{path}?additive_only=True", {"members": more})
    assert len(await members(balancers, pool)) == 3
    twice = await refused(balancers.ask("PUT", path, {"members": more * 2}))
    assert twice.status == 400
    assert len(await members(balancers, pool)) == 3
    await balancers.ask("PUT", path, {"members": []})
    assert await members(balancers, pool) == {}
