"""An Ingress controller with 2,000 rules beside a hand-written HAProxy with one.

Both are before the same application (a third HAProxy, which answers by itself), on the same path,
with a thread each, in turns. Then endpoints change ten times a second, and what needs a reload a
hundred times, while clients ask.
"""

import asyncio
import contextlib
import os
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.loop import figure
from polpo.kernel.haproxy.workers import proc
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster
from polpo.testing import free
from polpo.testing.ingress import HERE, Running, apps, running
from polpo.testing.ingress_load import PLAIN, SECURE, load
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.ingresses import app, ingress, ingress_class, tls_secret
from polpo.testing.kubernetes.objects import endpoints

RULES, PER_INGRESS = 2000, 10
TURNS, REQUESTS, HANDSHAKES = 8, 20_000, 300
CHANGES, RATE, RELOADS = 200, 10, 100
PEER = "HAProxy by hand"
DEFAULTS = """
global
  nbthread 1
  maxconn 8000
  ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  timeout http-request 60s
"""
APPLICATION = """
frontend application
  bind 127.0.0.1:{port}
  http-request return status 200 content-type text/plain string ok
"""
BY_HAND = """
frontend web
  bind 127.0.0.1:{http}
  bind 127.0.0.1:{https} ssl crt {certificate} alpn h2,http/1.1
  option forwardfor
  http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
  use_backend cafe if {{ hdr(host) -i {plain} {secure} }} {{ path_beg / }}
backend cafe
  server one 127.0.0.1:{port}
"""


class Way(NamedTuple):
    """To the application: two ports, and whose processor time it takes."""

    http: int
    https: int
    pid: int


class Turn(NamedTuple):
    """Of so many requests: a second, processor time for each, and the 99th percentile."""

    rate: float
    cpu_us: float
    p99_ms: float


def run() -> list[dict[str, Any]]:
    return asyncio.run(_measure())


async def _measure() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, apps("tea", "coffee") as applications:
        tea, coffee = applications.values()
        async with _cluster(Path(folder)) as (api, ours, hand):
            turns = await asyncio.to_thread(_turns, Path(folder), ours, hand)
            found += _figures(*turns)
            api.put(*app("tea", tea.address, tea.port))
            await ours.eventually("/", PLAIN, wanted="tea")
            found += await _changing(api, ours, tea.port, coffee.port)
            found += await _reloading(api, ours)
    return found


@contextlib.asynccontextmanager
async def _cluster(folder: Path) -> AsyncIterator[tuple[ApiServer, Running, Way]]:
    http, https, port = free.port(), free.port(), free.port()
    api = ApiServer()
    await api.start()
    api.put(ingress_class(), *app("tea", HERE, port), tls_secret("cafe", SECURE))
    api.put(ingress("secure", f"{SECURE}/ -> tea:80", tls={"cafe": [SECURE]}))
    api.put(ingress("plain", f"{PLAIN}/ -> tea:80"))
    for n in range(RULES // PER_INGRESS):
        rules = [f"h{n}.example.com/p{m} -> tea:80" for m in range(PER_INGRESS)]
        api.put(ingress(f"i{n}", *rules))
    client = Client(Cluster(server=api.address))
    pem = folder / "cafe.pem"
    async with running(client, folder / "haproxy", pause_s=0.0) as ours:
        with _haproxy(folder, "application", APPLICATION.format(port=port)):
            await ours.eventually("/", PLAIN)
            await ours.eventually(f"https://{SECURE}/")
            written = ours.settings.certificates / "default_cafe.pem"
            pem.write_bytes(written.read_bytes())
            text = BY_HAND.format(
                http=http, https=https, port=port, certificate=pem, plain=PLAIN, secure=SECURE
            )
            with _haproxy(folder, "hand", text) as pid:
                yield api, ours, Way(http, https, pid)
    await client.close()
    await api.stop()


@contextlib.contextmanager
def _haproxy(folder: Path, name: str, text: str) -> Iterator[int]:
    """In a session of its own, as ours is: the kernel's scheduler counts by them."""
    file = folder / f"{name}.cfg"
    file.write_text(DEFAULTS + text)
    process = subprocess.Popen(["haproxy", "-db", "-f", str(file)], start_new_session=True)
    try:
        time.sleep(1.0)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _turns(folder: Path, of: Running, hand: Way) -> tuple[dict[str, list[Turn]], dict[str, Any]]:
    (worker,) = proc(of.settings.master).workers
    ways = {"ours": Way(of.http, of.https, worker), "hand": hand}
    kept: dict[str, list[Turn]] = {name: [] for name in ways}
    anew: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, way in ways.items():
            kept[name].append(_requests(folder, way))
            anew[name].append(_handshakes(way))
    return kept, anew


def _requests(folder: Path, way: Way) -> Turn:
    log = folder / "h2load.log"
    log.unlink(missing_ok=True)
    before, begun = _cpu_s(way.pid), time.monotonic()
    words = ["-n", str(REQUESTS), "-c", "8", "--h1", f"--log-file={log}"]
    h2load(*words, f"--connect-to=127.0.0.1:{way.http}", f"http://{PLAIN}/")
    took, cpu = time.monotonic() - begun, _cpu_s(way.pid) - before
    times = sorted(int(line.split()[2]) for line in log.read_text().splitlines())
    p99 = times[len(times) * 99 // 100] / 1000
    return Turn(REQUESTS / took, 1e6 * cpu / REQUESTS, p99)


def _handshakes(way: Way) -> float:
    """New TLS connections with one request each, for a second of processor time."""
    before = _cpu_s(way.pid)
    words = ["-n", str(HANDSHAKES), "-c", str(HANDSHAKES), "--h1"]
    h2load(*words, f"--connect-to=127.0.0.1:{way.https}", f"https://{SECURE}/")
    return HANDSHAKES / max(_cpu_s(way.pid) - before, 0.01)


def h2load(*words: str) -> None:
    done = subprocess.run(["h2load", *words], capture_output=True, text=True, check=True)
    found = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", done.stdout)
    if found is None or (found[2], found[3]) != ("0", "0"):
        raise RuntimeError(done.stdout)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _figures(kept: dict[str, list[Turn]], anew: dict[str, list[float]]) -> Iterator[dict[str, Any]]:
    what = f"ingress, {RULES} rules"
    best = {name: max(turn.rate for turn in turns) for name, turns in kept.items()}
    yield _more(f"{what}: requests", best["ours"], "1/s", best["hand"])
    cpu = {name: min(turn.cpu_us for turn in turns) for name, turns in kept.items()}
    yield figure(f"{what}: processor time of a request", cpu["ours"], "us", PEER, cpu["hand"])
    p99 = {name: statistics.median(t.p99_ms for t in turns) for name, turns in kept.items()}
    yield figure(f"{what}: p99", p99["ours"], "ms", PEER, p99["hand"])
    tls = {name: max(rates) for name, rates in anew.items()}
    yield _more(f"{what}: new TLS connections", tls["ours"], "1/s of a core", tls["hand"])


def _more(name: str, value: float, unit: str, peer: float) -> dict[str, Any]:
    """The more the better."""
    return figure(name, value, unit, PEER, peer) | {"ratio": value / peer}


async def _changing(api: ApiServer, ours: Running, *ports: int) -> list[dict[str, Any]]:
    """Endpoints, in turns; in force when the application that answers is the other."""
    took = []
    reloads = ours.haproxy.reloads
    with load(ours) as clients:
        for number in range(CHANGES):
            begun = time.monotonic()
            port, wanted = ports[number % 2], ("tea", "coffee")[number % 2]
            api.put(endpoints("tea-1", "tea", ports=f"http:tcp:{port}", addresses=[HERE]))
            await ours.eventually("/", PLAIN, wanted=wanted)
            took.append(time.monotonic() - begun)
            await asyncio.sleep(max(0.0, 1 / RATE - (time.monotonic() - begun)))
    what = f"ingress, {RULES} rules, {RATE} endpoint changes/s"
    return [
        figure(f"{what}: in force, median", 1000 * statistics.median(took), "ms"),
        figure(f"{what}: in force, longest", 1000 * max(took), "ms"),
        figure(f"{what}: requests that failed", len(clients.failed), f"of {clients.answered}"),
        figure(f"{what}: reloads", ours.haproxy.reloads - reloads, "times"),
    ]


async def _reloading(api: ApiServer, ours: Running) -> list[dict[str, Any]]:
    took = []
    with load(ours) as clients:
        for number in range(RELOADS):
            begun, before = time.monotonic(), ours.haproxy.reloads
            other = {"app_root": f"/{number}"}
            api.put(ingress("other", "other.example.com/ -> tea:80", nginx=other))
            await until(lambda before=before: ours.haproxy.reloads > before)  # type: ignore[misc]
            took.append(time.monotonic() - begun)
    what = f"ingress, {RULES} rules, {RELOADS} reloads"
    return [
        figure(f"{what}: in force, median", 1000 * statistics.median(took), "ms"),
        figure(f"{what}: requests that failed", len(clients.failed), f"of {clients.answered}"),
    ]
