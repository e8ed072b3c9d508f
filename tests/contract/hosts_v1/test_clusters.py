"""Clusters of projects, and the ports that hosts get for their pods."""

from typing import Any

import httpx2
import pytest
import pytest_asyncio
from tests.contract.hosts_v1.conftest import Enrol, TurnedClock

from polpo.api.hosts_v1.parts import Parts
from polpo.compiler.host_rows import port_row
from polpo.compiler.slices import all_slices
from polpo.compiler.view import View
from polpo.model.cluster import POD
from polpo.model.port import Port
from polpo.model.router import Router
from polpo.target.service import Backend, Service

MEMBER, ADMIN, READER = ({"x-auth-token": role} for role in ("member", "admin", "reader"))


class Made:
    """A network of two families with a router, as a project makes them."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self.client = client

    async def build(self) -> None:
        self.network = await self.post("network", name="pods")
        subnets = [(4, "10.100.0.0/28"), (6, "fd00:100::/64")]
        made = [
            await self.post("subnet", network_id=self.network, ip_version=v, cidr=cidr)
            for v, cidr in subnets
        ]
        self.router = await self.post("router", name="r")
        for subnet in made:
            path = f"/networking/v2.0/routers/{self.router}/add_router_interface"
            answer = await self.client.put(path, json={"subnet_id": subnet}, headers=MEMBER)
            assert answer.status_code == 200, answer.text

    async def post(self, kind: str, **fields: Any) -> str:
        path = f"/networking/v2.0/{kind}s"
        answer = await self.client.post(path, json={kind: fields}, headers=MEMBER)
        assert answer.status_code == 201, answer.text
        return str(answer.json()[kind]["id"])

    def body(self, **fields: Any) -> dict[str, Any]:
        named = {"name": "k8s", "network_id": self.network, "router_id": self.router}
        return {"cluster": named | {"service_cidrs": ["10.254.0.0/16"]} | fields}

    async def create(self, headers: Any = MEMBER, **fields: Any) -> httpx2.Response:
        return await self.client.post("/v1/clusters", json=self.body(**fields), headers=headers)


@pytest_asyncio.fixture
async def made(client: httpx2.AsyncClient) -> Made:
    made = Made(client)
    await made.build()
    return made


class OneHost:
    """Says what its pods are."""

    def __init__(self, client: httpx2.AsyncClient, name: str, token: str) -> None:
        self._client, self._name = client, name
        self._headers = {"authorization": f"Bearer {token}"}

    async def say(self, **said: Any) -> httpx2.Response:
        body = {"cluster": "k8s"} | said
        path = f"/v1/hosts/{self._name}/pods"
        return await self._client.put(path, json=body, headers=self._headers)

    async def ports(self, **said: Any) -> list[dict[str, Any]]:
        answer = await self.say(**said)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["ports"])


@pytest_asyncio.fixture
async def host(made: Made, enrol: Enrol) -> OneHost:
    assert (await made.create()).status_code == 201
    token = (await enrol("h1", "192.0.2.1"))["token"]
    return OneHost(made.client, "h1", token)


async def test_a_project_makes_shows_and_removes_its_cluster(made: Made) -> None:
    cluster = (await made.create()).json()["cluster"]
    assert cluster["service_cidrs"] == ["10.254.0.0/16"]
    assert cluster["project_id"] == "p"
    listed = await made.client.get("/v1/clusters", headers=READER)
    assert [c["name"] for c in listed.json()["clusters"]] == ["k8s"]
    for name in ("k8s", cluster["id"]):
        shown = await made.client.get(f"/v1/clusters/{name}", headers=READER)
        assert shown.json()["cluster"]["id"] == cluster["id"]
    assert (await made.client.delete("/v1/clusters/k8s", headers=READER)).status_code == 403
    assert (await made.client.delete("/v1/clusters/k8s", headers=MEMBER)).status_code == 204
    assert (await made.client.get("/v1/clusters/k8s", headers=MEMBER)).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"name": "Not a name"}, 400, "name"),
        ({"network_id": "nowhere"}, 404, "Network"),
        ({"router_id": "nowhere"}, 404, "Router"),
        ({"security_group_ids": ["none"]}, 404, "Security group"),
        ({"service_cidrs": ["10.254.0.1/16"]}, 400, "host bits"),
        ({"service_cidrs": ["10.1.0.0/16", "10.2.0.0/16"]}, 400, "family"),
        ({"service_cidrs": ["10.0.0.0/8"]}, 409, "overlaps"),
        ({"service_cidrs": ["128.0.0.0/1"]}, 400, "too large"),
        ({"service_cidrs": ["fd00:9::%x/112"]}, 400, "to be routed"),
        ({"service_cidrs": ["127.0.0.0/8"]}, 400, "to be routed"),
        ({"colour": "red"}, 400, "colour"),
    ],
)
async def test_what_cannot_be_is_refused_with_words(
    made: Made, fields: dict[str, Any], status: int, words: str
) -> None:
    answer = await made.create(**fields)
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


async def test_of_one_name_there_is_one(made: Made) -> None:
    assert (await made.create()).status_code == 201
    assert (await made.create()).status_code == 409
    assert (await made.create(READER, name="other")).status_code == 403


async def test_a_router_elsewhere_leads_to_no_services(made: Made) -> None:
    other = await made.post("router", name="elsewhere")
    answer = await made.create(router_id=other)
    assert answer.status_code == 409
    assert "no interface" in answer.json()["error"]["message"]


async def test_another_projects_network_is_not_there(made: Made, parts: Parts) -> None:
    foreign = Router(id="R9", vni=99, project_id="others")
    await parts.store.write(lambda tx: tx.put(foreign))
    assert (await made.create(router_id="R9")).status_code == 404


async def test_ports_wait_for_pods_with_addresses_of_both_families(
    host: OneHost, parts: Parts
) -> None:
    ports = await host.ports(waiting=4)
    assert len(ports) == 4
    assert all(len(port["addresses"]) == 2 for port in ports)
    assert len({a for port in ports for a in port["addresses"]}) == 8
    stored = parts.store.snapshot.get(Port, ports[0]["id"])
    assert stored is not None
    assert (stored.device_owner, stored.device_id, stored.host) == (POD, "", "h1")
    row = port_row(View(parts.store.snapshot), "h1", stored.id)
    assert row is not None
    assert row.pods_of == "k8s"


async def test_saying_the_same_again_changes_nothing(host: OneHost, parts: Parts) -> None:
    first = await host.ports(waiting=3)
    pods = {first[0]["id"]: {"sandbox": "s1", "name": "default/web"}}
    second = await host.ports(pods=pods, waiting=3)
    assert len(second) == 4
    revision = parts.store.snapshot.revision
    assert await host.ports(pods=pods, waiting=3) == second
    assert parts.store.snapshot.revision == revision


async def test_a_pod_that_is_gone_leaves_a_port_that_waits(host: OneHost) -> None:
    port = (await host.ports(waiting=1))[0]["id"]
    pods = {port: {"sandbox": "s1", "name": "default/web"}}
    assert (await host.ports(pods=pods))[0]["name"] == "default/web"
    assert (await host.ports())[0] | {"addresses": 0} == {
        "id": port,
        "sandbox": "",
        "name": "",
        "addresses": 0,
    }


async def test_a_pods_host_ports_are_services_of_its_host(host: OneHost, parts: Parts) -> None:
    def rows() -> list[Service | Backend]:
        every = (row for s in all_slices(parts.store.snapshot).values() for row in s.values())
        return [row for row in every if isinstance(row, Service | Backend)]

    port = (await host.ports(waiting=1))[0]
    pod = {"sandbox": "s1", "name": "default/web", "exposed": [["tcp", 8080, 80, ""]]}
    await host.ports(pods={port["id"]: pod})
    backend, service = sorted(rows(), key=lambda row: row.key)
    assert isinstance(service, Service)
    assert isinstance(backend, Backend)
    assert (service.address, service.port, service.guests) == ("192.0.2.1", 8080, "local")
    assert (backend.address, backend.port) == (port["addresses"][0], 80)
    wrong = await host.say(pods={port["id"]: pod | {"exposed": [["tcp", 0, 80, ""]]}})
    assert wrong.status_code == 400
    await host.ports()
    assert rows() == []


async def test_what_is_given_back_is_freed_and_nothing_else(host: OneHost) -> None:
    first, second = (port["id"] for port in await host.ports(waiting=2))
    left = await host.ports(released=[first, "nothing of the kind"])
    assert [port["id"] for port in left] == [second]


async def test_another_host_gets_others_and_takes_none(
    host: OneHost, made: Made, enrol: Enrol
) -> None:
    mine = await host.ports(waiting=2)
    token = (await enrol("h2", "192.0.2.2"))["token"]
    other = OneHost(made.client, "h2", token)
    theirs = await other.ports(waiting=2, released=[mine[0]["id"]])
    assert not {p["id"] for p in mine} & {p["id"] for p in theirs}
    assert not {a for p in mine for a in p["addresses"]} & {
        a for p in theirs for a in p["addresses"]
    }
    assert await host.ports(waiting=2) == mine


async def test_without_free_addresses_nothing_is_made(host: OneHost, parts: Parts) -> None:
    answer = await host.say(waiting=100)
    assert answer.status_code == 409
    assert "No more IP addresses" in answer.json()["error"]["message"]
    assert not list(parts.store.snapshot.by(Port, "host", "h1"))


async def test_a_cluster_that_nobody_made_has_no_pods(host: OneHost) -> None:
    assert (await host.say(cluster="other", waiting=1)).status_code == 404
    assert (await host.say(waiting=-1)).status_code == 400
    assert (await host.say(pods=[])).status_code == 400


async def test_a_cluster_with_pods_stays_and_waiting_ports_go_with_it(
    host: OneHost, made: Made, parts: Parts
) -> None:
    port = (await host.ports(waiting=2))[0]["id"]
    await host.ports(pods={port: {"sandbox": "s1"}})
    refused = await made.client.delete("/v1/clusters/k8s", headers=MEMBER)
    assert refused.status_code == 409
    assert "1 pods" in refused.json()["error"]["message"]
    await host.ports()
    assert (await made.client.delete("/v1/clusters/k8s", headers=MEMBER)).status_code == 204
    assert not list(parts.store.snapshot.by(Port, "host", "h1"))


async def test_ports_of_pods_go_with_a_dead_host(
    host: OneHost, made: Made, parts: Parts, clock: TurnedClock
) -> None:
    port = (await host.ports(waiting=2))[0]["id"]
    await host.ports(pods={port: {"sandbox": "s1"}})
    parts.reports.hear("h1", b'{"revision": 1}')
    assert (await made.client.delete("/v1/hosts/h1", headers=ADMIN)).status_code == 409
    clock.time += 3600
    assert (await made.client.delete("/v1/hosts/h1", headers=ADMIN)).status_code == 204
    assert not list(parts.store.snapshot.by(Port, "host", "h1"))


CHOICE = {"sandbox": "s1", "name": "default/db-0"}


async def test_a_pod_that_chooses_gets_a_port_of_its_own(host: OneHost, parts: Parts) -> None:
    said = {"chosen": {"s1/eth0": CHOICE | {"addresses": ["10.100.0.9", "fd00:100::9"]}}}
    (port,) = await host.ports(**said)
    assert port | {"id": ""} == CHOICE | {"id": "", "addresses": ["10.100.0.9", "fd00:100::9"]}
    assert await host.ports(**said) == [port]
    row = port_row(View(parts.store.snapshot), "h1", port["id"])
    assert row is not None
    assert (row.pods_of, row.made_for) == ("k8s", "s1/eth0")
    assert len(await host.ports(pods={port["id"]: CHOICE}, waiting=1)) == 2
    assert port in await host.ports(waiting=1)  # until it is given back
    (left,) = await host.ports(released=[port["id"]], waiting=1)
    assert left["sandbox"] == ""


async def test_only_marked_networks_are_for_pods_to_choose(host: OneHost, made: Made) -> None:
    other = await made.post("network", name="other")
    subnet = await made.post("subnet", network_id=other, ip_version=4, cidr="10.7.0.0/24")
    said = {"chosen": {"s1/eth0": CHOICE | {"network": "other", "subnets": [subnet]}}}
    refused = (await host.say(**said)).json()["refused"]["s1/eth0"]
    assert refused == "no network is called other and tagged for-pods."
    path = f"/networking/v2.0/networks/{other}/tags/for-pods"
    assert (await made.client.put(path, headers=MEMBER)).status_code == 201
    (port,) = await host.ports(**said)
    assert port["addresses"][0].startswith("10.7.0.")


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"subnets": ["none"]}, "no subnet is of the network called none"),
        ({"addresses": ["10.9.9.9"]}, "10.9.9.9 is an address of none"),
        ({"addresses": ["here"]}, "not a valid IP address"),
        ({"addresses": ["fd00:100::1%x"]}, "not a valid IP address"),
        ({"addresses": ["fd00:100:0::1"]}, "fd00:100::1 is another port's"),
        ({"addresses": ["10.100.0.1"]}, "10.100.0.1 is another port's"),
    ],
)
async def test_a_choice_that_cannot_be_is_no_other_pods_harm(
    host: OneHost, choice: dict[str, Any], words: str
) -> None:
    said = {"chosen": {"a": CHOICE | choice, "b": {"sandbox": "s2", "addresses": ["10.100.0.8"]}}}
    answer = (await host.say(waiting=1, **said)).json()
    assert words in answer["refused"]["a"]
    assert len(answer["ports"]) == 2
