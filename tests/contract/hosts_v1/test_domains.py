"""Wildcards of policies: real `polpo dns` tells a real `polpo policy`, and that the network."""

import asyncio
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from tests.contract.hosts_v1.conftest import Enrol
from tests.contract.hosts_v1.test_clusters import MEMBER, Made
from tests.contract.hosts_v1.test_policy import Following, addresses
from tests.contract.hosts_v1.test_policy import made as made

from polpo.api.hosts_v1.parts import Parts
from polpo.dns.wire.message import Message
from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Record, Reply
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster
from polpo.kube.domains import PATH, SECRET, SERVER_NAME, meeting_of
from polpo.kube.errors import ApiError
from polpo.kube.objects import Secret as SecretObject
from polpo.policy import answers, seen
from polpo.policy.hearing import Place
from polpo.testing.dns import DnsProcess
from polpo.testing.hosts import eventually
from polpo.testing.kubernetes.api_server import until
from polpo.testing.kubernetes.objects import Object, cluster_policy, namespace, node
from polpo.testing.upstream import FakeUpstream, addressed, always

WILD = "*.example.com"
KEY = f"domain/{WILD}"
WWW = "www.example.com"
COREFILE = """
.:PORT {{
    bind 127.0.0.1
    domains {{
        hold {hold}
    }}
    cache 30
    kubernetes cluster.local {{
        endpoint {api}
    }}
    forward . 127.0.0.1:{upstream}
    prometheus 127.0.0.1:HTTP
}}
"""
HERE = Place("127.0.0.1", 0)


def secret() -> Object:
    """As the manifest makes it."""
    meta = {"namespace": SECRET[0], "name": SECRET[1]}
    return {"kind": "Secret", "apiVersion": "v1", "metadata": meta}


def allowing(*names: str) -> Object:
    rule = {"action": "Accept", "to": [{"domainNames": names}]}
    return cluster_policy("wild", egress=[rule])


class Host:
    """It has at once all that there is, unless it `lags`, and says so."""

    def __init__(self, made: Made, parts: Parts, token: str) -> None:
        self._made, self._parts = made, parts
        self._headers = {"authorization": f"Bearer {token}"}
        self.lags = False

    async def say(self) -> None:
        body = {"revision": self._parts.store.snapshot.revision}
        path = "/v1/hosts/h1/status"
        answer = await self._made.client.post(path, json=body, headers=self._headers)
        assert answer.status_code < 300, answer.text

    async def run(self) -> None:
        while True:
            revision = self._parts.store.snapshot.revision
            if not self.lags:
                await self.say()
            await self._parts.store.wait_after(revision)


class Scene:
    """A cluster: its policies, its DNS with two workers, and where that asks."""

    def __init__(self, following: Following, folder: Path, host: Host) -> None:
        self.host = host
        self.following, self.server, self._folder = following, following.server, folder
        self.upstream = FakeUpstream()
        self.dns: list[DnsProcess] = []

    async def start_dns(self, hold: str = "1s") -> DnsProcess:
        folder = self._folder / str(len(self.dns))
        folder.mkdir()
        api = self.server.address
        corefile = COREFILE.format(hold=hold, api=api, upstream=self.upstream.port)
        self.dns.append(DnsProcess(folder, corefile, "-workers", "2"))
        await asyncio.to_thread(self.dns[-1].wait_for, "Running configuration")
        return self.dns[-1]

    async def ask(self, name: str = WWW, *, of: int = -1) -> Message:
        return await asyncio.to_thread(self.dns[of].ask, name)

    async def has(self, *found: str) -> None:
        async def those() -> bool:
            told = (await addresses(self.following.made)).get(KEY, ())
            return list(told) == [f"{one}/32" for one in found]

        await eventually(those, f"{KEY}: {found}")

    async def counts(self, name: str, dns: DnsProcess | None = None) -> float:
        """Of the newest DNS, if of no other."""
        _, text = await asyncio.to_thread((dns or self.dns[-1]).get, "/metrics")
        lines = (line.rpartition(" ") for line in text.splitlines() if line.startswith(name))
        return sum(float(value) for _, _, value in lines)

    async def knows(self, patterns: int, away: int = 0) -> None:
        """All DNS servers do, and their workers, of whom each count asks."""

        async def those(dns: DnsProcess) -> bool:
            wanted = await self.counts("polpo_dns_domains_patterns", dns)
            return wanted == patterns and away == await self.counts("polpo_dns_domains_away", dns)

        for dns in self.dns:
            await eventually(partial(those, dns), f"DNS knows {patterns} wildcards, away {away}")
            assert await those(dns)

    def said(self) -> dict[str, Any]:
        """Of the policy."""
        stored = self.server.stored.objects["clusternetworkpolicies", "", "wild"]
        return {one["type"]: one for one in stored.get("status", {}).get("conditions", ())}

    def events(self) -> list[str]:
        stored = self.server.stored.objects.items()
        return [item["reason"] for where, item in stored if where[0] == "events"]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Of one kind: nothing here is the database's."""
    return f"sqlite:///{tmp_path / 'polpo.db'}"


@pytest_asyncio.fixture
async def scene(made: Made, tmp_path: Path, enrol: Enrol, parts: Parts) -> AsyncIterator[Scene]:
    following = Following(made)
    host = Host(made, parts, (await enrol("h1", "192.0.2.1"))["token"])
    saying = asyncio.create_task(host.run())
    await following.server.start()
    following.server.put(namespace("default"), secret(), allowing(WILD))
    following.follow(place=HERE)
    scene = Scene(following, tmp_path, host)
    await scene.upstream.start()
    yield scene
    for dns in scene.dns:
        await asyncio.to_thread(dns.stop)
    await scene.upstream.stop()
    await following.end()
    await following.server.stop()
    saying.cancel()
    await asyncio.gather(saying, return_exceptions=True)


async def test_an_answer_under_a_wildcard_comes_when_hosts_have_its_address(scene: Scene) -> None:
    await scene.start_dns()
    await scene.knows(1)
    scene.host.lags = True
    asking = asyncio.create_task(scene.ask())
    await scene.has("192.0.2.1")
    assert (await scene.ask("www.example.net")).answer, "others do not wait"
    await scene.host.say()
    assert (await asking).answer
    scene.upstream.answers = addressed(b"\xc0\0\2\2")
    assert (await scene.ask("www.example.net")).answer
    assert await scene.counts("polpo_dns_domains_late_total") == 0
    assert await scene.counts("polpo_dns_domains_held_total") == 1
    assert await scene.counts("polpo_dns_domains_told_total") == 1


async def test_hosts_that_lag_hold_no_answer_longer_than_it_may_wait(scene: Scene) -> None:
    await scene.start_dns(hold="50ms")
    await scene.knows(1)
    scene.host.lags = True
    assert (await scene.ask()).answer
    await scene.has("192.0.2.1")
    assert await scene.counts("polpo_dns_domains_late_total") == 1
    await scene.knows(1, away=1)
    scene.host.lags = False
    await scene.host.say()
    await scene.knows(1)


async def test_all_servers_and_workers_tell_and_what_was_cached_before_is_told(
    scene: Scene,
) -> None:
    scene.server.put(allowing("other.example"))
    await scene.start_dns()
    await scene.start_dns()
    await scene.knows(0)
    for of in (0, 1):
        for _ in range(8):  # each worker has it in its cache
            assert (await scene.ask(of=of)).answer
    scene.server.put(allowing(WILD))
    await scene.knows(1)
    scene.upstream.answers = addressed(b"\xc0\0\2\2")
    assert (await scene.ask(of=0)).answer[0].data == b"\xc0\0\2\1"
    await scene.has("192.0.2.1")
    assert (await scene.ask("new.example.com", of=1)).answer
    await scene.has("192.0.2.1", "192.0.2.2")
    scene.server.put(allowing("other.example"))
    await scene.knows(0)
    await scene.has()


async def test_answers_go_on_while_policies_are_away_and_are_told_later(scene: Scene) -> None:
    await scene.start_dns()
    await scene.knows(1)
    await scene.following.end()
    await scene.knows(1, away=1)
    assert (await scene.ask()).answer
    scene.upstream.answers = addressed(b"\xc0\0\2\2")
    assert (await scene.ask("b.example.com")).answer
    assert await scene.counts("polpo_dns_domains_held_total") == 0
    scene.following.follow(place=HERE)
    await scene.has("192.0.2.1", "192.0.2.2")
    await scene.knows(1)
    await scene.following.end()
    scene.following.follow(place=HERE)
    await scene.knows(1)
    await scene.has("192.0.2.1", "192.0.2.2")


async def test_a_network_that_is_away_makes_no_answer_wait_again_and_again(scene: Scene) -> None:
    await scene.start_dns(hold="50ms")
    await scene.knows(1)
    scene.following.api.away = True
    assert (await scene.ask()).answer
    await scene.knows(1, away=1)
    held = await scene.counts("polpo_dns_domains_held_total")
    scene.upstream.answers = addressed(b"\xc0\0\2\2")
    assert (await scene.ask("b.example.com")).answer
    assert await scene.counts("polpo_dns_domains_held_total") == held
    scene.following.api.away = False
    await scene.has("192.0.2.1", "192.0.2.2")
    await scene.knows(1)


async def test_nobody_learns_his_way_into_the_cluster_or_fills_its_tables(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "MOST", 3)
    scene.server.put(node("n1", "192.0.2.200"))
    await scene.start_dns()
    await scene.knows(1)
    bad = ("10.100.0.3", "10.254.0.10", "192.0.2.200", "127.0.0.1", "169.254.169.254", "224.0.0.1")
    name = from_text(WWW)
    records = [Record(name, 1, 30, bytes(map(int, one.split(".")))) for one in bad]
    scene.upstream.answers = always(Reply(answer=tuple(records)))
    assert len((await scene.ask()).answer) == len(bad), "it is an answer like any other"
    assert (await addresses(scene.following.made))[KEY] == []
    records = [Record(name, 1, 30, bytes((198, 51, 100, n))) for n in range(5)]
    scene.upstream.answers = always(Reply(answer=tuple(records)))
    assert (await scene.ask("a.example.com")).answer
    await scene.has("198.51.100.2", "198.51.100.3", "198.51.100.4")
    await until(lambda: "TooManyAddresses" in scene.events())


async def test_a_policy_says_whether_the_clusters_dns_tells(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    await until(lambda: "Accepted" in scene.said())
    assert scene.said()["Accepted"]["status"] == "True", "who tells needs a moment to find us"
    monkeypatch.setattr(answers, "SILENT_S", 0.0)
    monkeypatch.setattr(answers, "SWEEP_S", 0.01)
    await scene.following.end()
    scene.following.follow(place=HERE)
    await until(lambda: scene.said()["Accepted"]["status"] == "False")
    assert "wildcards want the cluster's DNS" in scene.said()["Accepted"]["message"]
    monkeypatch.setattr(answers, "SILENT_S", 600.0)
    await until(lambda: scene.said()["Accepted"]["status"] == "True")


async def test_who_has_not_read_the_secret_is_neither_told_nor_believed(scene: Scene) -> None:
    stored = scene.server.stored.objects
    await until(lambda: "data" in stored["secrets", *SECRET])
    data = stored["secrets", *SECRET]["data"]
    said = meeting_of(SecretObject(metadata=Any, data=data))  # type: ignore[arg-type]
    assert said is not None
    there = Cluster(server=said.url, ca=said.certificate.encode(), server_name=SERVER_NAME)
    for token, body, status in (
        ("", b"{}", 401),
        ("guess", b"{}", 401),
        (said.token, b"{}", 400),
        (said.token, b"x" * (1 << 20 | 1), 413),
    ):
        client = Client(msgspec.structs.replace(there, token=token))
        for method in ("GET", "PUT") if status == 401 else ("PUT",):
            with pytest.raises(ApiError) as error:
                await client.call(method, PATH, body=body)
            assert error.value.status == status
        await client.close()


async def test_what_is_the_projects_own_is_said_of_a_cluster(made: Made) -> None:
    shown: Callable[[], Any] = (await made.client.get("/v1/clusters/k8s", headers=MEMBER)).json
    assert shown()["cluster"]["routed_cidrs"] == ["10.100.0.0/28", "fd00:100::/64"]
