"""Quotas, and what is computed rather than kept: agents, zones, extensions, availability."""

import pytest

from polpo.api.context import HostReport
from polpo.model.host import Host
from polpo.testing.network import NetworkCloud, Refused


async def test_a_quota_is_kept_and_said(cloud: NetworkCloud) -> None:
    shop = cloud.identity.project_id("shop")
    network = await cloud.network()
    changed = await cloud.ask("admin", "PUT", f"/quotas/{shop}", {"quota": {"port": 2}})
    assert changed["quota"]["port"] == 2
    body = {"ports": [{"network_id": network["id"]} for _ in range(3)]}
    with pytest.raises(Refused) as refused:
        await cloud.ask("mia", "POST", "/ports", body)
    assert (refused.value.status, refused.value.type) == (409, "OverQuota")
    assert refused.value.message == "Quota exceeded for resources: ['port']."
    assert (await cloud.get("/ports"))["ports"] == []
    await cloud.make("port", network_id=network["id"])
    details = (await cloud.get(f"/quotas/{shop}/details"))["quota"]
    assert details["port"] == {"limit": 2, "used": 1, "reserved": 0}


async def test_only_the_admin_sets_quotas_and_not_below_what_is_used(cloud: NetworkCloud) -> None:
    shop, other = (cloud.identity.project_id(p) for p in ("shop", "other"))
    await cloud.network()
    for who, method, path in (
        ("mia", "PUT", f"/quotas/{shop}"),
        ("mia", "DELETE", f"/quotas/{shop}"),
        ("mia", "GET", f"/quotas/{other}"),
        ("mia", "GET", "/quotas"),
    ):
        body = {"quota": {"port": 1}} if method == "PUT" else None
        with pytest.raises(Refused) as refused:
            await cloud.ask(who, method, path, body)
        assert refused.value.status == 403
    with pytest.raises(Refused) as refused:
        await cloud.ask("admin", "PUT", f"/quotas/{shop}", {"quota": {"network": 0}})
    assert refused.value.status == 400
    force = {"quota": {"network": 0, "force": True}}
    await cloud.ask("admin", "PUT", f"/quotas/{shop}", force)
    assert (await cloud.get(f"/quotas/{shop}"))["quota"]["network"] == 0
    assert (await cloud.get(f"/quotas/{shop}/default"))["quota"]["network"] == 100
    await cloud.ask("admin", "DELETE", f"/quotas/{shop}")
    assert (await cloud.get(f"/quotas/{shop}"))["quota"]["network"] == 100


async def test_agents_are_hosts_and_their_last_reports(cloud: NetworkCloud) -> None:
    host = Host(
        id="11111111-1111-4111-8111-111111111111", name="h1", address="192.0.2.1", token_hash=""
    )
    await cloud.store.write(lambda tx: tx.put(host))
    (agent,) = (await cloud.get("/agents", "admin"))["agents"]
    assert (agent["host"], agent["alive"], agent["heartbeat_timestamp"]) == ("h1", False, None)
    cloud.hosts.seen["h1"] = HostReport("h1", True, 1_800_000_000.0, 7, 3, {"p": "eth1"})
    agent = (await cloud.get(f"/agents/{host.id}", "admin"))["agent"]
    assert agent["alive"] is True
    assert agent["heartbeat_timestamp"] == "2027-01-15 08:00:00"
    assert agent["configurations"]["devices"] == 3
    assert agent["configurations"]["bridge_mappings"] == {"p": "eth1"}
    assert agent["configurations"]["error"] is None
    off = {"agent": {"admin_state_up": False}}
    agent = (await cloud.ask("admin", "PUT", f"/agents/{host.id}", off))["agent"]
    assert agent["admin_state_up"] is False
    assert (await cloud.get("/agents"))["agents"] == []
    for verb, body in (("GET", None), ("PUT", off), ("PUT", {"agent": {"frob": 1}})):
        with pytest.raises(Refused) as refused:
            await cloud.ask("mia", verb, f"/agents/{host.id}", body)
        assert refused.value.status == 404


async def test_used_addresses_are_counted(cloud: NetworkCloud) -> None:
    network = await cloud.network()
    await cloud.make("port", network_id=network["id"])
    path = f"/network-ip-availabilities/{network['id']}"
    shown = (await cloud.get(path, "admin"))["network_ip_availability"]
    assert (shown["total_ips"], shown["used_ips"]) == (253, 1)
    listed = await cloud.get("/network-ip-availabilities", "admin")
    assert listed == {"network_ip_availabilities": [shown]}
    listed = await cloud.get("/network-ip-availabilities")
    assert listed == {"network_ip_availabilities": []}
    with pytest.raises(Refused) as refused:
        await cloud.get(path)
    assert refused.value.status == 404


async def test_what_is_served_is_said(cloud: NetworkCloud) -> None:
    aliases = {e["alias"] for e in (await cloud.get("/extensions"))["extensions"]}
    assert {"security-group", "standard-attr-tag", "binding", "rbac-policies"} <= aliases
    assert {"router", "ext-gw-mode", "extraroute-atomic", "floatingip-pools", "qos"} <= aliases
    assert not {"l3_agent_scheduler", "l3-flavors", "trunk", "segment"} & aliases
    shown = (await cloud.get("/extensions/quotas"))["extension"]
    assert shown["alias"] == "quotas"
    for path in (
        "/extensions/trunk",
        "/trunks",
        "/frob",
        "/networks/x/frob",
    ):
        with pytest.raises(Refused) as refused:
            await cloud.get(path)
        assert refused.value.status == 404
    zones = (await cloud.get("/availability_zones"))["availability_zones"]
    assert zones == [
        {"name": "nova", "resource": resource, "state": "available"}
        for resource in ("network", "router")
    ]
    asked = (await cloud.get("/availability_zones?resource=router"))["availability_zones"]
    assert asked == zones[1:]


async def test_who_shows_no_token_is_told_so(cloud: NetworkCloud) -> None:
    for path in ("/networks", "/extensions", "/networks/x", "/ports/x/tags", "/frob"):
        response = await cloud.raw("nobody", "GET", path)
        assert response.status_code == 401
        assert response.json()["error"]["code"] == 401
        assert "www-authenticate" in response.headers
