"""20,000 endpoints and 50 local ports: a restart is over in two seconds, idling costs little."""

import asyncio
import time

import pytest

from polpo.target.rows import Endpoint
from polpo.testing.hosts import Cloud, eventually

pytestmark = [
    pytest.mark.netns,
    pytest.mark.asyncio(loop_scope="module"),
]

ENDPOINTS, PORTS = 20_000, 50


def endpoint(number: int) -> Endpoint:
    high, low = divmod(number, 256)
    mac = f"fa:16:3f:{number >> 16:02x}:{high & 255:02x}:{low:02x}"
    address = f"10.8.{high}.{low}"
    return Endpoint(f"remote-{number}", mac, "192.0.2.2", (address,))


async def reached(cloud: Cloud) -> bool:
    status = await cloud.a.status()
    return bool(status["revision"] == cloud.controller.revision and len(status["ports"]) == PORTS)


async def test_a_restart_converges_within_two_seconds(cloud: Cloud) -> None:
    await cloud.a.started()
    await asyncio.gather(*(cloud.wired(cloud.a, number) for number in range(2, 2 + PORTS)))
    cloud.controller.extra = [endpoint(n) for n in range(ENDPOINTS)]
    await cloud.controller.write()
    await eventually(lambda: reached(cloud), "20,000 rows from the feed")
    await cloud.a.kill()
    began = time.monotonic()
    await cloud.a.started()
    await eventually(lambda: reached(cloud), "converged")
    took_s = time.monotonic() - began
    print(f"restart_s: {took_s:.3f}")
    assert took_s < 4.0  # 2 s are wanted, and had; the machine may be busy


async def test_one_endpoint_more_does_not_read_the_tables(cloud: Cloud) -> None:
    cloud.controller.extra.append(endpoint(30_000))
    began = time.monotonic()
    await cloud.controller.write()
    await eventually(lambda: reached(cloud), "one more")
    print(f"endpoint_s: {time.monotonic() - began:.3f}")


async def test_idling_costs_little(cloud: Cloud) -> None:
    before, began = cloud.a.cpu_s(), time.monotonic()
    await asyncio.sleep(6.0)  # not a wait for something: the time that is measured
    percent = 100 * (cloud.a.cpu_s() - before) / (time.monotonic() - began)
    print(f"idle_percent: {percent:.3f}")
    assert percent < 4.0  # below 1 on a quiet machine, see docs/decisions/0022
