"""The agent asks the wall clock for nothing: a jump is not noticed."""

from functools import partial
from pathlib import Path

import pytest

from polpo.testing.hosts import Cloud, eventually, inside, pings, until
from polpo.testing.wall_clock import WallClock

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]


def reported(cloud: Cloud, revision: int) -> bool:
    return cloud.controller.statuses["a"].revision >= revision


async def test_an_agent_repairs_and_reports_while_its_wall_clock_jumps(
    cloud: Cloud, tmp_path: Path
) -> None:
    clock = WallClock(tmp_path)
    await cloud.a.start(**clock.environment)
    await until(cloud.a.answers, "agent a")
    await cloud.b.started()
    port, one = await cloud.wired(cloud.a, 11)
    await cloud.wired(cloud.b, 12)
    for round, days in enumerate((30, -30, 400), start=1):
        clock.jump(days)
        inside(cloud.a.netns, f"tc qdisc del dev pp{port.replace('-', '')[:11]} clsact")

        async def repaired(round: int = round) -> bool:
            return int((await cloud.a.status()).get("drift", {}).get("filter", 0)) >= round

        await eventually(repaired, "the filter is back")
        revision = await cloud.controller.write()
        await until(partial(reported, cloud, revision), "the revision is reported")
    await until(lambda: pings(one, "10.7.0.12"))
