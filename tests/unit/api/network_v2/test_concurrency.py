"""Many clients at once, on each kind of database: nothing twice, nothing lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from polpo.api.network_v2.settings import Settings
from polpo.testing.network import NetworkCloud, Refused
from polpo.testing.postgresql import PostgreSQL

NO_LIMITS = Settings(quotas={})


@pytest_asyncio.fixture
async def each(database_url: str) -> AsyncIterator[NetworkCloud]:
    cloud = await NetworkCloud.open(database_url, NO_LIMITS)
    yield cloud
    await cloud.close()


async def test_a_hundred_clients_share_out_a_slash_24(each: NetworkCloud) -> None:
    network = await each.network("10.0.0.0/24")
    outcomes: Counter[str] = Counter()

    async def client() -> list[str]:
        taken = []
        for _ in range(3):
            try:
                port = await each.make("port", network_id=network["id"])
                taken.append(port["fixed_ips"][0]["ip_address"])
            except Refused as refused:
                outcomes[f"{refused.status} {refused.type}"] += 1
        return taken

    taken = [a for some in await asyncio.gather(*(client() for _ in range(100))) for a in some]
    assert len(taken) == len(set(taken)) == 253
    assert outcomes == {"409 IpAddressGenerationFailure": 47}
    assert len((await each.get("/ports"))["ports"]) == 253


async def test_one_of_many_who_ask_for_the_same_address_gets_it(each: NetworkCloud) -> None:
    network = await each.network("10.0.0.0/24")
    wish = [{"ip_address": "10.0.0.7"}]
    asked = (
        each.raw(
            "mia", "POST", "/ports", {"port": {"network_id": network["id"], "fixed_ips": wish}}
        )
        for _ in range(20)
    )
    statuses = Counter(r.status_code for r in await asyncio.gather(*asked))
    assert statuses == {201: 1, 409: 19}


async def test_a_project_gets_one_default_group_however_many_ask(each: NetworkCloud) -> None:
    await asyncio.gather(*(each.get("/security-groups") for _ in range(20)))
    groups = (await each.get("/security-groups?name=default"))["security_groups"]
    assert len(groups) == 1


async def test_a_quota_holds_against_a_crowd(each: NetworkCloud) -> None:
    shop = each.identity.project_id("shop")
    await each.ask("admin", "PUT", f"/quotas/{shop}", {"quota": {"network": 5}})
    asked = (each.raw("mia", "POST", "/networks", {"network": {}}) for _ in range(30))
    statuses = Counter(r.status_code for r in await asyncio.gather(*asked))
    assert statuses == {201: 5, 409: 25}


@pytest.mark.parametrize("count", [100])
async def test_networks_get_numbers_of_their_own(each: NetworkCloud, count: int) -> None:
    await asyncio.gather(*(each.make("network") for _ in range(count)))
    networks = (await each.get("/networks", "admin"))["networks"]
    assert len({n["provider:segmentation_id"] for n in networks}) == count


async def test_fifty_clients_share_out_a_pool_of_twenty(each: NetworkCloud) -> None:
    external = await each.make("network", "admin", **{"router:external": True})
    pool = {"start": "203.0.113.10", "end": "203.0.113.29"}
    subnet = {"network_id": external["id"], "ip_version": 4, "cidr": "203.0.113.0/24"}
    await each.make("subnet", "admin", **subnet, allocation_pools=[pool])
    body = {"floatingip": {"floating_network_id": external["id"]}}
    asked = (each.raw("mia", "POST", "/floatingips", body) for _ in range(50))
    answers = await asyncio.gather(*asked)
    outcomes = Counter(a.json().get("NeutronError", {}).get("type", "made") for a in answers)
    assert outcomes == {"made": 20, "IpAddressGenerationFailure": 30}
    fips = (await each.get("/floatingips"))["floatingips"]
    addresses = {fip["floating_ip_address"] for fip in fips}
    assert addresses == {f"203.0.113.{n}" for n in range(10, 30)}


async def test_of_many_floating_ips_one_gets_the_port(each: NetworkCloud) -> None:
    external = await each.external("203.0.113.0/24")
    network = await each.network("10.0.0.0/24")
    router = await each.make("router", external_gateway_info={"network_id": external["id"]})
    await each.join(router["id"], subnet_id=network["subnets"][0])
    port = await each.make("port", network_id=network["id"])
    body = {"floatingip": {"floating_network_id": external["id"], "port_id": port["id"]}}
    asked = (each.raw("mia", "POST", "/floatingips", body) for _ in range(10))
    statuses = Counter(r.status_code for r in await asyncio.gather(*asked))
    assert statuses == {201: 1, 409: 9}
    ports = (await each.get(f"/ports?network_id={external['id']}", "admin"))["ports"]
    assert sorted(p["device_owner"] for p in ports) == [
        "network:floatingip",
        "network:router_gateway",
    ]


async def test_of_overlapping_subnets_a_router_joins_one(each: NetworkCloud) -> None:
    router = await each.make("router")
    subnets = []
    for n in range(10):
        network = await each.make("network")
        wish = {"network_id": network["id"], "ip_version": 4, "cidr": f"10.0.{n}.0/16"}
        subnets.append(await each.make("subnet", **wish))
    path = f"/routers/{router['id']}/add_router_interface"
    asked = (each.raw("mia", "PUT", path, {"subnet_id": subnet["id"]}) for subnet in subnets)
    statuses = Counter(r.status_code for r in await asyncio.gather(*asked))
    assert statuses == {200: 1, 400: 9}
    assert len((await each.get(f"/ports?device_id={router['id']}"))["ports"]) == 1


async def test_of_many_routers_one_joins_a_subnet(each: NetworkCloud) -> None:
    network = await each.network("10.0.0.0/24")
    routers = [await each.make("router") for _ in range(10)]
    body = {"subnet_id": network["subnets"][0]}
    paths = [f"/routers/{router['id']}/add_router_interface" for router in routers]
    asked = (each.raw("mia", "PUT", path, body) for path in paths)
    statuses = Counter(r.status_code for r in await asyncio.gather(*asked))
    assert statuses == {200: 1, 409: 9}


async def test_routes_added_at_once_are_all_there(each: NetworkCloud) -> None:
    network = await each.network("10.0.0.0/24")
    router = await each.make("router")
    await each.join(router["id"], subnet_id=network["subnets"][0])
    routes = [{"destination": f"10.{n}.0.0/16", "nexthop": "10.0.0.9"} for n in range(1, 21)]
    path = f"/routers/{router['id']}/add_extraroutes"
    asked = (each.ask("mia", "PUT", path, {"router": {"routes": [r]}}) for r in routes)
    await asyncio.gather(*asked)
    kept = (await each.show("router", router["id"]))["routes"]
    assert sorted(r["destination"] for r in kept) == sorted(r["destination"] for r in routes)


@pytest.mark.postgresql
async def test_two_controllers_share_out_a_pool_of_floating_ips(postgresql: PostgreSQL) -> None:
    url = postgresql.new_database()
    replicas = [await NetworkCloud.open(url, NO_LIMITS) for _ in range(2)]
    external = await replicas[0].external("203.0.113.0/27")
    await replicas[1].store.refresh()
    body = {"floatingip": {"floating_network_id": external["id"]}}
    asked = (r.raw("mia", "POST", "/floatingips", body) for _ in range(20) for r in replicas)
    answers = await asyncio.gather(*asked)
    assert Counter(a.status_code for a in answers) == {201: 29, 409: 11}
    made = [a.json()["floatingip"] for a in answers if a.status_code == 201]
    assert len({fip["floating_ip_address"] for fip in made}) == 29
    for replica in replicas:
        await replica.close()


@pytest.mark.postgresql
async def test_two_controllers_on_one_database_share_out_a_network(postgresql: PostgreSQL) -> None:
    url = postgresql.new_database()
    replicas = [await NetworkCloud.open(url, NO_LIMITS) for _ in range(2)]
    network = await replicas[0].network("10.0.0.0/26")
    await replicas[1].store.refresh()
    body = {"port": {"network_id": network["id"]}}
    asked = (r.raw("mia", "POST", "/ports", body) for _ in range(40) for r in replicas)
    answers = await asyncio.gather(*asked)
    made = [a.json()["port"] for a in answers if a.status_code == 201]
    assert Counter(a.status_code for a in answers) == {201: 61, 409: 19}
    assert len({port["fixed_ips"][0]["ip_address"] for port in made}) == 61
    for replica in replicas:
        await replica.store.refresh()
        assert len((await replica.get("/ports"))["ports"]) == 61
        await replica.close()
