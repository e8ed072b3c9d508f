"""What the controller is told of pods, and when ports are given back."""

import asyncio
import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from polpo.agent.controller import Given, Unreachable
from polpo.agent.plugs import Plug, Plugs, Pod
from polpo.agent.pods.keeper import Keeper
from polpo.agent.pods.pool import Pool
from polpo.model.choice import Choice
from polpo.target.rows import Port


class Controlled:
    """A controller that gives what it is asked for at once; `away` answers nobody."""

    def __init__(self, folder: Path, count: int) -> None:
        self.ports: dict[str, Port] = {}
        self.plugs = Plugs(folder / "plugs.json")
        self.pool = Pool(lambda: self.ports, self.plugs)
        self.keeper = Keeper(self, self.pool, ["k8s"], 2, lambda: self.ports.keys())
        self.said: list[dict[str, Any]] = []
        self.away = False
        self.refused: dict[str, str] = {}
        self.heard = asyncio.Event()
        for _ in range(count):
            self.add()

    def add(self, made_for: str = "") -> None:
        id = f"p{len(self.ports)}"
        self.ports[id] = Port(id, 7, "", 1450, 0, pods_of="k8s", made_for=made_for)

    async def pods(self, said: Mapping[str, object]) -> Given:
        self.said.append(dict(said))
        self.heard.set()
        if self.away:
            raise Unreachable("nobody there")
        return Given(set(self.ports), self.refused)

    async def hears(self) -> dict[str, Any]:
        """The next word."""
        self.heard.clear()
        self.keeper.wake()
        await self.heard.wait()
        return self.said[-1]


@contextlib.asynccontextmanager
async def running(keeper: Keeper) -> Any:
    task = asyncio.create_task(keeper.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_all_pods_are_said_each_time(tmp_path: Path) -> None:
    it = Controlled(tmp_path, 2)
    pod = Pod(cluster="k8s", sandbox="s", name="default/web", uid="u")
    it.plugs.put(Plug(port="p0", kind="netns", netns="n", device="eth0", pod=pod))
    async with running(it.keeper):
        for _ in range(2):
            said = await it.hears()
            assert said["pods"] == {"p0": {"sandbox": "s", "name": "default/web", "uid": "u"}}
            assert said["waiting"] == 2


async def test_who_waits_for_a_port_is_counted(tmp_path: Path) -> None:
    it = Controlled(tmp_path, 0)
    async with running(it.keeper):
        with it.keeper.wanting("k8s"), it.keeper.wanting("k8s"):
            assert (await it.hears())["waiting"] == 4
        assert (await it.hears())["waiting"] == 2


async def test_more_than_twice_what_is_wanted_is_given_back(tmp_path: Path) -> None:
    it = Controlled(tmp_path, 6)
    async with running(it.keeper):
        assert len((await it.hears())["released"]) == 2
    assert len(it.pool.waiting("k8s")) == 4


async def test_a_controller_that_is_away_is_asked_again(tmp_path: Path) -> None:
    it = Controlled(tmp_path, 1)
    it.away = True
    async with running(it.keeper):
        await it.hears()
        await it.keeper.begun.wait()
        assert it.keeper.trouble == {"k8s": "nobody there"}
        it.away = False
        await it.hears()
        await it.hears()
        assert not it.keeper.trouble


async def test_what_pods_choose_is_said_while_they_wait_and_given_back_after(
    tmp_path: Path,
) -> None:
    it = Controlled(tmp_path, 0)
    it.refused = {"s/eth0": "no such network"}
    it.add(made_for="s/eth0")
    async with running(it.keeper):
        with it.keeper.choosing("k8s", "s/eth0", Choice("s", network="n")):
            said = await it.hears()
            assert said["chosen"] == {"s/eth0": Choice("s", network="n")}
            assert said["released"] == []
            assert it.pool.made_for("s/eth0") == "p0"
            assert it.pool.waiting("k8s") == []
            await it.hears()
            assert it.keeper.refused["s/eth0"] == "no such network"
        said = await it.hears()
        assert "chosen" not in said
        assert said["released"] == ["p0"]
