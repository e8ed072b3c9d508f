"""One network over 500 hosts: how long until the last of them knows. `python -m bench.convergence`

The controller is the real process, with SQLite on disk; the agents are simulated (bench/agents.py:
the real feed and the real reports, but nothing written to a kernel), all in one process beside
it. One switch is real. `--ports 20000` for the smaller cloud alone.

The peer's figures were measured earlier on a quiet machine of this kind: OVN 23.03 with 10,000
ports on 100 hosts, of which one was real.
"""

import argparse
import asyncio
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bench.api import Bench, Http
from bench.fill import fill_a_switch

PEER = "OVN 23.03, 10,000 ports (measured earlier)"
HOSTS = 500
SIZES = (20_000, 100_000)
TRIES = 200
Row = dict[str, Any]


class Cloud(Bench):
    """A controller, hosts, one network with ports on all of them, and their agents."""

    def __init__(self, folder: Path, port: int, ports: int) -> None:
        super().__init__(folder, port)
        self.ports = ports
        self.hosts: list[Row] = []
        self.revision = 0
        self._news: asyncio.Queue[Row] = asyncio.Queue()

    async def fill(self) -> None:
        """All through the public API."""
        for number in range(HOSTS):
            body = {
                "host": {"name": f"h{number}", "address": f"10.254.{number >> 8}.{number & 255}"}
            }
            _, answer = await self.http.ask("POST", "/v1/hosts", self.token, body)
            self.hosts.append({**json.loads(answer)["host"], "ports": []})
        for start in range(0, self.ports, 500):
            hosts = [f"h{n % HOSTS}" for n in range(start, start + 500)]
            made = await self.post("/ports", {"ports": [self.bound(host) for host in hosts]})
            for port, host in zip(made["ports"], hosts, strict=True):
                self.hosts[int(host[1:])]["ports"].append(port["id"])

    def bound(self, host: str) -> Row:
        return self.port_body() | {"binding:host_id": host, "device_owner": "compute:bench"}

    async def start_agents(self) -> None:
        file = self.folder / "agents.json"
        file.write_text(json.dumps({"port": self.port, "hosts": self.hosts}))
        self.agents = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.agents",
            str(file),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        self._listening = asyncio.create_task(self._listen())

    async def tell(self, **command: Any) -> None:
        assert self.agents.stdin is not None
        self.agents.stdin.write(json.dumps(command).encode() + b"\n")
        await self.heard("done")

    async def heard(self, word: str) -> Row:
        """The next line with this word in it."""
        while True:
            news = await asyncio.wait_for(self._news.get(), 300)
            if word in news:
                return news

    async def everywhere(self, revision: int) -> Row:
        """The line that says that the last agent has heard the revision."""
        while True:
            news = await self.heard("revision")
            if news["revision"] >= revision:
                return news

    async def head(self) -> int:
        headers, _ = await self.http.ask("GET", "/healthz", self.token)
        return int(headers["x-polpo-revision"])

    async def confirmed(self, revision: int) -> None:
        """Returns when the controller knows that all live hosts have it."""
        await self.http.ask("GET", f"/v1/revisions/{revision}?timeout=120", self.token)

    async def _listen(self) -> None:
        assert self.agents.stdout is not None
        async for line in self.agents.stdout:
            self._news.put_nowait(json.loads(line))


async def one_more_port(cloud: Cloud, tries: int) -> tuple[list[float], list[float]]:
    """Seconds from request to the last agent, and to the controller's knowing that."""
    heard, confirmed = [], []
    for number in range(tries):
        await asyncio.sleep(0.1)
        begun = time.monotonic()
        body = {"port": cloud.bound(f"h{number * 7 % HOSTS}")}
        headers, _ = await cloud.http.ask("POST", "/networking/v2.0/ports", cloud.token, body)
        revision = int(headers["x-polpo-revision"])
        heard.append((await cloud.everywhere(revision))["at"] - begun)
        await cloud.confirmed(revision)
        confirmed.append(time.monotonic() - begun)
    return heard, confirmed


async def one_more_rule(cloud: Cloud, tries: int) -> list[float]:
    """A rule of the group that all ports are in: every host's ports get another policy."""
    took = []
    for number in range(tries):
        rule: Row = {"security_group_id": cloud.group, "direction": "ingress", "protocol": "tcp"}
        rule |= {"port_range_min": 1000 + number, "port_range_max": 1000 + number}
        begun = time.monotonic()
        url, body = "/networking/v2.0/security-group-rules", {"security_group_rule": rule}
        headers, _ = await cloud.http.ask("POST", url, cloud.token, body)
        revision = int(headers["x-polpo-revision"])
        took.append((await cloud.everywhere(revision))["at"] - begun)
    return took


async def killed_and_restarted(cloud: Cloud) -> float:
    """From kill -9 until every agent has heard the new process, and it them."""
    await cloud.tell(await_all=True)
    begun = time.monotonic()
    cloud.process.kill()
    cloud.process.wait()
    cloud.start()
    await cloud.heard("all_heard")
    cloud.http = await Http.open(cloud.port)
    await cloud.confirmed(await cloud.head())
    return time.monotonic() - begun


def row(cloud: Cloud, name: str, value: float, unit: str, peer: float | None = None) -> Row:
    peer = None if cloud.ports > SIZES[0] else peer  # it was not measured with so many
    return {
        "name": f"{name}, {cloud.ports} ports, {HOSTS} hosts",
        "value": round(value, 4),
        "unit": unit,
        "peer": PEER if peer is not None else None,
        "peer_value": peer,
        "ratio": None if peer is None else round(peer / value, 1),
    }


def p99(values: list[float]) -> float:
    """By the nearest rank."""
    return sorted(values)[math.ceil(len(values) * 0.99) - 1]


async def scenario(cloud: Cloud) -> list[Row]:
    await cloud.prepare()
    rows = []
    begun = time.monotonic()
    await cloud.fill()
    rows.append(row(cloud, "made through the API, in bulks of 500", time.monotonic() - begun, "s"))
    begun, alone_mb = time.monotonic(), cloud.memory_mb()
    await cloud.start_agents()
    last = await cloud.everywhere(await cloud.head())
    rows.append(row(cloud, "all agents filled from nothing", last["at"] - begun, "s", 145.0))
    rows.append(row(cloud, "text of one agent's fill", last["heard_bytes"] / HOSTS / 1e6, "MB"))
    await cloud.confirmed(await cloud.head())
    for_agents_kb = (cloud.memory_mb() - alone_mb) / HOSTS * 1024
    rows.append(row(cloud, "controller's memory for each agent", for_agents_kb, "kB"))
    heard, confirmed = await one_more_port(cloud, TRIES)
    rows += [
        row(cloud, "new port known to the last agent, p50", statistics.median(heard), "s", 1.4),
        row(cloud, "new port known to the last agent, p99", p99(heard), "s", 1.6),
        row(cloud, "new port confirmed everywhere, p50", statistics.median(confirmed), "s", 1.8),
        row(cloud, "new port confirmed everywhere, p99", p99(confirmed), "s", 1.9),
    ]
    rules = await one_more_rule(cloud, 10)
    rows.append(
        row(cloud, "rule in the group of all ports, p50", statistics.median(rules), "s", 0.81)
    )
    rows += await stopped(cloud)
    rows.append(
        row(cloud, "controller killed -9, all in sync", await killed_and_restarted(cloud), "s")
    )
    rows.append(row(cloud, "controller's memory", cloud.memory_mb(), "MB", 164.0 + 182.0 + 56.0))
    rows += await fill_a_switch(cloud.port, cloud.hosts[0], lambda *a: row(cloud, *a))
    return rows


async def stopped(cloud: Cloud) -> list[Row]:
    """A tenth of the agents neither reads nor reports, and is not yet counted as dead."""
    await cloud.tell(stop=HOSTS // 10)
    heard = []
    for _ in range(TRIES // 4):
        begun = time.monotonic()
        body = {"port": cloud.bound("h1")}
        headers, _ = await cloud.http.ask("POST", "/networking/v2.0/ports", cloud.token, body)
        heard.append((await cloud.everywhere(int(headers["x-polpo-revision"])))["at"] - begun)
        await asyncio.sleep(0.1)
    begun = time.monotonic()
    await cloud.confirmed(await cloud.head())  # they hold it up until they count as dead
    waited = time.monotonic() - begun
    await cloud.tell(go=True)
    return [
        row(
            cloud, "the same with a tenth of the agents stopped, p50", statistics.median(heard), "s"
        ),
        row(cloud, "the same with a tenth of the agents stopped, p99", p99(heard), "s"),
        row(cloud, "until stopped agents hold nobody's status up", waited, "s"),
    ]


def run(sizes: Iterable[int] = SIZES) -> list[Row]:
    """The figures; takes about a minute for 20,000 ports, and two for 100,000."""
    return [figure for ports in sizes for figure in run_one(ports)]


def run_one(ports: int) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="polpo-bench-") as folder:
        cloud = Cloud(Path(folder), 19697, ports)
        cloud.start()
        try:
            return asyncio.run(scenario(cloud))
        finally:
            cloud.process.kill()
            cloud.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ports", type=int, nargs="*", default=SIZES)
    for r in run(parser.parse_args().ports):
        ratio = f"{r['ratio']:>8}x" if r["ratio"] is not None else ""
        print(f"{r['name']:<80} {r['value']:>10} {r['unit']:<4} {ratio}")


if __name__ == "__main__":
    main()
