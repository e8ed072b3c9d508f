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
