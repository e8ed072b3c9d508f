"""10,000 Services of 2 backends: a host's cold start, one more Service, and what a packet pays.

A real agent with real tables in a namespace; a small controller in this process feeds it. What the
controller itself takes to compile them is measured beside. The peer's figures are of kube-proxy
1.36 in nftables mode on this kind of machine (measured earlier, see the issue's research).
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from bench.loop import figure, one_host
from polpo.compiler.changes import slice_changes
from polpo.compiler.slices import shared_slice
from polpo.compiler.view import View
from polpo.model.change import Change
from polpo.model.cluster import Cluster
from polpo.model.network import Network
from polpo.model.router import Router
from polpo.model.service import Service, ServiceBackend, ServicePort
from polpo.model.snapshot import Snapshot
from polpo.target import rows
from polpo.target import service as target
from polpo.testing.controller import Controller
from polpo.testing.hosts import PREFIX, HostUnderTest, eventually, inside

SERVICES, TRIES, CONNECTS = 10_000, 50, 4000
CLIENT, SERVER = f"{PREFIX}w20", f"{PREFIX}w21"
DIRECT, PORT, SERVED = "10.7.0.21", 5000, "10.253.0.1"
ACCEPT = f"""
import socket
s = socket.create_server(("", {PORT}), backlog=1024)
print("ready", flush=True)
while True: s.accept()[0].close()
"""
CONNECT = """
import json, socket, statistics, struct, sys, time
reset = struct.pack("ii", 1, 0)
took = {name: [] for name in sys.argv[2:]}
for i in range(int(sys.argv[1])):
    for name in took:
        address, port = name.split(":")
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        began = time.perf_counter_ns()
        s.connect((address, int(port)))
        took[name].append(time.perf_counter_ns() - began)
        s.close()
print(json.dumps({name: statistics.median(all) / 1000 for name, all in took.items()}))
"""
PEER = "kube-proxy 1.36, nftables (measured earlier)"
Row = dict[str, Any]


def run() -> list[Row]:
    return [*_compiled(), *asyncio.run(_on_a_host())]


def _compiled() -> list[Row]:
    """The controller's part."""
    view = View(Snapshot.of(_objects(), 1))
    begun = time.perf_counter()
    found = shared_slice(view, "router/9")
    whole_s = time.perf_counter() - begun
    assert len(found) == 3 * SERVICES + 1
    took = []
    for n in range(TRIES):
        change = Change(revision=2, before=None, after=_service(SERVICES + n))
        after = view.after(view.snapshot.put(_service(SERVICES + n)), [change])
        begun = time.perf_counter()
        slice_changes(view, after, [change])
        took.append(time.perf_counter() - begun)
    return [
        figure(f"services: {SERVICES} compiled", whole_s, "s"),
        figure(f"services: one more of {SERVICES} compiled", 1000 * statistics.median(took), "ms"),
    ]


def _objects() -> list[Any]:
    network, router = Network(id="N", vni=7, mtu=1400), Router(id="R", vni=9)
    cluster = Cluster(id="C", name="c", network_id="N", router_id="R")
    return [network, router, cluster, *map(_service, range(SERVICES))]


def _service(n: int) -> Service:
    ends = tuple(ServiceBackend(f"10.{100 + i}.{n >> 8}.{n & 255}", 8080, "a") for i in (0, 1))
    return Service(
        id=f"{n:08x}-2222-4000-8000-000000000000",
        cluster_id="C",
        name=f"default/s{n}",
        addresses=(f"10.254.{n >> 8}.{n & 255}",),
        ports=(ServicePort("tcp", 80, ends),),
    )


def _rows(n: int) -> list[rows.AnyRow]:
    service = _service(n)
    ends = (target.Backend(service.id, b.address, b.port) for b in service.ports[0].backends)
    return [target.Service(service.id, service.addresses[0], "tcp", 80), *ends]


async def _on_a_host() -> list[Row]:
    async with one_host() as (controller, host):
        for number, name in ((20, CLIENT), (21, SERVER)):
            await host.plug(controller.add_port(number), name)
        await _serve_one(controller, host)
        few = await asyncio.to_thread(_connects)
        begun = time.monotonic()
        controller.extra += [row for n in range(SERVICES) for row in _rows(n)]
        await controller.write()
        await _reached(controller, host)
        cold_s = time.monotonic() - begun
        more_ms = [await _one_more(controller, host, SERVICES + n) for n in range(TRIES)]
        many = await asyncio.to_thread(_connects)
        for number in (20, 21):
            await host.ask(do="unplug", port=f"{number:08x}-0000-4000-8000-000000000000")
    return [
        figure(f"services: {SERVICES} from feed to kernel", cold_s, "s", PEER, 25.7),
        figure(
            f"services: one more of {SERVICES}, from feed to kernel and back",
            *(statistics.median(more_ms), "ms", PEER, 7000.0),
        ),
        figure("services: a connection, 1 Service: more than direct", few, "us"),
        figure(f"services: a connection, {SERVICES} Services: more than direct", many, "us"),
    ]


async def _serve_one(controller: Controller, host: HostUnderTest) -> None:
    """A Service of one backend, at an address that the client finds on its link."""
    one = target.Service("one", SERVED, "tcp", 80)
    controller.extra += [one, target.Backend("one", DIRECT, PORT)]
    await controller.write()
    await _reached(controller, host)
    inside(CLIENT, f"ip route add {SERVED}/32 dev eth0")
    inside(CLIENT, f"ip neigh replace {SERVED} lladdr 02:00:00:00:00:01 dev eth0")


async def _one_more(controller: Controller, host: HostUnderTest, n: int) -> float:
    controller.extra += _rows(n)
    begun = time.perf_counter()
    await controller.write()
    await _reached(controller, host)
    return 1000 * (time.perf_counter() - begun)


async def _reached(controller: Controller, host: HostUnderTest) -> None:
    async def reached() -> bool:
        status = controller.statuses.get("a")
        return status is not None and status.revision == controller.revision

    await eventually(reached, "the newest revision", deadline_s=60)


def _connects() -> float:
    """Microseconds that a connection by the Service takes longer; each other one is direct."""
    enter = ["nsenter", f"--net=/run/netns/{SERVER}", sys.executable, "-c", ACCEPT]
    server = subprocess.Popen(enter, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        assert server.stdout.readline() == "ready\n"
        words = ["-c", CONNECT, str(CONNECTS), f"{SERVED}:80", f"{DIRECT}:{PORT}"]
        enter = ["nsenter", f"--net=/run/netns/{CLIENT}", sys.executable, *words]
        done = subprocess.run(enter, capture_output=True, text=True, check=True)
    finally:
        server.kill()
        server.communicate()
    found: dict[str, float] = json.loads(done.stdout)
    return found[f"{SERVED}:80"] - found[f"{DIRECT}:{PORT}"]
