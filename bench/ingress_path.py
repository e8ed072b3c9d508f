"""From a client to a pod, by the load balancer and `polpo ingress`, and by HAProxys of one's own.

Both are in the lab's cluster, before the same application, with 2,000 rules of Ingresses and with
one line: client -> floating IP -> load balancer (TCP, PROXY protocol) -> Ingress -> pod, each part
on the same host as the other's. They take turns. Then endpoints change ten times a second; then
the active load balancer's host is lost.
"""

import asyncio
import contextlib
import http.client
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.ingress import PER_INGRESS, RULES, h2load
from bench.loop import figure
from bench.processor import cpu_of_all_s
from polpo.kube.api import Api
from polpo.kube.client import Client
from polpo.kube.configuration import from_kubeconfig
from polpo.kube.resources import ENDPOINT_SLICES
from polpo.lab import asking
from polpo.lab.balancer import Asked
from polpo.lab.command import meanwhile
from polpo.lab.harm import Harm
from polpo.lab.layout import Lab
from polpo.testing import ingress_path
from polpo.testing.ingress import ask
from polpo.testing.ingress_path import APPLICATION, PLAIN, SECURE, Way
from polpo.testing.kubernetes.ingresses import ingress, tls_secret
from polpo.testing.kubernetes.objects import Object, endpoints, service

TURNS, REQUESTS, HANDSHAKES = 16, 10_000, 600
CHANGES, RATE = 100, 10
LOSSES, SECONDS = 3, 4.0
PEER = "HAProxys by hand"


class Cost(NamedTuple):
    """So many a second; for each, the time that all HAProxys on the way were at work: load
    balancer, controller and application.
    """

    rate: float
    cpu_us: float


class Turn(NamedTuple):
    """Of one way: requests, their 99th percentile, new TLS connections with a request each."""

    requests: Cost
    p99_ms: float
    handshakes: Cost


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="bench-ip") as folder:
        lab = Lab(Path(folder) / "lab", "bench-ip", "198.18.79", cluster="lab")
        with ingress_path.path(lab) as path:
            return [] if path is None else _measure(path, Path(folder))


def _measure(path: ingress_path.Path, folder: Path) -> list[dict[str, Any]]:
    path.settle()
    tea = path.serve("tea", APPLICATION.format(name="tea"), threads=1)
    coffee = path.serve("coffee", APPLICATION.format(name="coffee"), threads=1)
    path.cluster.apply(*_objects(tea))
    hand = path.by_hand(tea)
    path.lead(path.ours.address, hand.address)
    for way in (path.ours, hand):
        path.cluster.until(lambda way=way: _hears(way) == "tea", f"{way.name} answers")  # type: ignore[misc]
    found = list(_turns(folder, path.ours, hand))
    found += asyncio.run(_changing(path, tea, coffee))
    return found + _losing(path)


def _objects(tea: str) -> Iterator[Object]:
    yield service("tea", ports="http:tcp:80")
    yield endpoints("tea-1", "tea", ports="http:tcp:8080", addresses=[tea])
    yield tls_secret("secure", SECURE)
    yield ingress("plain", f"{PLAIN}/ -> tea:80", "/ -> tea:80")
    yield ingress("secure", f"{SECURE}/ -> tea:80", tls={"secure": [SECURE]})
    for n in range(RULES // PER_INGRESS):
        yield ingress(f"i{n}", *(f"h{n}.example.com/p{m} -> tea:80" for m in range(PER_INGRESS)))


def _hears(way: Way) -> str:
    with contextlib.suppress(OSError, http.client.HTTPException):
        return ask(80, "/", PLAIN, address=way.address).text
    return ""


def _until_heard(way: Way, wanted: str) -> None:
    while _hears(way) != wanted:
        time.sleep(0.01)


def _turns(folder: Path, ours: Way, hand: Way) -> Iterator[dict[str, Any]]:
    """A ratio is of the two of one turn, one right after the other; the median of all is kept. The
    first turn is for caches, and is not counted.
    """
    pairs: list[tuple[Turn, Turn]] = []
    for number in range(TURNS + 1):
        order = (ours, hand) if number % 2 else (hand, ours)
        found = {way.name: _turn(folder, way) for way in order}
        pairs.append((found[ours.name], found[hand.name]))
    del pairs[0]
    what = f"ingress, client to pod, {RULES} rules"
    handshakes = [(a.handshakes, b.handshakes) for a, b in pairs]
    yield from _costs(what, "requests", [(a.requests, b.requests) for a, b in pairs])
    yield from _costs(what, "new TLS connections", handshakes)
    yield _less(f"{what}: p99", "ms", [(a.p99_ms, b.p99_ms) for a, b in pairs])


def _costs(what: str, things: str, pairs: list[tuple[Cost, Cost]]) -> Iterator[dict[str, Any]]:
    yield _more(f"{what}: {things}", [(a.rate, b.rate) for a, b in pairs])
    name = f"{what}: {things}, HAProxys' processor time of each"
    yield _less(name, "us", [(a.cpu_us, b.cpu_us) for a, b in pairs])


def _turn(folder: Path, way: Way) -> Turn:
    log = folder / "h2load.log"
    log.unlink(missing_ok=True)
    words = ["-n", str(REQUESTS), "-c", "8", "--h1", f"--log-file={log}"]
    requests = _cost(REQUESTS, [*words, f"--connect-to={way.address}:80", f"http://{PLAIN}/"])
    times = sorted(int(line.split()[2]) for line in log.read_text().splitlines())
    words = ["-n", str(HANDSHAKES), "-c", str(HANDSHAKES), "--h1"]
    words += [f"--connect-to={way.address}:443", f"https://{SECURE}/"]
    return Turn(requests, times[len(times) * 99 // 100] / 1000, _cost(HANDSHAKES, words))


def _cost(number: int, words: list[str]) -> Cost:
    """Who is not on this way waits, and takes next to nothing."""
    before, begun = cpu_of_all_s("haproxy"), time.monotonic()
    h2load(*words)
    rate = number / (time.monotonic() - begun)
    return Cost(rate, 1e6 * (cpu_of_all_s("haproxy") - before) / number)


def _more(name: str, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    """The more the better."""
    ours, hand = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(a / b for a, b in pairs)
    return figure(name, ours, "1/s", PEER, hand) | {"ratio": ratio}


def _less(name: str, unit: str, pairs: list[tuple[float, float]]) -> dict[str, Any]:
    ours, hand = (statistics.median(values) for values in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    return figure(name, ours, unit, PEER, hand) | {"ratio": ratio}


async def _changing(path: ingress_path.Path, tea: str, coffee: str) -> list[dict[str, Any]]:
    """Endpoints, in turns; in force when the application that answers is the other."""
    client = Client(from_kubeconfig(path.cluster.at.kubeconfig))
    api, took = Api(client, "bench"), list[float]()
    with _load(path.ours) as failed:
        for number in range(CHANGES):
            begun = time.monotonic()
            address, wanted = ((coffee, "coffee"), (tea, "tea"))[number % 2]
            body = endpoints("tea-1", "tea", ports="http:tcp:8080", addresses=[address])
            await api.apply(ENDPOINT_SLICES, body, force=True)
            await asyncio.to_thread(_until_heard, path.ours, wanted)
            took.append(time.monotonic() - begun)
            await asyncio.sleep(max(0.0, 1 / RATE - took[-1]))
    await client.close()
    what = f"ingress, client to pod, {RULES} rules, {RATE} endpoint changes/s"
    return [
        figure(f"{what}: in force, median", 1000 * statistics.median(took), "ms"),
        figure(f"{what}: in force, longest", 1000 * max(took), "ms"),
        figure(f"{what}: requests that failed", failed["failed"], f"of {failed['asked']}"),
    ]


@contextlib.contextmanager
def _load(way: Way) -> Iterator[dict[str, int]]:
    """Two clients, one with TLS, with a connection for each request; counted when all is over."""
    counts, over = {"asked": 0, "failed": 0}, threading.Event()

    def asks(send: Callable[[], int]) -> None:
        while not over.wait(0.01):
            counts["asked"] += 1
            try:
                counts["failed"] += send() != 200
            except (OSError, http.client.HTTPException):
                counts["failed"] += 1

    senders: list[Callable[[], int]] = [
        lambda: ask(80, "/", PLAIN, address=way.address).status,
        lambda: ask(443, "/", SECURE, tls=True, address=way.address).status,
    ]
    threads = [threading.Thread(target=asks, args=(send,)) for send in senders]
    for thread in threads:
        thread.start()
    yield counts
    over.set()
    for thread in threads:
        thread.join()


def _losing(path: ingress_path.Path) -> list[dict[str, Any]]:
    """The active instance's host loses all its cables, and gets them back."""
    harm, outages = Harm(path.cluster.running), list[float]()
    for _ in range(LOSSES):
        host = path.active()
        if host == path.node:  # the pods would be lost, too
            break
        words = (sys.executable, asking.__file__, path.ours.address, str(SECONDS), "53")
        said = meanwhile(words, SECONDS, partial(harm.cut, host))
        outages.append(1000 * msgspec.json.decode(said, type=Asked).outage_s)
        harm.mend(host)
        path.cluster.until(lambda host=host: path.active() != host, "another is active")  # type: ignore[misc]
    what = "ingress, client to pod: without an answer when the active balancer's host is lost"
    return [figure(f"{what}, longest of {len(outages)}", max(outages), "ms")] if outages else []
