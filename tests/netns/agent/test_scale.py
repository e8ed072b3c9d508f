"""20,000 endpoints and 50 local ports: a restart gets there from the file, idling is idle."""

import asyncio

import pytest

from polpo.target.rows import Endpoint
from polpo.testing.hosts import Cloud, eventually, inside

pytestmark = [
    pytest.mark.netns,
    pytest.mark.asyncio(loop_scope="module"),
]

ENDPOINTS, PORTS = 20_000, 50
COUNT = "polpo_agent_loop_seconds_count"


def endpoint(number: int) -> Endpoint:
    high, low = divmod(number, 256)
    mac = f"fa:16:3f:{number >> 16:02x}:{high & 255:02x}:{low:02x}"
    address = f"10.8.{high}.{low}"
    return Endpoint(f"remote-{number}", mac, "192.0.2.2", (address,))


async def reached(cloud: Cloud) -> bool:
    status = await cloud.a.status()
    return bool(status["revision"] == cloud.controller.revision and len(status["ports"]) == PORTS)


async def test_a_restart_converges(cloud: Cloud) -> None:
    await cloud.a.started()
    await asyncio.gather(*(cloud.wired(cloud.a, number) for number in range(2, 2 + PORTS)))
    cloud.controller.extra = [endpoint(n) for n in range(ENDPOINTS)]
    await cloud.controller.write()
    await eventually(lambda: reached(cloud), "20,000 rows from the feed")
    await cloud.a.kill()
    await cloud.a.started()
    await eventually(lambda: reached(cloud), "converged")


def passes(cloud: Cloud) -> int:
    page = inside(cloud.a.netns, "curl -s http://127.0.0.1:9101/metrics")
    (count,) = [line for line in page.splitlines() if line.startswith(COUNT)]
    return int(float(count.split()[1]))


async def test_one_endpoint_more_does_not_read_the_tables(cloud: Cloud) -> None:
    before = passes(cloud)
    for number in range(30_000, 30_020):
        cloud.controller.extra.append(endpoint(number))
        await cloud.controller.write()
        await eventually(lambda: reached(cloud), "one more")
    assert passes(cloud) - before < 20


async def test_idling_is_idle(cloud: Cloud) -> None:
    """Nothing wakes it but its timer; what that costs is in bench/loop.py."""

    async def rests() -> bool:
        """Its timer has it look twice, on a busy machine in pieces (agent/workloads.py). One that
        woke itself would look fifty times.
        """
        before = passes(cloud)
        await asyncio.sleep(6.0)  # not a wait for something: the time that is measured
        return passes(cloud) - before <= 12

    await eventually(rests, "six seconds of rest")
