"""What the closed loop costs on a host of 20,000 endpoints and 50 ports: idle, and at a restart.

A real agent with real tables in a namespace; a small controller in this process feeds it. The
peer's figures are of OVN 23.03 on this kind of machine (measured earlier, see the issue's
research): 3.2 s for a restart of ovn-controller with 10,000 ports.
"""

import asyncio
import contextlib
import os
import resource
import socket
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from polpo.kernel import netns
from polpo.target import rows
from polpo.testing.controller import Controller
from polpo.testing.hosts import CONTROLLER, PREFIX, UNDERLAY, HostUnderTest, eventually, sh

ENDPOINTS, PORTS = 20_000, 50
IDLE_S = 60.0
REMOTE = "192.0.2.2"


def run() -> list[dict[str, Any]]:
    return asyncio.run(_measure())


async def _measure() -> list[dict[str, Any]]:
    async with one_host() as (controller, host):
        for number in range(1, PORTS + 1):
            port = controller.add_port(number)
            await host.plug(port, f"{PREFIX}w{number}")
        begun = time.monotonic()
        controller.extra = _endpoints()
        await controller.write()
        await _reached(controller, host)
        fill_s = time.monotonic() - begun
        idle = await _idle_percent(host)
        memory = _memory_mib(host)
        await host.kill()
        begun = time.monotonic()
        await host.started()
        await _reached(controller, host)
        restart_s = time.monotonic() - begun
        for number in range(1, PORTS + 1):
            await host.ask(do="unplug", port=f"{number:08x}-0000-4000-8000-000000000000")
    peer = "OVN 23.03 (10,000 ports, measured earlier)"
    return [
        figure(f"agent idle, {ENDPOINTS} endpoints, {PORTS} ports", idle, "% of a core"),
        figure(f"agent memory, {ENDPOINTS} endpoints", memory, "MiB", peer, 193.0),
        figure(f"agent: {ENDPOINTS} endpoints from feed to kernel", fill_s, "s"),
        figure("agent killed with -9 and back in sync", restart_s, "s", peer, 3.2),
    ]


def figure(
    name: str, value: float, unit: str, peer: str | None = None, peer_value: float | None = None
) -> dict[str, Any]:
    ratio = peer_value / value if peer_value is not None and value else None
    found = {"name": name, "value": round(value, 3), "unit": unit}
    return found | {"peer": peer, "peer_value": peer_value, "ratio": ratio}


def _endpoints() -> list[rows.AnyRow]:
    return [
        rows.Endpoint(
            port=f"{number:08x}-1111-4000-8000-000000000000",
            mac=f"fa:16:3f:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
            host_address=REMOTE,
            addresses=(f"10.8.{number >> 8}.{number & 255}",),
        )
        for number in range(ENDPOINTS)
    ]


async def _reached(controller: Controller, host: HostUnderTest) -> None:
    """Until the agent says that the newest revision is wholly in the kernel."""

    async def reached() -> bool:
        return bool((await host.status())["revision"] == controller.revision)

    await eventually(reached, "the newest revision", deadline_s=60)


async def _idle_percent(host: HostUnderTest) -> float:
    """CPU of the agent over a minute in which nothing changes, in percent of one core."""
    await asyncio.sleep(5)  # what the change before it set off
    begun, before = time.monotonic(), _cpu_s(host)
    await asyncio.sleep(IDLE_S)
    return 100 * (_cpu_s(host) - before) / (time.monotonic() - begun)


def _cpu_s(host: HostUnderTest) -> float:
    fields = Path(f"/proc/{_pid(host)}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mib(host: HostUnderTest) -> float:
    pages = int(Path(f"/proc/{_pid(host)}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def _pid(host: HostUnderTest) -> int:
    assert host._process is not None
    return host._process.pid


@contextlib.asynccontextmanager
async def one_host() -> AsyncIterator[tuple[Controller, HostUnderTest]]:
    """One host on an underlay with its controller; nothing is left of them."""
    async with contextlib.AsyncExitStack() as leaving:
        folder = Path(leaving.enter_context(tempfile.TemporaryDirectory()))
        sh(f"ip netns add {UNDERLAY}")
        leaving.callback(sh, f"ip netns delete {UNDERLAY}")
        sh(f"ip -n {UNDERLAY} link add switch type bridge")
        sh(f"ip -n {UNDERLAY} address add {CONTROLLER}/24 dev switch")
        sh(f"ip -n {UNDERLAY} link set switch up")
        sock = leaving.enter_context(netns.inside(UNDERLAY, socket.socket))
        sock.bind((CONTROLLER, 0))
        controller = Controller({"a": "192.0.2.1", "b": REMOTE})
        await controller.write()
        await controller.start(sock)
        leaving.push_async_callback(controller.stop)
        host = HostUnderTest("a", "192.0.2.1", folder, sock.getsockname()[1])
        host.make()
        leaving.push_async_callback(host.remove)
        await host.started()
        yield controller, host
