"""When a host with gateways stands down."""

from pathlib import Path

import pytest

from polpo.agent.pairs.isolation import ASK_S, HEARD_S, SILENT_S, Isolation

OWN, OTHERS = "192.0.2.1", ["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"]


class World:
    """Other hosts of which some answer, and a controller that does or does not."""

    def __init__(self, folder: Path) -> None:
        self.now, self.alive, self.controller = 100.0, set(OTHERS), True
        self.hosts, self.gateways = [OWN, *OTHERS], True
        self.asked: list[str] = []
        self.peers: set[str] = set()
        self.file = folder / "isolation"
        self.isolation = self.agent()

    def agent(self) -> Isolation:
        made = Isolation(
            self.file,
            OWN,
            lambda: self.hosts,
            lambda: self.peers,
            lambda: self.gateways,
            self.controller_answers,
            lambda: self.now,
        )
        made.prepare()
        return made

    async def controller_answers(self) -> bool:
        return self.controller

    def ask(self, address: str) -> None:
        self.asked.append(address)
        if address in self.alive:
            self.isolation.hear({address})

    async def pass_time(self, seconds: float = 2 * SILENT_S) -> None:
        for _ in range(round(seconds / ASK_S)):
            self.now += ASK_S
            await self.isolation.look(self)

    @property
    def says(self) -> int:
        return int(self.file.read_text())


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_who_hears_a_host_stays(world: World) -> None:
    world.controller, world.alive = False, {OTHERS[3]}
    await world.pass_time(10)
    assert world.says == 0
    assert set(world.asked) == set(OTHERS), "in turn"


async def test_who_hears_only_the_controller_stays(world: World) -> None:
    world.alive = set()
    await world.pass_time(10)
    assert world.says == 0


async def test_who_hears_nobody_stands_down_until_somebody_answers(world: World) -> None:
    world.controller, world.alive = False, set()
    await world.pass_time()
    assert world.says == -254
    world.alive = {OTHERS[0]}
    await world.pass_time(2)
    assert world.says == 0


async def test_a_short_silence_is_none(world: World) -> None:
    world.controller, world.alive = False, set()
    await world.pass_time(SILENT_S)
    assert world.says == 0


async def test_an_agent_that_comes_back_keeps_what_was_said_until_it_knows(world: World) -> None:
    world.controller, world.alive = False, set()
    await world.pass_time()
    world.isolation = world.agent()
    await world.isolation.look(world)
    assert world.says == -254


async def test_a_host_without_gateways_or_alone_asks_nobody(world: World) -> None:
    world.controller, world.alive, world.gateways = False, set(), False
    await world.pass_time()
    world.gateways, world.hosts = True, [OWN]
    await world.pass_time()
    assert not world.asked
    assert world.says == 0


async def test_it_tells_whom_it_has_heard_of_late(world: World) -> None:
    world.alive = {OTHERS[0], OTHERS[1]}
    await world.pass_time(5)
    assert world.isolation.heard() == (OTHERS[0], OTHERS[1])
    world.alive = {OTHERS[1]}
    await world.pass_time(HEARD_S + 5)
    assert world.isolation.heard() == (OTHERS[1],)


async def test_hosts_where_peers_are_are_asked_each_time(world: World) -> None:
    world.peers = {OTHERS[3], OWN}
    world.hosts = [OWN, *OTHERS, *(f"192.0.2.{n}" for n in range(10, 99))]
    await world.pass_time(5)
    assert world.asked.count(OTHERS[3]) >= 10
    assert OWN not in world.asked


async def test_an_agent_that_had_no_time_to_listen_blames_nobody(world: World) -> None:
    await world.pass_time()
    world.alive, world.controller = set(), False
    world.now += 30
    await world.isolation.look(world)
    assert world.says == 0
    await world.pass_time()
    assert world.says == -254
