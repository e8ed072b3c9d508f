"""Where routers' gateways are, as the admin sees it; and what floating IPs say of themselves."""

from typing import Any

import pytest

from polpo.api.context import HostReport
from polpo.model.host import Host
from polpo.model.placement import HIGH, Placement, instance_id
from polpo.model.router import Router
from polpo.testing.network import NetworkCloud, Refused

IDS = {name: f"{n}1111111-1111-4111-8111-111111111111" for n, name in enumerate(("h1", "h2", "h3"))}


async def placed(cloud: NetworkCloud, *hosts: str, **attributes: Any) -> Router:
    """A router of mia's with its gateway on these hosts; a third host has none."""

    def act(tx: Any) -> None:
        for name, id in IDS.items():
            zone = "x" if name == "h1" else "y"
            host = Host(id=id, name=name, address=name, token_hash=name, availability_zone=zone)
            tx.put(host)

    await cloud.store.write(act)
    made = await cloud.make(
        "router", "admin", project_id=cloud.identity.project_id("shop"), **attributes
    )
    for instance, host in zip((3, 4), hosts, strict=False):
        placement = Placement(
            id=instance_id(made["id"], instance),
            function_id=made["id"],
            instance=instance,
            host=host,
            priority=HIGH,
        )
        await cloud.store.write(lambda tx, p=placement: tx.put(p))  # type: ignore[misc]
    router = cloud.store.snapshot.get(Router, made["id"])
    assert router is not None
    return router


def report(cloud: NetworkCloud, host: str, alive: bool = True, *active: int) -> None:
    cloud.hosts.seen[host] = HostReport(host, alive, 0.0, 9, 0, active=frozenset(active))


async def states(cloud: NetworkCloud, router: Router) -> dict[str, str | None]:
    agents = (await cloud.get(f"/routers/{router.id}/l3-agents", "admin"))["agents"]
    return {agent["host"]: agent["ha_state"] for agent in agents}


async def test_a_gateway_is_active_on_one_host_and_stands_by_on_the_other(
    cloud: NetworkCloud,
) -> None:
    router = await placed(cloud, "h1", "h2")
    assert await states(cloud, router) == {"h1": "standby", "h2": "standby"}
    report(cloud, "h1")
    report(cloud, "h2", True, router.vni)
    assert await states(cloud, router) == {"h1": "standby", "h2": "active"}
    (first, _) = (await cloud.get(f"/routers/{router.id}/l3-agents", "admin"))["agents"]
    assert first["id"] == IDS["h1"]
    assert first["alive"] is True


async def test_of_a_dead_host_nobody_knows_unless_another_one_lives(cloud: NetworkCloud) -> None:
    router = await placed(cloud, "h1", "h2")
    report(cloud, "h1", False, router.vni)
    assert await states(cloud, router) == {"h1": "unknown", "h2": "standby"}
    report(cloud, "h2")
    assert await states(cloud, router) == {"h1": "standby", "h2": "standby"}


async def test_one_that_is_not_ha_has_no_state(cloud: NetworkCloud) -> None:
    router = await placed(cloud, "h1", ha=False)
    assert await states(cloud, router) == {"h1": None}


async def test_routers_are_found_by_the_host(cloud: NetworkCloud) -> None:
    router = await placed(cloud, "h1", "h2")
    for name, found in (("h1", [router.id]), ("h3", [])):
        answer = await cloud.get(f"/agents/{IDS[name]}/l3-routers", "admin")
        assert [shown["id"] for shown in answer["routers"]] == found
    named = await cloud.get(f"/agents/{IDS['h1']}/l3-routers?fields=id", "admin")
    assert named == {"routers": [{"id": router.id}]}


async def test_a_router_is_in_the_zones_of_its_gateway(cloud: NetworkCloud) -> None:
    router = await placed(cloud, "h1", "h2")
    assert (await cloud.show("router", router.id))["availability_zones"] == ["x", "y"]


@pytest.mark.parametrize("path", ["/routers/{router}/l3-agents", "/agents/{host}/l3-routers"])
async def test_only_the_admin_sees_where_and_nobody_chooses(cloud: NetworkCloud, path: str) -> None:
    router = await placed(cloud, "h1")
    full = path.format(router=router.id, host=IDS["h1"])
    gone = path.format(router=IDS["h1"], host=router.id)
    tries = [("mia", "GET", full, 403), ("admin", "POST", full, 405), ("admin", "GET", gone, 404)]
    for who, method, asked, status in tries:
        with pytest.raises(Refused) as refused:
            await cloud.ask(who, method, asked, {} if method == "POST" else None)
        assert refused.value.status == status


async def test_a_floating_ip_says_what_hosts_have_reported(cloud: NetworkCloud) -> None:
    external = await cloud.external()
    fip = await cloud.make("floatingip", floating_network_id=external["id"])
    assert fip["status"] == "DOWN"
    cloud.hosts.active.add(fip["id"])
    assert (await cloud.show("floatingip", fip["id"]))["status"] == "ACTIVE"
    assert (await cloud.get("/floatingips?status=DOWN"))["floatingips"] == []
