"""20,000 endpoints and 50 local ports: a restart is over in two seconds, idling costs nothing."""

import time
from pathlib import Path

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


def cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


async def reached(cloud: Cloud) -> bool:
    status = await cloud.a.status()
    return bool(status["revision"] == cloud.controller.revision and len(status["ports"]) == PORTS)


async def test_a_restart_converges_within_two_seconds(cloud: Cloud) -> None:
    await cloud.a.started()
    for number in range(2, 2 + PORTS):
        await cloud.wired(cloud.a, number)
    cloud.controller.extra = [endpoint(n) for n in range(ENDPOINTS)]
    began = time.monotonic()
    await cloud.controller.write()
    await eventually(lambda: reached(cloud), "20,000 rows from the feed")
    print(f"from the feed {time.monotonic() - began:.2f} s")
    await cloud.a.kill()
    began = time.monotonic()
    await cloud.a.started()
    print(f"door open {time.monotonic() - began:.2f} s")
    await eventually(lambda: reached(cloud), "converged")
    print(f"restart {time.monotonic() - began:.2f} s", await cloud.a.status())
    assert time.monotonic() - began < 4.0  # 2 s wanted; the machine may be busy


async def test_one_endpoint_more_is_a_few_rows(cloud: Cloud) -> None:
    for number in range(3):
        cloud.controller.extra.append(endpoint(30_000 + number))
        began = time.monotonic()
        await cloud.controller.write()
        await eventually(lambda: reached(cloud), "one more")
        print(f"one more {time.monotonic() - began:.4f}")


async def test_idling_costs_next_to_nothing(cloud: Cloud) -> None:
    import asyncio

    assert cloud.a._process
    pid = cloud.a._process.pid
    await asyncio.sleep(2)
    before, began = cpu_s(pid), time.monotonic()
    await asyncio.sleep(20)
    print(
        f"idle {100 * (cpu_s(pid) - before) / (time.monotonic() - began):.2f} % of a core",
        await cloud.a.status(),
    )
