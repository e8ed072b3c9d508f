"""What it costs a DNS server to know a cluster: `polpo dns` beside CoreDNS, at the same time.

Both watch the same small API server with 10,000 Services and EndpointSlices of two, on one core;
the other has the API server and those who ask. They take turns in being asked, then hear of 100
changes a second.
"""

import contextlib
import random
import socket
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.dns import (
    SERVER_CORE,
    Server,
    coredns,
    figure,
    load,
    running,
)
from polpo.dns.wire.name import from_text
from polpo.testing import free
from polpo.testing.kubernetes.filled import Filled, filled, place

SERVICES, CHANGES, CHANGING_S, ROUNDS, LOOK_S = 10_000, 100, 10.0, 4, 0.01
COREFILE = """.:{port} {{
    bind 127.0.0.1
    kubernetes cluster.local 10.254.0.0/16 10.100.0.0/14 {{
        endpoint {api}
    }}
    cache 30
}}
"""


class Start(NamedTuple):
    """Until it knew all, and its memory then."""

    known_s: float
    cpu_s: float
    memory_mb: float


def run() -> list[dict[str, Any]]:
    polpo = [sys.executable, "-m", "polpo.apps.dns", "-workers", "1", "-conf"]
    programs = (("polpo", polpo), ("coredns", [str(coredns()), "-conf"]))
    with (
        filled(SERVICES) as api,
        tempfile.TemporaryDirectory() as name,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        write_questions(folder)
        servers, starts = [], []
        for kind, command in programs:
            server, start = begin(kind, command, api, folder, stack)
            servers.append(server)
            starts.append(start)
        return [
            *of_starts(*starts),
            *of_load(servers, folder),
            *of_changes(api, servers),
        ]


def begin(
    kind: str, command: list[str], api: Filled, folder: Path, stack: contextlib.ExitStack
) -> tuple[Server, Start]:
    port = free.port()
    corefile = folder / f"Corefile.{kind}"
    corefile.write_text(COREFILE.format(port=port, api=api.address))
    begun = time.monotonic()
    question = f"service-{SERVICES - 1}.{place(SERVICES - 1)}.svc.cluster.local"
    server = stack.enter_context(
        running(kind, [*command, str(corefile)], port, SERVER_CORE, question)
    )
    return server, Start(time.monotonic() - begun, server.cpu_s(), server.memory_mb())


def write_questions(folder: Path) -> None:
    rng = random.Random(1)
    numbers = [rng.randrange(SERVICES) for _ in range(20_000)]
    hits = [f"service-{n}.{place(n)}.svc.cluster.local A" for n in numbers]
    storm = [
        f"www{n // 100}.example.com.{place(n)}.svc.cluster.local {kind}"
        for n in numbers[:10_000]
        for kind in ("A", "AAAA")
    ]
    for name, lines in (("hits", hits), ("nxdomain", storm)):
        (folder / name).write_text("\n".join([*lines, ""]))


def of_starts(ours: Start, theirs: Start) -> list[dict[str, Any]]:
    names = ("until the last is answered", "CPU until then", "memory (PSS, all processes)")
    return [
        cluster_figure(f"10,000 Services: {name}", own, other, unit)
        for name, unit, own, other in zip(names, ("s", "s", "MB"), ours, theirs, strict=True)
    ]


def of_load(servers: list[Server], folder: Path) -> list[dict[str, Any]]:
    figures = []
    for what, file in (("names that are there", "hits"), ("search paths", "nxdomain")):
        rounds = [
            [load(server, folder / file).per_cpu_s for server in servers] for _ in range(ROUNDS)
        ]
        ours, theirs = (statistics.median(values) for values in zip(*rounds, strict=True))
        figures.append(cluster_figure(what, ours, theirs, "answers per CPU-second"))
    ours, theirs = (server.memory_mb() for server in servers)
    figures.append(cluster_figure("memory after that (PSS, all processes)", ours, theirs, "MB"))
    return figures


def of_changes(api: Filled, servers: list[Server]) -> list[dict[str, Any]]:
    """A few questions meanwhile: their CPU is counted with the changes'. What the machine itself
    makes wait is seen by the same questions without changes."""
    calm_ms = slowest_ms(servers)
    before = [server.cpu_s() for server in servers]
    api.begin_changes(CHANGES, CHANGING_S)
    busy_ms = slowest_ms(servers)
    count = api.changes()
    ours, theirs = (
        1e6 * (server.cpu_s() - cpu_s) / count
        for server, cpu_s in zip(servers, before, strict=True)
    )
    return [
        cluster_figure("CPU for a change of endpoints", ours, theirs, "µs"),
        cluster_figure("slowest answer, nothing changes", calm_ms[0], calm_ms[1], "ms"),
        cluster_figure("slowest answer during 100 changes a second", busy_ms[0], busy_ms[1], "ms"),
    ]


def slowest_ms(servers: list[Server]) -> list[float]:
    """Of each server, asked in turn about a Service after the other."""
    slowest = [0.0 for _ in servers]
    with contextlib.ExitStack() as stack:
        links = [stack.enter_context(client(server.port)) for server in servers]
        ends, number = time.monotonic() + CHANGING_S, 1
        while time.monotonic() < ends:
            for at, link in enumerate(links):
                begun = time.monotonic()
                assert is_answered(link, number)
                slowest[at] = max(slowest[at], 1e3 * (time.monotonic() - begun))
            number = (number + 10) % SERVICES
            time.sleep(LOOK_S)
    return slowest


def cluster_figure(name: str, ours: float, theirs: float, unit: str) -> dict[str, Any]:
    return figure(name, ours, theirs, unit, "DNS of a cluster")


def is_answered(link: socket.socket, number: int) -> bool:
    name = from_text(f"service-{number}.{place(number)}.svc.cluster.local")
    query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1)
    link.send(query)
    return bool(link.recv(4096)[7])


@contextlib.contextmanager
def client(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect(("127.0.0.1", port))
        link.settimeout(2)
        yield link
