"""What it costs a DNS server to know a cluster: `polpo dns` beside CoreDNS, one after the other.

Both watch the same small API server with 10,000 Services and EndpointSlices of two, then 100
changes a second.
"""

import contextlib
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.dns import coredns, tree
from polpo.dns.wire.name import from_text
from polpo.testing.kubernetes.filled import Filled, filled, place

SERVICES, CHANGES, CHANGING_S = 10_000, 100, 5.0
COREFILE = """.:{port} {{
    bind 127.0.0.1
    kubernetes cluster.local 10.254.0.0/16 10.100.0.0/14 {{
        endpoint {api}
    }}
    cache 30
}}
"""


class Cost(NamedTuple):
    """Of one server: until it knew all, its memory then, for each change, and the slowest answer
    while there were changes."""

    known_s: float
    cpu_s: float
    memory_mb: float
    change_us: float
    worst_ms: float


def run() -> list[dict[str, Any]]:
    polpo = [str(Path(sys.executable).parent / "polpo"), "dns", "-workers", "1", "-conf"]
    ours = measure(polpo)
    theirs = measure([str(coredns()), "-conf"])
    units = ("s", "s", "MB", "µs", "ms")
    words = (
        "10,000 Services: until the last is answered",
        "10,000 Services: CPU until then",
        "10,000 Services: memory (PSS, all processes)",
        "CPU for a change of endpoints",
        "slowest answer during 100 changes a second",
    )
    return [
        figure(f"DNS of a cluster: {name}", unit, ours[at], theirs[at])
        for at, (name, unit) in enumerate(zip(words, units, strict=True))
    ]


def figure(name: str, unit: str, value: float, peer: float) -> dict[str, Any]:
    beside = {"peer": "CoreDNS", "peer_value": round(peer, 3), "ratio": round(value / peer, 2)}
    return {"name": name, "value": round(value, 3), "unit": unit} | beside


def measure(command: list[str]) -> Cost:
    with filled(SERVICES) as api, tempfile.TemporaryDirectory() as folder:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.bind(("127.0.0.1", 0))
            port = link.getsockname()[1]
        corefile = Path(folder) / "Corefile"
        corefile.write_text(COREFILE.format(port=port, api=api.address))
        begun = time.monotonic()
        with running([*command, str(corefile)]) as process, client(port) as link:
            while not is_answered(link, SERVICES - 1):
                time.sleep(0.05)
            known_s = time.monotonic() - begun
            cpu_s, memory_mb = cpu_of(process), memory_of(process)
            changes, worst_s = under_changes(api, link)
            change_us = 1e6 * (cpu_of(process) - cpu_s) / changes
    return Cost(known_s, cpu_s, memory_mb, change_us, 1e3 * worst_s)


def under_changes(api: Filled, link: socket.socket) -> tuple[int, float]:
    """A few questions meanwhile: their CPU is counted with the changes'."""
    api.begin_changes(CHANGES, CHANGING_S)
    worst_s, ends, number = 0.0, time.monotonic() + CHANGING_S, 1
    while time.monotonic() < ends:
        begun = time.monotonic()
        assert is_answered(link, number)
        worst_s = max(worst_s, time.monotonic() - begun)
        number = (number + 10) % SERVICES
        time.sleep(0.01)
    return api.changes(), worst_s


def is_answered(link: socket.socket, number: int) -> bool:
    name = from_text(f"service-{number}.{place(number)}.svc.cluster.local")
    query = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + name + struct.pack("!HH", 1, 1)
    try:
        link.send(query)
        return bool(link.recv(4096)[7])
    except OSError:
        return False


@contextlib.contextmanager
def client(port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.connect(("127.0.0.1", port))
        link.settimeout(2)
        yield link


@contextlib.contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=quiet, stderr=quiet)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def cpu_of(process: subprocess.Popen[bytes]) -> float:
    ticks = 0
    for pid in tree(process.pid):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_of(process: subprocess.Popen[bytes]) -> float:
    texts = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in tree(process.pid)]
    return sum(int(text.split("Pss:")[1].split()[0]) for text in texts) / 1024
