"""Who may come in, and who has to wait."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from polpo.agent.metadata.pace import AT_ONCE, EVERY_S, Pace
from polpo.agent.metadata.visitors import Visitors


class House:
    """Room for three from each, and for six."""

    def __init__(self) -> None:
        self.visitors = Visitors(each=3, all=6)
        self.visits: list[asyncio.Task[None]] = []

    def comes(self, caller: int) -> bool:
        if not self.visitors.make_room(caller):
            return False
        self.visits.append(asyncio.create_task(asyncio.sleep(60)))
        self.visitors.enter(caller, self.visits[-1])
        return True


@pytest_asyncio.fixture
async def house() -> AsyncIterator[House]:
    made = House()
    yield made
    for visit in made.visits:
        visit.cancel()
    await asyncio.gather(*made.visits, return_exceptions=True)
    assert len(made.visitors) == 0


async def test_nobody_has_more_than_their_share(house: House) -> None:
    assert [house.comes(1) for _ in range(5)] == [True] * 3 + [False] * 2
    assert house.comes(2)


async def test_where_it_is_full_the_greediest_goes_for_who_has_less(house: House) -> None:
    assert all(house.comes(caller) for caller in (1, 1, 1, 2, 2, 3))
    assert house.comes(4)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [visit.done() for visit in house.visits] == [True] + [False] * 6, "the oldest"
    assert not house.comes(1), "who has as many as the greediest"


async def test_where_all_have_one_the_next_waits(house: House) -> None:
    assert all(house.comes(caller) for caller in range(6))
    assert not house.comes(6)
    house.visits[0].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert house.comes(6)


def test_who_asks_faster_waits_longer() -> None:
    now = [100.0]
    pace = Pace(lambda: now[0])
    assert [pace.delay_s(1) for _ in range(AT_ONCE)] == [0.0] * AT_ONCE
    waits = [pace.delay_s(1) for _ in range(3)]
    assert [round(wait / EVERY_S, 6) for wait in waits] == [1, 2, 3]
    assert pace.delay_s(2) == 0.0, "others do not wait"
    now[0] += 60
    assert pace.delay_s(1) == 0.0
