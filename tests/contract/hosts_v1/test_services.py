"""A cluster's Services: told, listed, refused one by one, gone with the cluster."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio
from tests.contract.hosts_v1.test_clusters import MEMBER, Made

from polpo.api.hosts_v1.parts import Parts
from polpo.client.session import ApiError
from polpo.compiler.slices import all_slices
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster
from polpo.services.controller import Controller
from polpo.target import service as rows
from polpo.testing.hosts import eventually
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.objects import Object, endpoints, service

PATH = "/v1/clusters/k8s/services"


@pytest_asyncio.fixture
async def made(client: httpx2.AsyncClient) -> Made:
    made = Made(client)
    await made.build()
    assert (await made.create()).status_code == 201
    return made


def told(**fields: Any) -> dict[str, Any]:
    port = {"protocol": "tcp", "port": 80, "backends": [["10.100.0.1", 8080, "h1"]]}
    named = {"id": "u", "name": "default/web", "addresses": ["10.254.0.1"], "ports": [port]}
    return named | fields


async def tell(made: Made, *put: dict[str, Any], remove: tuple[str, ...] = ()) -> Any:
    body = {"put": put, "remove": remove}
    answer = await made.client.post(PATH, json=body, headers=MEMBER)
    assert answer.status_code == 200, answer.text
    return answer.json()["refused"]


async def listed(made: Made) -> list[Any]:
    return list((await made.client.get(PATH, headers=MEMBER)).json()["services"])


async def test_what_is_told_is_listed_and_becomes_rows(made: Made, parts: Parts) -> None:
    assert await tell(made, told()) == []
    (found,) = await listed(made)
    assert found["ports"][0]["backends"] == [["10.100.0.1", 8080, "h1", True, False, [], []]]
    (slice_,) = (s for name, s in all_slices(parts.store.snapshot).items() if "router/" in name)
    kinds = [type(row) for row in slice_.values() if isinstance(row, rows.Service | rows.Backend)]
    assert sorted(kind.__name__ for kind in kinds) == ["Backend", "Service"]
    assert await tell(made, remove=("u", "unknown")) == []
    assert await listed(made) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"addresses": ["10.254.0.300"]}, "10.254.0.300"),
        ({"addresses": ["127.0.0.1"]}, "addresses: 127.0.0.1"),
        ({"addresses": ["fe80::1"]}, "addresses: fe80::1"),
        ({"ports": [{"protocol": "sctp", "port": 80}]}, "protocol sctp is not tcp or udp"),
        ({"ports": [{"protocol": "tcp", "port": 0}]}, "0 is not a port"),
        ({"ports": [{"protocol": "tcp", "port": 1, "backends": [["x", 1]]}]}, "'x'"),
        ({"sticks_s": -1}, "sticks_s"),
        ({"sticks_s": 1 << 32}, "sticks_s"),
        ({"id": "x" * 65}, "id"),
        ({"id": "pod/x/tcp/80"}, "id"),
        ({"name": "a\0"}, "name"),
        ({"addresses": ["fd00::1%eth0"]}, "addresses: fd00::1%eth0"),
        ({"addresses": ["::ffff:a00:1"]}, "addresses: ::ffff:a00:1"),
        ({"external": ["0.0.0.0"]}, "addresses: 0.0.0.0"),
        ({"addresses": ["10.0.0.1", "10.0.0.2", "10.0.0.3"]}, "addresses: too many"),
        ({"external": [f"10.0.0.{n}" for n in range(101)]}, "external, balanced: too many"),
        ({"ports": [{"protocol": "tcp", "port": 1}] * 50_001}, "ports: too many"),
        ({"ports": [{"protocol": "tcp", "port": 1, "backends": [["fd00::%x", 1]]}]}, "fd00::%x"),
        ({"sources": ["10.0.0.0/255.0.0.0"]}, "sources: 10.0.0.0/255.0.0.0"),
        ({"sources": ["10.0.0.1/8"]}, "host bits"),
    ],
)
async def test_one_that_cannot_be_carried_keeps_none_from_being_carried(
    made: Made, wrong: dict[str, Any], words: str
) -> None:
    bad = told(id="v") | wrong
    (refused,) = await tell(made, bad, told())
    assert refused["id"] == bad["id"]
    assert words in refused["message"]
    assert [found["id"] for found in await listed(made)] == ["u"]


async def test_a_cluster_takes_its_services_along_and_leaves_others_alone(made: Made) -> None:
    await tell(made, told())
    await made.create(name="other")
    path = "/v1/clusters/other/services"
    answer = await made.client.post(path, json={"put": [told()]}, headers=MEMBER)
    assert "another cluster's" in answer.json()["refused"][0]["message"]
    gone = await made.client.delete("/v1/clusters/k8s", headers=MEMBER)
    assert gone.status_code == 204
    answer = await made.client.post(path, json={"put": [told()]}, headers=MEMBER)
    assert answer.json()["refused"] == []


@pytest.mark.parametrize("address", ["nowhere", "127.0.0.1", "fe80::1"])
async def test_an_address_that_no_node_can_have_is_refused(made: Made, address: str) -> None:
    body = {"nodes": {"h1": {"zone": "a", "addresses": [address]}}}
    path = "/v1/clusters/k8s/nodes"
    answer = await made.client.put(path, json=body, headers=MEMBER)
    assert answer.status_code == 400
    assert address in answer.json()["error"]["message"]
    fine = {"nodes": {"h1": {"addresses": ["2001:db8::1"]}}}
    assert (await made.client.put(path, json=fine, headers=MEMBER)).status_code == 200


class Api:
    """The network's API as client.session has it, for a thread; `away`: it answers nothing."""

    def __init__(self, made: Made, loop: asyncio.AbstractEventLoop) -> None:
        self._made, self._loop = made, loop
        self.away = False
        self.posts = self.unanswered = 0

    def hosts(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        if self.away:
            self.unanswered += 1
            raise ApiError(0, "away")
        self.posts += method == "POST"
        content = msgspec.json.encode(body) if body is not None else b""
        asked = self._made.client.request(
            method, f"/v1{path}", content=content, params=query, headers=MEMBER
        )
        answer = asyncio.run_coroutine_threadsafe(_sent(asked), self._loop).result(10)
        if answer.status_code >= 400:
            raise ApiError(answer.status_code, answer.text)
        return answer.json()


async def _sent(asked: Any) -> httpx2.Response:
    answer: httpx2.Response = await asked
    return answer


class Following:
    """A cluster's API server, and the controller that follows it."""

    def __init__(self, made: Made) -> None:
        self.made, self.server = made, ApiServer()
        self.api = Api(made, asyncio.get_running_loop())
        self.task: asyncio.Task[None] | None = None

    def follow(self) -> None:
        self.client = Client(Cluster(server=self.server.address))
        self.task = asyncio.create_task(Controller(self.client, self.api, "k8s").run())

    async def end(self) -> None:
        assert self.task
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.client.close()

    async def has(self, *names: str) -> None:
        async def those() -> bool:
            return [found["name"] for found in await listed(self.made)] == list(names)

        await eventually(those, f"services {names}")


@pytest_asyncio.fixture
async def following(made: Made) -> AsyncIterator[Following]:
    following = Following(made)
    await following.server.start()
    following.server.put(a_service("a", "10.254.0.1"), a_slice("a", "10.100.0.1"))
    following.follow()
    yield following
    await following.end()
    await following.server.stop()


def a_service(name: str, address: str) -> Object:
    made = service(name, "default", address, ports=":tcp:80")
    made["metadata"]["uid"] = f"uid-{name}"
    return made


def a_slice(name: str, *addresses: str) -> Object:
    return endpoints(f"{name}-1", name, ports=":tcp:8080", addresses=addresses)


async def test_services_come_change_and_go(following: Following) -> None:
    await following.has("default/a")
    following.server.put(a_service("b", "10.254.0.2"))
    await following.has("default/a", "default/b")
    following.server.put(a_slice("a", "10.100.0.1", "10.100.0.2"))

    async def two() -> bool:
        return len((await listed(following.made))[0]["ports"][0]["backends"]) == 2

    await eventually(two, "two backends")
    following.server.remove(a_service("b", "10.254.0.2"))
    await following.has("default/a")


async def test_what_happened_while_nobody_followed_is_made_up_for(following: Following) -> None:
    await following.has("default/a")
    await following.end()
    following.server.remove(a_service("a", "10.254.0.1"))
    following.server.put(a_service("c", "10.254.0.3"))
    following.follow()
    await following.has("default/c")


async def test_who_begins_anew_tells_nothing_that_is_known(following: Following) -> None:
    await following.has("default/a")
    await following.end()
    before = following.api.posts
    following.follow()
    following.server.put(a_service("d", "10.254.0.4"))
    await following.has("default/a", "default/d")
    assert following.api.posts == before + 1


async def test_a_network_that_is_away_is_told_later(following: Following) -> None:
    await following.has("default/a")
    following.api.away = True
    following.server.put(a_service("b", "10.254.0.2"))
    await until(lambda: any("watch" in asked for asked in following.server.asked))
    following.api.away = False
    await following.has("default/a", "default/b")


def events(following: Following) -> list[Any]:
    objects = following.server.stored.objects.items()
    return [item for (plural, _, _), item in objects if plural == "events"]


async def test_who_made_a_service_that_cannot_be_carried_is_told(following: Following) -> None:
    wrong = a_service("w", "10.254.0.9")
    wrong["spec"]["externalIPs"] = ["224.0.0.1"]
    following.server.put(wrong)
    await until(lambda: bool(events(following)))
    (event,) = events(following)
    assert (event["type"], event["reason"]) == ("Warning", "NotCarried")
    assert event["regarding"]["name"] == "w"
    assert "224.0.0.1" in event["note"]
    await following.has("default/a")


async def test_who_made_a_port_of_sctp_is_told_that_it_is_not_carried(following: Following) -> None:
    mixed = a_service("m", "10.254.0.8")
    mixed["spec"]["ports"].append({"name": "x", "protocol": "SCTP", "port": 38412})
    following.server.put(mixed)
    await until(lambda: bool(events(following)))
    (event,) = events(following)
    assert (event["reason"], event["note"][:15]) == ("NotCarried", "port 38412/SCTP")
    await following.has("default/a", "default/m")


async def test_who_wants_what_another_has_is_told_and_gets_it_when_it_is_free(
    following: Following,
) -> None:
    first, second = a_service("first", "10.254.0.5"), a_service("second", "10.254.0.6")
    for made, at in ((first, "2026-11-01T10:00:00Z"), (second, "2026-11-02T10:00:00Z")):
        made["spec"]["externalIPs"] = ["203.0.113.7"]
        made["metadata"]["creationTimestamp"] = at
    following.server.put(second, first)
    await until(lambda: bool(events(following)))
    (event,) = events(following)
    assert (event["reason"], event["regarding"]["name"]) == ("Clash", "second")
    assert "203.0.113.7 port 80/TCP is default/first's" in event["note"]

    async def without(*addresses: str) -> bool:
        found = {one["name"]: one["ports"][0]["without"] for one in await listed(following.made)}
        return found.get("default/second") == list(addresses)

    await eventually(lambda: without("203.0.113.7"), "the younger one is not there")
    following.server.remove(first)
    await eventually(lambda: without(), "it is, when the place is free")


async def test_nodes_are_told_with_their_zones_and_addresses(following: Following) -> None:
    node: Object = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "h1", "labels": {"topology.kubernetes.io/zone": "a"}},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": "192.0.2.1"},
                {"type": "Hostname", "address": "h1"},
            ]
        },
    }
    following.server.put(node)

    async def is_told() -> bool:
        answer = await following.made.client.get("/v1/clusters/k8s", headers=MEMBER)
        found = answer.json()["cluster"]["nodes"]
        return bool(found == {"h1": {"zone": "a", "addresses": ["192.0.2.1"]}})

    await eventually(is_told, "the network knows the node")


async def test_one_of_several_leads_and_another_takes_over(following: Following) -> None:
    await following.has("default/a")
    other = Following(following.made)
    other.server = following.server
    other.follow()
    following.server.put(a_service("b", "10.254.0.2"))
    await following.has("default/a", "default/b")
    assert other.api.posts == 0
    await following.end()  # it gives its Lease back
    following.server.put(a_service("c", "10.254.0.3"))
    await following.has("default/a", "default/b", "default/c")
    await other.end()
