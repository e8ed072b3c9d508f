"""Load balancers: outages, planned failovers, a new one's first answer, what an idle one costs.

Two hosts with the pair and a third one with client and members, each with a real agent, as
namespaces. An outage is what a client sees that opens a connection every 5 ms, with one request in
each: the longest time between the beginnings of two that were answered. Needs root, keepalived and
HAProxy.
"""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bench import balancer_load as load
from bench.processor import cpu_s
from polpo.kernel import netns
from polpo.model.object import Object
from polpo.model.placement import HIGH, LOW, MOVING
from polpo.testing.balancers import (
    BALANCER,
    CLIENT,
    HOMES,
    LISTENER,
    POOL,
    VIP,
    BalancerCloud,
    Client,
    balancer_cloud,
    end,
    member,
    placement,
    worker,
)
from polpo.testing.hosts import UNDERLAY, HostUnderTest, eventually, sh

TIMES, LOSSES, LONG, IDLE_S = 20, 10, 20, 20.0
FIRST, MANY = 40, 20
Figures = list[dict[str, Any]]
Harm = Callable[[BalancerCloud, HostUnderTest], None]


def figure(name: str, value: float, unit: str) -> dict[str, Any]:
    nothing = {"peer": None, "peer_value": None, "ratio": None}
    return {"name": f"balancer: {name}", "value": round(value, 4), "unit": unit, **nothing}


def spread(name: str, values: list[float]) -> Figures:
    middle = figure(f"{name}, median of {len(values)}", statistics.median(values), "s")
    return [middle, figure(f"{name}, worst of {len(values)}", max(values), "s")]


def kill_worker(cloud: BalancerCloud, host: HostUnderTest) -> None:
    os.kill(worker(cloud, host), signal.SIGKILL)


def kill_keepalived(cloud: BalancerCloud, host: HostUnderTest) -> None:
    for name in ("keepalived.pid", "vrrp.pid"):
        os.kill(cloud.pid(host, name), signal.SIGKILL)


def kill_both(cloud: BalancerCloud, host: HostUnderTest) -> None:
    """The master of HAProxy: its workers end with it, and nobody of the pair is told."""
    kill_keepalived(cloud, host)
    os.kill(cloud.pid(host), signal.SIGKILL)


def cut_front(cloud: BalancerCloud, host: HostUnderTest) -> None:
    sh(f"ip -n {cloud.netns(host)} link set eth0 down")


def delete_namespace(cloud: BalancerCloud, host: HostUnderTest) -> None:
    sh(f"ip netns delete {cloud.netns(host)}")


def lose(cloud: BalancerCloud, host: HostUnderTest) -> None:
    sh(f"ip -n {UNDERLAY} link set to-{host.name} down")


HARMS: dict[str, Harm] = {
    "HAProxy killed": kill_worker,
    "keepalived killed": kill_keepalived,
    "both killed": kill_both,
    "link in front down": cut_front,
    "namespace deleted": delete_namespace,
    "host lost": lose,
}


async def outage(cloud: BalancerCloud, harm: Harm) -> float:
    """Seconds; from the client's view, until all is well again."""
    active, other = await cloud.settled()
    await asyncio.sleep(1.2)  # Linux tells of links that come and go once a second
    client = await asyncio.to_thread(Client, VIP)
    await asyncio.sleep(0.3)
    harm(cloud, active)
    if harm is lose:
        await eventually(lambda: is_active(cloud, other), "the other one is active", 20.0)
        await asyncio.sleep(0.5)
        sh(f"ip -n {UNDERLAY} link set to-{active.name} up")
    await cloud.settled()
    found: float = (await asyncio.to_thread(client.end))["outage_s"]
    return found


async def is_active(cloud: BalancerCloud, host: HostUnderTest) -> bool:
    return host in await cloud.active()


async def failovers(cloud: BalancerCloud) -> Figures:
    found: Figures = []
    for what, harm in HARMS.items():
        found += spread(f"outage, {what}", [await outage(cloud, harm) for _ in range(LOSSES)])
    return found


async def planned(cloud: BalancerCloud) -> Figures:
    """Moves on purpose, one after the other, with connections that go on all the while."""
    number = {host: instance for instance, host in HOMES.items()}
    seen = []
    for _ in range(TIMES):
        active, other = await cloud.settled()
        client = await asyncio.to_thread(Client, VIP, 80, LONG)
        ahead = placement(number[other.name], priority=MOVING, preempt=True)
        await cloud.change(ahead, placement(number[active.name], priority=LOW))
        await eventually(lambda host=other: is_active(cloud, host), "moved", 20.0)  # type: ignore[misc]
        await cloud.change(replace(ahead, priority=HIGH, preempt=False))
        await cloud.settled()
        seen.append(await asyncio.to_thread(client.end))
    name = f"{TIMES} planned failovers, {sum(s['asked'] for s in seen)} requests"
    lost = sum(s["resets"] + s["stalls"] for s in seen)
    return [
        figure(f"{name}, failed", sum(s["failed"] for s in seen), "1"),
        figure(f"{name}, of {TIMES * LONG} connections lost", lost, "1"),
        *spread("outage, planned", [s["outage_s"] for s in seen]),
    ]


def another(number: int) -> Iterator[Object]:
    """A load balancer at 10.7.0.<number>, with everything of its own but its members' addresses."""
    key = f"{number:08x}-0000-4000-8000-00000000001b"
    of: dict[str, Any] = {"load_balancer_id": key}
    vip = f"10.7.0.{number}"
    yield replace(BALANCER, id=key, vni=number, vip_address=vip, additional_vips=())
    yield replace(LISTENER, id=f"listener-{number}", default_pool_id=f"pool-{number}", **of)
    yield replace(POOL, id=f"pool-{number}", **of)
    yield replace(member(21), id=f"member-{number}", pool_id=f"pool-{number}", **of)
    for instance in HOMES:
        front = end(instance, 3 * MANY + number * 2 + instance, key)
        (pair, *_) = front.allowed_address_pairs
        yield replace(front, allowed_address_pairs=(replace(pair, ip_address=vip),))
        yield placement(instance, key)


async def first_answers(cloud: BalancerCloud) -> Figures:
    """From the controller's revision to an answer from a member."""
    took = []
    for number in range(FIRST, FIRST + MANY):
        began = time.perf_counter()
        await cloud.change(*another(number))
        await asyncio.to_thread(answered, f"10.7.0.{number}")
        took.append(time.perf_counter() - began)
        await cloud.settled(number)
        await cloud.remove(*another(number))
        await eventually(lambda vni=number: is_gone(cloud, vni), "gone", 20.0)  # type: ignore[misc]
    return spread("a new one's first answer", took)


async def is_gone(cloud: BalancerCloud, vni: int) -> bool:
    return all(netns.identity(cloud.netns(host, vni)) is None for host in cloud.homes)


def answered(address: str) -> None:
    """Asks until one is."""
    command = f"nsenter --net=/run/netns/{CLIENT} curl -sf -o /dev/null -m 0.1 http://{address}/"
    while subprocess.run(command.split(), check=False).returncode:
        pass


def processes(cloud: BalancerCloud) -> list[int]:
    """Of the pair: keepalived and its child, HAProxy's master and its worker, on both hosts."""
    names = ("keepalived.pid", "vrrp.pid", "haproxy.pid")
    pids = [cloud.pid(host, name) for host in cloud.homes for name in names]
    return [*pids, *(worker(cloud, host) for host in cloud.homes)]


def memory_mib(pid: int) -> float:
    """Its own, and its share of what it shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


async def idle(cloud: BalancerCloud) -> Figures:
    await cloud.settled()
    await asyncio.sleep(2.0)
    pids, agents = processes(cloud), [host.pid for host in cloud.homes]
    began, before, agents_before = time.monotonic(), sum(map(cpu_s, pids)), sum(map(cpu_s, agents))
    await asyncio.sleep(IDLE_S)
    took = time.monotonic() - began
    used, agents_used = sum(map(cpu_s, pids)) - before, sum(map(cpu_s, agents)) - agents_before
    return [
        figure("idle pair, processor", 100 * used / took, "% of a core"),
        figure("idle pair's two agents, processor", 100 * agents_used / took, "% of a core"),
        figure("idle pair, memory", sum(map(memory_mib, pids)), "MiB"),
    ]


async def measure(folder: Path) -> Figures:
    async with balancer_cloud(folder) as cloud:
        found: Figures = []
        for step in (idle, load.weights, first_answers, planned, failovers):
            found += await said(step.__name__, step(cloud))
        before = load.takeovers(cloud)
        for loading in (load.costs, load.changes):
            found += await said(loading.__name__, loading(cloud, folder))
        found += await said("crowd", load.crowd(cloud))
        found.append(figure("failovers while it was loaded", load.takeovers(cloud) - before, "1"))
        return found


async def said(name: str, measuring: Coroutine[None, None, Figures]) -> Figures:
    """On standard error, how far it is: the whole takes its time."""
    began, found = time.monotonic(), list[dict[str, Any]]()
    try:
        found = await measuring
    except (AssertionError, OSError):
        traceback.print_exc()  # the other steps have their figures
    print(f"balancer: {name}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return found


def run() -> Figures:
    with tempfile.TemporaryDirectory(prefix="pt-lb-") as folder:
        return asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
