"""A load balancer under load: what a request costs beside a hand-written HAProxy, whether changes
fail any, and what many cost.

Steps of bench/balancer.py. The hand-written HAProxy runs in the same namespace, with the same
number of threads, before the same member, which is a third HAProxy; both take turns. It has the
timeouts that keep slow clients from holding it: they cost some per cent, and nobody is without. It
is in a session of its own, as ours is and as any service: in that of the clients the kernel's
scheduler would have it wake less often, for a fifth less of processor time (sched_autogroup).
"""

import asyncio
import contextlib
import itertools
import os
import re
import statistics
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from msgspec.structs import replace

from bench.processor import cpu_s
from polpo.agent.balancer.proxy.threads import MOST_THREADS
from polpo.model.load_balancer import SINGLE
from polpo.model.network import Subnet
from polpo.model.object import Object
from polpo.model.port import AddressPair, FixedIP
from polpo.model.secret import Secret
from polpo.testing.balancers import (
    BALANCER,
    CLIENT,
    LISTENER,
    MEMBERS,
    POOL,
    SEAL,
    VIP,
    BalancerCloud,
    Client,
    end,
    member,
    placement,
    worker,
)
from polpo.testing.hosts import HostUnderTest, eventually

BEHIND = 8090
TURNS, RELOADS, CHANGES, REQUESTS, ALONE = 12, 50, 1000, 100_000, 100
CROWD, CROWD_VNI, CROWD_IDLE_S = 200, 1000, 20.0
Figures = list[dict[str, Any]]
MEMBER = f"""
global
  maxconn 4000
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend behind
  bind :{BEHIND}
  http-request return status 200 content-type text/plain string ok
"""
HAND_WRITTEN = """
global
  maxconn 4000
  nbthread {threads}
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
  timeout http-request 30s
  timeout tunnel 1h
  timeout client-fin 30s
frontend web
  bind :9080
  option forwardfor
  default_backend members
frontend secure
  bind :9443 ssl crt {certificate} alpn h2,http/1.1
  option forwardfor
  default_backend members
backend members
  balance roundrobin
  server one 10.7.0.21:{behind}
frontend stream
  mode tcp
  bind :9081
  default_backend streams
backend streams
  mode tcp
  balance roundrobin
  option splice-auto
  server one 10.7.0.21:{behind}
"""


class Load(NamedTuple):
    """`words`: of h2load; `ours`, `theirs`: URLs."""

    what: str
    words: str
    ours: str
    theirs: str


LOADS = (
    Load("HTTP, keep-alive", "--h1 -c 8 -n 20000", f"http://{VIP}/", f"http://{VIP}:9080/"),
    Load(
        "TCP, new connections", "--h1 -c 2000 -n 2000", f"http://{VIP}:81/", f"http://{VIP}:9081/"
    ),
    Load(
        "TLS handshakes",
        "--npn-list http/1.1 -c 400 -n 400",
        f"https://{VIP}/",
        f"https://{VIP}:9443/",
    ),
    Load("HTTP/2 in TLS", "-c 8 -m 8 -n 20000", f"https://{VIP}/", f"https://{VIP}:9443/"),
)


def figure(name: str, value: float, unit: str, peer: float | None = None) -> dict[str, Any]:
    theirs = {"peer": "hand-written HAProxy, same run" if peer else None, "peer_value": peer}
    ratio = round(peer / value, 3) if peer else None
    return {"name": f"balancer: {name}", "value": round(value, 4), "unit": unit, **theirs} | {
        "ratio": ratio
    }


@contextlib.contextmanager
def haproxy(where: str, text: str, folder: Path, name: str) -> Iterator[int]:
    """Its pid."""
    path = folder / name
    path.write_text(text)
    command = ["nsenter", f"--net=/run/netns/{where}", "haproxy", "-db", "-f", str(path)]
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def loaded(words: str, url: str) -> tuple[int, int]:
    """(answered, failed) of what h2load asked."""
    command = ["nsenter", f"--net=/run/netns/{CLIENT}", "h2load", *words.split(), url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said)
    assert counts, said
    well, *ill = map(int, counts.groups())
    return well, max(ill)


class Cost(NamedTuple):
    """Processor time of one request; requests that failed."""

    us: float
    failed: int


def cost_of(pid: int, load: Load, url: str) -> Cost:
    before = cpu_s(pid)
    well, ill = loaded(load.words, url)
    return Cost((cpu_s(pid) - before) / max(well, 1) * 1e6, ill)


def certificate() -> bytes:
    """PEM with its key."""
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x"
    more = ("-keyout", "-", "-out", "-")
    return subprocess.run([*words.split(), *more], check=True, capture_output=True).stdout


@contextlib.asynccontextmanager
async def loadable(cloud: BalancerCloud, folder: Path) -> AsyncIterator[Path]:
    """Listeners on 80, 81 (TCP) and 443, before one quick member. Yields the certificate."""
    before = cloud.controller.snapshot
    pem = certificate()
    (folder / "x.pem").write_bytes(pem)
    stream = replace(POOL, id="stream", protocol="TCP")
    with haproxy(MEMBERS[0], MEMBER, folder, "member.cfg"):
        await cloud.remove(member(22))
        revision = await cloud.change(
            Secret(id="x", sealed=SEAL.close("x", pem)),
            member(21, protocol_port=BEHIND),
            stream,
            member(21, id="streamed", pool_id="stream", protocol_port=BEHIND),
            replace(
                LISTENER,
                id="stream-listener",
                protocol="TCP",
                protocol_port=81,
                default_pool_id="stream",
                insert_headers={},
            ),
            replace(
                LISTENER,
                id="secure",
                protocol="TERMINATED_HTTPS",
                protocol_port=443,
                default_tls_container_ref="x",
            ),
        )
        await cloud.reached(revision)
        yield folder / "x.pem"
    cloud.controller.snapshot = before
    await cloud.reached(await cloud.controller.write())


async def costs(cloud: BalancerCloud, folder: Path) -> Figures:
    """In turns; of each the lower quartile, which other work on the machine has harmed little."""
    active, _ = await cloud.settled()
    async with loadable(cloud, folder) as path:
        threads = min(os.cpu_count() or 1, MOST_THREADS)
        text = HAND_WRITTEN.format(threads=threads, certificate=path, behind=BEHIND)
        with haproxy(cloud.netns(active), text, folder, "hand.cfg") as by_hand:
            await asyncio.sleep(1.0)
            found = [await cost(load, worker(cloud, active), by_hand) for load in LOADS]
    return [*itertools.chain(*found)]


async def cost(load: Load, ours: int, theirs: int) -> Figures:
    """A turn in which a request failed says nothing of what one costs."""
    found: list[tuple[Cost, Cost]] = []
    for turn in range(TURNS):
        pair = ((ours, load.ours), (theirs, load.theirs))
        order = pair if turn % 2 else pair[::-1]
        said = {pid: await asyncio.to_thread(cost_of, pid, load, url) for pid, url in order}
        found.append((said[ours], said[theirs]))
    whole = [pair for pair in found if not any(one.failed for one in pair)]
    assert len(whole) > 1, (load.what, found)
    own, other = (
        statistics.quantiles([c.us for c in costs])[0] for costs in zip(*whole, strict=True)
    )
    failed = sum(own.failed for own, _ in found)
    return [
        figure(f"processor time of a request, {load.what}", own, "µs", other),
        figure(f"{load.what}, failed requests", failed, "1"),
    ]


async def changes(cloud: BalancerCloud, folder: Path) -> Figures:
    """Reloads and weights, while requests go on, some in connections that stay, some in new."""
    async with loadable(cloud, folder):
        client = await asyncio.to_thread(Client, VIP)
        took: list[float] = []
        changing = asyncio.create_task(change_all(cloud, took))
        asked = failed = 0
        while not changing.done() or asked < REQUESTS:
            well, ill = await asyncio.to_thread(loaded, "--h1 -c 8 -n 5000", f"http://{VIP}/")
            asked, failed = asked + well + ill, failed + ill
        await changing
        new = await asyncio.to_thread(client.end)
    asked, failed = asked + new["asked"], failed + new["failed"]
    name = f"{asked} requests over {RELOADS} reloads and {CHANGES} changes at run time"
    return [
        figure(f"{name}, failed", failed, "1"),
        figure("a weight in force on both hosts, loaded, median", statistics.median(took), "s"),
    ]


async def weights(cloud: BalancerCloud) -> Figures:
    """Until both hosts have said that it is in force, when they have nothing else to do."""
    took = [await weigh(cloud, number) for number in range(ALONE)]
    await cloud.change(member(21))
    return [
        figure(
            f"a weight in force on both hosts, idle, median of {ALONE}",
            statistics.median(took),
            "s",
        ),
        figure(f"a weight in force on both hosts, idle, worst of {ALONE}", max(took), "s"),
    ]


async def weigh(cloud: BalancerCloud, number: int, **of: int) -> float:
    began = time.perf_counter()
    await cloud.reached(await cloud.change(member(21, weight=1 + number % 200, **of)))
    return time.perf_counter() - began


async def change_all(cloud: BalancerCloud, took: list[float]) -> None:
    for number in range(CHANGES):
        took.append(await weigh(cloud, number, protocol_port=BEHIND))
        if number % (CHANGES // RELOADS) == 0:
            timeout = replace(LISTENER, timeout_client_data=40_000 + number)
            await cloud.reached(await cloud.change(timeout))


def one_of_many(number: int) -> Iterator[Object]:
    """A load balancer with a single instance, on host `a`."""
    key = f"{number:08x}-0000-4000-8000-0000000000cc"
    of: dict[str, Any] = {"load_balancer_id": key}
    third, fourth = number // 200, number % 200 + 1
    vip = f"10.8.{third}.{fourth}"
    yield replace(
        BALANCER,
        id=key,
        vni=CROWD_VNI + number,
        vip_address=vip,
        vip_subnet_id="S8",
        additional_vips=(),
        topology=SINGLE,
    )
    yield replace(LISTENER, id=f"listener-{number}", default_pool_id=f"pool-{number}", **of)
    yield replace(POOL, id=f"pool-{number}", **of)
    yield replace(member(21), id=f"member-{number}", pool_id=f"pool-{number}", **of)
    yield replace(
        end(3, 3, key),
        id=f"{number:08x}-0000-4000-8000-000000000ccc",
        mac_address=f"fa:16:3f:00:{third:02x}:{fourth:02x}",
        fixed_ips=(FixedIP("S8", f"10.8.{100 + third}.{fourth}"),),
        allowed_address_pairs=(AddressPair(vip),),
    )
    yield placement(3, key)


async def crowd(cloud: BalancerCloud) -> Figures:
    """Many on one host: how long until they are, and what each costs while nobody asks."""
    host, began = cloud.a, time.perf_counter()
    subnet = Subnet(id="S8", network_id="N", ip_version=4, cidr="10.8.0.0/16")
    many = [thing for number in range(CROWD) for thing in one_of_many(number)]
    await cloud.change(subnet, *many)
    numbers = {CROWD_VNI + number for number in range(CROWD)}
    await eventually(lambda: all_serve(host, numbers), "all are ready and active", 300.0)
    took = time.perf_counter() - began
    pids = [pid for number in numbers for pid in below(cloud, host, number)]
    used, by_agent = sum(map(cpu_s, pids)), cpu_s(host.pid)
    await asyncio.sleep(CROWD_IDLE_S)
    each = (sum(map(cpu_s, pids)) - used) / CROWD_IDLE_S / CROWD * 100
    agent = (cpu_s(host.pid) - by_agent) / CROWD_IDLE_S * 100
    memory = sum(map(memory_mib, pids)) / CROWD
    pass_s = (await host.status())["loop_ms"] / 1000
    await cloud.remove(*many, subnet)
    await eventually(lambda: none_serves(host, numbers), "all are gone", 300.0)
    return [
        figure(f"{CROWD} on one host, from nothing", took, "s"),
        figure(f"{CROWD} on one host, memory of each", memory, "MiB"),
        figure(f"{CROWD} on one host, idle, processor for each", each, "% of a core"),
        figure(f"{CROWD} on one host, idle, the agent's processor", agent, "% of a core"),
        figure(f"{CROWD} on one host, the agent's pass when nothing has changed", pass_s, "s"),
    ]


async def all_serve(host: HostUnderTest, numbers: set[int]) -> bool:
    status = await host.status()
    return all(numbers <= {*status.get(word, ())} for word in ("ready", "active"))


async def none_serves(host: HostUnderTest, numbers: set[int]) -> bool:
    status = await host.status()
    return not numbers & {*status.get("ready", ()), *status.get("active", ())}


def below(cloud: BalancerCloud, host: HostUnderTest, number: int) -> Iterator[int]:
    """keepalived, HAProxy's master, and their children."""
    for name in ("keepalived.pid", "haproxy.pid"):
        first = int((cloud.files(host, number) / name).read_text())
        yield first
        yield from map(int, Path(f"/proc/{first}/task/{first}/children").read_text().split())


def memory_mib(pid: int) -> float:
    """Its own, and its share of what it shares."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def takeovers(cloud: BalancerCloud) -> int:
    logs = ((cloud.files(host) / "log").read_text() for host in cloud.homes)
    return sum(text.count("Entering MASTER STATE") for text in itertools.chain(logs))
