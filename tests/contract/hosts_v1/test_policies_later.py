"""Policies are switched on for a cluster that has pods: none of them is cut off meanwhile."""

from typing import Any

import httpx2
import msgspec
import pytest
import pytest_asyncio
from tests.contract.hosts_v1.conftest import Enrol
from tests.contract.hosts_v1.test_clusters import MEMBER, READER, Made, OneHost
from tests.contract.hosts_v1.test_policy import GROUPS, PATH, PEER, OnePort, a_pod, tell

from polpo.api.hosts_v1.parts import Parts
from polpo.model.cluster import has_policies, host_of
from polpo.model.port import Port
from polpo.model.told import Group
from polpo.policy.wanted import ALWAYS, NODES
from polpo.policy.wanted import OPEN as OPEN_GROUPS

ON = {"cluster": {"policies": True}}


class Older:
    """A cluster without policies, a host with a pod, and a port that waits."""

    def __init__(self, made: Made, parts: Parts, host: OneHost, open_group: str) -> None:
        self.made, self._parts, self._host, self.open_group = made, parts, host, open_group
        self.pods: dict[str, Any] = {}

    async def say(self) -> None:
        await self._host.ports(pods=self.pods, waiting=1)

    async def switch(self, headers: Any = MEMBER, body: Any = ON) -> httpx2.Response:
        return await self.made.client.patch(PATH, json=body, headers=headers)

    def ports(self) -> list[Port]:
        return sorted(self._parts.store.snapshot.by(Port, "host", "h1"), key=lambda p: p.device_id)

    def waiting(self) -> Port:
        return next(port for port in self.ports() if not port.device_id)

    def own(self) -> OnePort:
        return OnePort(self._parts, next(port.id for port in self.ports() if host_of(port)))

    async def begin(self, name: str) -> OnePort:
        """A pod, on the port that waits."""
        port = self.waiting()
        self.pods[port.id] = {"sandbox": f"s-{name}", "name": f"default/{name}", "uid": "u"}
        await self.say()
        return OnePort(self._parts, port.id)


@pytest_asyncio.fixture
async def older(client: httpx2.AsyncClient, enrol: Enrol, parts: Parts) -> Older:
    made = Made(client)
    await made.build()
    body = {"security_group": {"name": "open"}}
    answer = await made.client.post(GROUPS, json=body, headers=MEMBER)
    group = str(answer.json()["security_group"]["id"])
    assert (await made.create(security_group_ids=[group])).status_code == 201
    host = OneHost(made.client, "h1", (await enrol("h1", "192.0.2.1"))["token"])
    older = Older(made, parts, host, group)
    await older.say()
    return older


async def test_a_pod_keeps_its_groups_until_policies_say_others(older: Older) -> None:
    web = await older.begin("web")
    assert (await older.switch()).json()["cluster"]["policies"] is True
    await older.say()
    assert web.port().security_groups == (older.open_group,)
    assert not has_policies(web.port())
    await tell(older.made, groups=[PEER], pods=[a_pod("peer/a")])
    assert web.groups() == ["peer/a"]
    assert has_policies(web.port())
    await older.say()
    assert web.groups() == ["peer/a"]
    await tell(older.made, gone_pods=["default/web"])
    assert web.groups() == []


async def test_what_policies_say_before_the_host_has_said_of_the_pod_counts(older: Older) -> None:
    await older.switch()
    await tell(older.made, groups=[PEER], pods=[a_pod("peer/a")])
    assert (await older.begin("web")).groups() == ["peer/a"]


async def test_a_pod_that_comes_later_waits_for_policies(older: Older) -> None:
    await older.begin("old")
    await older.switch()
    await older.say()
    assert older.waiting().security_groups == ()
    web = await older.begin("web")
    assert (web.port().security_groups, has_policies(web.port())) == ((), True)
    await tell(older.made, groups=[PEER], pods=[a_pod("peer/a")])
    assert web.groups() == ["peer/a"]


async def test_the_next_pod_of_an_older_ones_port_inherits_nothing(older: Older) -> None:
    old = await older.begin("old")
    await older.switch()
    older.pods[old.id] = {"sandbox": "s-new", "name": "default/new", "uid": "n"}
    await older.say()
    assert (old.port().security_groups, has_policies(old.port())) == ((), True)


async def test_the_hosts_own_port_follows_when_the_groups_are_there(older: Older) -> None:
    await older.switch()
    await older.say()
    assert older.own().port().security_groups == (older.open_group,)
    told = [Group(key) if key == NODES else ALWAYS[key] for key in (NODES, *OPEN_GROUPS.values())]
    await tell(older.made, groups=msgspec.to_builtins(told))
    await older.say()
    assert older.own().groups() == [NODES, *sorted(OPEN_GROUPS.values())]


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (READER, ON, 403),
        (MEMBER, {"cluster": {"policies": False}}, 400),
        (MEMBER, {"cluster": {}}, 400),
        (MEMBER, {"cluster": {"name": "other"}}, 400),
    ],
)
async def test_nobody_else_and_nothing_else(
    older: Older, headers: Any, body: Any, status: int
) -> None:
    assert (await older.switch(headers, body)).status_code == status
    await older.say()
    assert older.waiting().security_groups == (older.open_group,)


async def test_a_pod_that_is_refused_keeps_nothing_but_what_lets_its_host_in(older: Older) -> None:
    web = await older.begin("web")
    await older.switch()
    wrong = a_pod("peer/a") | {"security_groups": ["mistyped"]}
    (refused,) = await tell(older.made, groups=[PEER, {"key": "node-traffic"}], pods=[wrong])
    assert "mistyped" in refused["message"]
    assert web.groups() == ["node-traffic"]
    assert has_policies(web.port())
    await older.say()
    assert web.groups() == ["node-traffic"]
    assert await tell(older.made, pods=[a_pod("peer/a")]) == []
    assert web.groups() == ["peer/a"]
    await tell(older.made, pods=[wrong])
    assert web.groups() == ["node-traffic"]
