"""DNS beside CoreDNS: answers per second of the server's own CPU time, latency, memory.

One core for the server under test, the other for the client (and the upstream). Both servers read
the same zone file and Corefile and are asked the same questions by dnsperf, in rounds that take
turns, so that what else the machine does meets both. CoreDNS is built once, with GOMAXPROCS=1.
"""

import contextlib
import os
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from polpo.testing import free

VERSION = "v1.13.1"
CACHE = Path.home() / ".cache/polpo/coredns" / VERSION
GO = "/usr/local/go/bin/go"
SERVICES, NAMESPACES, ROUNDS, ROUND_S = 10_000, 50, 5, 2
RATES, RATE_S = (1_000, 5_000), 2
SERVER_CORE, CLIENT_CORE = "0", "1"
COREFILE = """cluster.local:{port} {{
    bind 127.0.0.1
    errors
    file {folder}/db.cluster
    cache 30
}}
.:{port} {{
    bind 127.0.0.1
    errors
    forward . 127.0.0.1:{upstream}
}}
example.com:{port} {{
    bind 127.0.0.1
    errors
    cache 30
    loop
    loadbalance
    forward . 127.0.0.1:{upstream}
}}
"""
UPSTREAM = """.:{port} {{
    bind 127.0.0.1
    template IN A . {{
        answer "{{{{ .Name }}}} 60 IN A 192.0.2.1"
    }}
}}
"""


class Server(NamedTuple):
    """One that runs, with all its processes."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    def pids(self) -> list[int]:
        return tree(self.process.pid)

    def cpu_s(self) -> float:
        ticks = 0
        for pid in self.pids():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """What all its processes have for themselves, and their share of what they share."""
        total_kb = 0
        for pid in self.pids():
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            total_kb += int(text.split("Pss:")[1].split()[0])
        return total_kb / 1024


def tree(pid: int) -> list[int]:
    """A process and all that come from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in tree(int(child)))]


class Load(NamedTuple):
    """What one round gave."""

    answered: int
    cpu_s: float

    @property
    def per_cpu_s(self) -> float:
        return self.answered / self.cpu_s


def coredns() -> Path:
    """CoreDNS, built if it is not there: some minutes."""
    program = CACHE / "coredns"
    if not program.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        print(f"building CoreDNS {VERSION} ...", file=sys.stderr, flush=True)
        environment = {**os.environ, "GOBIN": str(CACHE)}
        command = ["nice", GO, "install", f"github.com/coredns/coredns@{VERSION}"]
        subprocess.run(command, env=environment, check=True)
    return program


@contextlib.contextmanager
def running(
    name: str,
    command: list[str],
    port: int,
    core: str,
    question: str = "s0.n0.svc.cluster.local",
) -> Iterator[Server]:
    """Until it has answered this question, for the first time."""
    environment = {**os.environ, "GOMAXPROCS": "1"}
    pinned = ["taskset", "-c", core, *command]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(pinned, env=environment, stdout=quiet, stderr=quiet)
    try:
        server = Server(name, port, process)
        wait_for(port, question)
        yield server
    finally:
        process.terminate()
        process.wait()


def wait_for(port: int, question: str) -> None:
    ends = time.monotonic() + 60
    command = ["dig", "+tries=1", "+time=1", "-p", str(port), "@127.0.0.1", question]
    while "ANSWER: 1," not in subprocess.run(command, capture_output=True, text=True).stdout:
        if time.monotonic() > ends:
            raise TimeoutError(f"nobody answers at port {port}")
        time.sleep(0.05)


def write_files(folder: Path) -> None:
    """The zone and the questions."""
    names = [f"s{i}.n{i % NAMESPACES}.svc.cluster.local" for i in range(SERVICES)]
    zone = ["$ORIGIN cluster.local.", "@ 30 IN SOA ns admin 1 7200 1800 86400 30", "@ 30 IN NS ns"]
    zone += ["ns 30 IN A 10.254.0.10"]
    zone += [f"{n}. 30 IN A 10.254.{i % 250}.{i // 250}" for i, n in enumerate(names)]
    (folder / "db.cluster").write_text("\n".join([*zone, ""]))
    rng = random.Random(1)
    hosts = [f"host{n}.example.com" for n in range(100)]
    missing = [f"{h}.n{n}.svc.cluster.local" for h in hosts for n in range(NAMESPACES)]
    hits = [f"{rng.choice(names)} A" for _ in range(20_000)]
    nxdomain = [f"{rng.choice(missing)} {t}" for _ in range(10_000) for t in ("A", "AAAA")]
    mixed = [rng.choice((hits, nxdomain))[n] for n in range(20_000)]
    new = [f"x{n}.n1.svc.cluster.local A" for n in range(1_000_000)]
    outside = [f"h{n}.example.net A" for n in range(10_000)]
    cached = [f"h{n}.example.com A" for n in range(1_000_000)]
    for name, lines in (
        ("hits", hits), ("nxdomain", nxdomain), ("mixed", mixed), ("new", new),
        ("outside", outside), ("cached", cached),
    ):  # fmt: skip
        (folder / name).write_text("\n".join([*lines, ""]))


def load(server: Server, questions: Path, *options: str) -> Load:
    """As much as the server takes, from 10 sockets with 200 questions on their way."""
    before = server.cpu_s()
    out = dnsperf(server, questions, "-l", str(ROUND_S), "-c", "10", "-q", "200", *options)
    found = re.search(r"Queries completed:\s+(\d+)", out)
    assert found, out
    return Load(int(found[1]), max(server.cpu_s() - before, 0.01))


def latency_us(server: Server, questions: Path, rate: int) -> float:
    """The median at a rate that both can bear."""
    out = dnsperf(server, questions, "-l", str(RATE_S), "-Q", str(rate), "-v")
    lines = (line for line in out.splitlines() if line.startswith("> "))
    return statistics.median(float(line.split()[-1]) for line in lines) * 1e6


def dnsperf(server: Server, questions: Path, *options: str) -> str:
    command = ["taskset", "-c", CLIENT_CORE, "dnsperf", "-s", "127.0.0.1", "-p", str(server.port)]
    command += ["-d", str(questions), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def figure(name: str, ours: float, theirs: float, unit: str, of: str = "dns") -> dict[str, Any]:
    return {
        "name": f"{of}: {name}",
        "value": round(ours, 2),
        "unit": unit,
        "peer": f"CoreDNS {VERSION}",
        "peer_value": round(theirs, 2),
        "ratio": round(ours / theirs, 2),
    }


def compare(ours: Server, theirs: Server, folder: Path) -> list[dict[str, Any]]:
    figures = []
    kinds: tuple[tuple[str, str, tuple[str, ...]], ...] = (
        ("names that are there", "hits", ()),
        ("names that are not there", "nxdomain", ()),
        ("both", "mixed", ()),
        ("names that are not there, each new", "new", ()),
        ("names that are there, TCP pipelined", "hits", ("-m", "tcp")),
        ("forwarded, without cache", "outside", ()),
        ("forwarded with cache, each new", "cached", ()),
    )
    for what, file, options in kinds:
        rounds = [
            [load(server, folder / file, *options) for server in (ours, theirs)]
            for _ in range(ROUNDS)
        ]
        own = statistics.median(pair[0].per_cpu_s for pair in rounds)
        other = statistics.median(pair[1].per_cpu_s for pair in rounds)
        figures.append(figure(what, own, other, "answers per CPU-second"))
        print(f"  {what}: {own:,.0f} and {other:,.0f}", file=sys.stderr, flush=True)
    for rate in RATES:
        pairs = [
            [latency_us(s, folder / "mixed", rate) for s in (ours, theirs)] for _ in range(ROUNDS)
        ]
        own, other = (statistics.median(values) for values in zip(*pairs, strict=True))
        figures.append(figure(f"latency at {rate} q/s, median", own, other, "us"))
    figures.append(
        figure("memory (PSS, all processes)", ours.memory_mb(), theirs.memory_mb(), "MB")
    )
    return figures


def run() -> list[dict[str, Any]]:
    program = coredns()
    with tempfile.TemporaryDirectory(prefix="bench-dns-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        write_files(folder)
        upstream = free.port()
        polpo = [sys.executable, "-m", "polpo.apps.dns", "-workers", "1", "-user", "root", "-conf"]
        (folder / "upstream").write_text(UPSTREAM.format(port=upstream))
        command = [*polpo, str(folder / "upstream")]
        stack.enter_context(running("upstream", command, upstream, CLIENT_CORE))
        servers = []
        for kind, words in (("polpo", polpo), ("coredns", [str(program), "-conf"])):
            port = free.port()
            file = folder / f"Corefile.{kind}"
            file.write_text(COREFILE.format(port=port, folder=folder, upstream=upstream))
            started = running(kind, [*words, str(file)], port, SERVER_CORE)
            servers.append(stack.enter_context(started))
        return compare(servers[0], servers[1], folder)
