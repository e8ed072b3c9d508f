"""10,000 Services of 2 backends: a host's cold start, one more Service, and what a packet pays.

A real agent with real tables in a namespace; a small controller in this process feeds it. What the
controller itself takes to compile them is measured beside. The peer is kube-proxy in nftables mode,
from the small API server to a connection that is answered, in the same run where its program is
here; else by figures of this kind of machine, measured earlier.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from typing import Any

from bench import kube_proxy
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
from polpo.testing.hosts import PREFIX, eventually, inside

SERVICES, TRIES, CONNECTS = 10_000, 50, 4000
CLIENT, SERVER = f"{PREFIX}w20", f"{PREFIX}w21"
DIRECT, PORT, SERVED, GATEWAY = "10.7.0.21", 5000, "10.253.0.1", "10.7.0.1"
ACCEPT = f"""
import socket
s = socket.create_server(("", {PORT}), backlog=1024)
print("ready", flush=True)
while True: s.accept()[0].close()
"""
HEAR = f"""
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", {PORT}))
print("ready", flush=True)
while True: time.sleep(60)  # nobody is woken: what that takes is no part of a packet's way
"""
PEERS_TRIES = 5  # of some seconds each
Peer = tuple[str, float, float]
"""what, seconds for all, milliseconds for one more"""
Row = dict[str, Any]


def asks(kind: str, prepare: str, ask: str) -> str:
    """What a client runs: how often, then addresses, each asked first every other time."""
    return f"""
import json, socket, statistics, struct, sys, time
took = {{name: [] for name in sys.argv[2:]}}
for i in range(int(sys.argv[1])):
    for name in reversed(took) if i % 2 else took:
        address, port = name.split(":")
        s = socket.socket(socket.AF_INET, socket.{kind})
        s.{prepare}
        began = time.perf_counter_ns()
        s.{ask}
        took[name].append(time.perf_counter_ns() - began)
        s.close()
print(json.dumps({{name: statistics.median(all) / 1000 for name, all in took.items()}}))
"""


RESET = "setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))"
CONNECT = asks("SOCK_STREAM", RESET, "connect((address, int(port)))")
SEND = asks("SOCK_DGRAM", "bind(('', 0))", "sendto(b'x', (address, int(port)))")


def run() -> list[Row]:
    return [*_compiled(), *asyncio.run(_on_a_host(_peer()))]


def _peer() -> Peer:
    if kube_proxy.program() is None:
        return "kube-proxy 1.36, nftables (measured earlier)", 25.7, 7000.0
    cold_s, more_s = kube_proxy.measured(SERVICES, PEERS_TRIES)
    return "kube-proxy, nftables", cold_s, 1000 * statistics.median(more_s)


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


async def _on_a_host(peer: Peer) -> list[Row]:
    name, peers_cold_s, peers_more_ms = peer
    async with one_host() as (controller, host):
        for number, netns in ((20, CLIENT), (21, SERVER)):
            await host.plug(controller.add_port(number), netns)
        await _serve_one(controller)
        few = await asyncio.to_thread(_paid)
        begun = time.monotonic()
        controller.routed += [row for n in range(SERVICES) for row in _rows(n)]
        await controller.write()
        await _reached(controller)
        cold_s = time.monotonic() - begun
        more_ms = [await _one_more(controller, SERVICES + n) for n in range(TRIES)]
        many = await asyncio.to_thread(_paid)
        for number in (20, 21):
            await host.ask(do="unplug", port=f"{number:08x}-0000-4000-8000-000000000000")
    return [
        figure(f"services: {SERVICES} from feed to kernel", cold_s, "s", name, peers_cold_s),
        figure(
            f"services: one more of {SERVICES}, from feed to kernel and back",
            *(statistics.median(more_ms), "ms", name, peers_more_ms),
        ),
        *(
            figure(f"services: {what}, {services}: more than direct", longer_us, "us")
            for services, paid in (("1 Service", few), (f"{SERVICES} Services", many))
            for what, longer_us in paid
        ),
    ]


async def _serve_one(controller: Controller) -> None:
    """A Service of one backend, by the router, as pods reach theirs."""
    one = target.Service("one", SERVED, "tcp", 80)
    controller.interfaces = [rows.Interface("r", 7, "fa:16:3e:00:ff:01", 1400, (f"{GATEWAY}/24",))]
    controller.routed += [one, target.Backend("one", DIRECT, PORT)]
    first = target.Service("first", SERVED, "udp", 80)
    controller.routed += [first, target.Backend("first", DIRECT, PORT)]
    await controller.write()
    await _reached(controller)
    inside(CLIENT, f"ip route add {SERVED}/32 via {GATEWAY}")


async def _one_more(controller: Controller, n: int) -> float:
    begun = time.perf_counter()
    await controller.add(*_rows(n))
    await _reached(controller)
    return 1000 * (time.perf_counter() - begun)


async def _reached(controller: Controller) -> None:
    """The host has said that it has the newest revision."""

    async def reached() -> bool:
        said = controller.statuses.get("a")
        return said is not None and said.revision == controller.revision

    await eventually(reached, "the newest revision", deadline_s=60, every_s=0.001)


def _paid() -> list[tuple[str, float]]:
    return [("a connection", _longer(ACCEPT, CONNECT)), ("a first packet", _longer(HEAR, SEND))]


def _longer(serves: str, asks: str) -> float:
    """Microseconds that it takes longer by the Service; each other one is direct."""
    enter = ["nsenter", f"--net=/run/netns/{SERVER}", sys.executable, "-c", serves]
    server = subprocess.Popen(enter, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        assert server.stdout.readline() == "ready\n"
        words = ["-c", asks, str(CONNECTS), f"{SERVED}:80", f"{DIRECT}:{PORT}"]
        enter = ["nsenter", f"--net=/run/netns/{CLIENT}", sys.executable, *words]
        done = subprocess.run(enter, capture_output=True, text=True, check=True)
    finally:
        server.kill()
        server.communicate()
    found: dict[str, float] = json.loads(done.stdout)
    return found[f"{SERVED}:80"] - found[f"{DIRECT}:{PORT}"]
