"""The API: one controller process, SQLite on disk with durable commits. `python -m bench.api`.

The client is raw sockets with keep-alive, so that it costs next to nothing; the server's CPU is
read from /proc. The peer's figures were measured earlier on a quiet machine of this kind, Neutron
29 without agents and without token checks (which flatters it), and are stored here.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

PEER = "Neutron 29 (measured earlier, quiet machine of this kind)"
PEER_CPU_MS = {0: 93.0, 10_000: 695.0, 20_000: 1076.0}
PEER_RULE_MS = {60: 88.0, 220: 295.0}
TICK_S = 1 / os.sysconf("SC_CLK_TCK")

Row = dict[str, Any]


class Http:
    """One keep-alive connection: just enough HTTP/1.1."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Http":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 26))

    async def ask(
        self, method: str, path: str, token: str, body: Any = None
    ) -> tuple[dict[str, str], bytes]:
        """Headers and body. RuntimeError for any status but 2xx."""
        content = b"" if body is None else json.dumps(body).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: bench\r\nX-Auth-Token: {token}\r\n"
            f"Content-Length: {len(content)}\r\n\r\n"
        )
        self._writer.write(head.encode() + content)
        status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines)}
        answer = await self._reader.readexactly(int(headers.get("content-length", 0)))
        if not status.split()[1].startswith("2"):
            raise RuntimeError(f"{status}: {answer[:300]!r}")
        return headers, answer


class Bench:
    """A controller of its own, a project without limits, one network with a /15."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.token = self.network = self.group = ""

    def start(self) -> None:
        command = [sys.executable, "-m", "polpo.apps.controller", "--log-level", "warning"]
        settings = {
            "--database": f"sqlite:///{self.folder}/polpo.db",
            "--listen": f"127.0.0.1:{self.port}",
            "--admin-password-file": str(self.folder / "password"),
        }
        flags = [part for pair in settings.items() for part in pair]
        self.process = subprocess.Popen([*command, *flags])

    async def prepare(self) -> None:
        self.http = await self._connect()
        self.token = await self._log_in()
        limits = {"port": -1, "security_group_rule": -1}
        project = (await self.get("/quotas/project"))["project"]["project_id"]
        await self.put(f"/quotas/{project}", {"quota": limits})
        self.network = (await self.post("/networks", {"network": {}}))["network"]["id"]
        subnet = {"network_id": self.network, "ip_version": 4, "cidr": "10.0.0.0/15"}
        await self.post("/subnets", {"subnet": subnet})
        self.group = await self.new_group("ports")

    async def new_group(self, name: str) -> str:
        made = await self.post("/security-groups", {"security_group": {"name": name}})
        return str(made["security_group"]["id"])

    async def _connect(self) -> Http:
        for _ in range(200):
            try:
                return await Http.open(self.port)
            except OSError:
                await asyncio.sleep(0.05)
        raise RuntimeError("the controller does not listen")

    async def _log_in(self) -> str:
        domain = {"id": "default"}
        password = (self.folder / "password").read_text().strip()
        user = {"name": "admin", "domain": domain, "password": password}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {"project": {"name": "admin", "domain": domain}}
        body = {"auth": {"identity": identity, "scope": scope}}
        headers, _ = await self.http.ask("POST", "/identity/v3/auth/tokens", "", body)
        return headers["x-subject-token"]

    async def ask(self, method: str, path: str, body: Any = None, http: Http | None = None) -> Any:
        url = f"/networking/v2.0{path}"
        _, answer = await (http or self.http).ask(method, url, self.token, body)
        return json.loads(answer)

    async def get(self, path: str) -> Any:
        return await self.ask("GET", path)

    async def post(self, path: str, body: Any, http: Http | None = None) -> Any:
        return await self.ask("POST", path, body, http)

    async def put(self, path: str, body: Any) -> Any:
        return await self.ask("PUT", path, body)

    def port_body(self) -> Row:
        return {"network_id": self.network, "security_groups": [self.group]}

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) * TICK_S

    def memory_mb(self, what: str = "VmRSS") -> float:
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(what))

    async def measured(self, act: Callable[[], Awaitable[None]]) -> tuple[float, float]:
        """Seconds on the clock, and of the server's CPU."""
        cpu, begun = self.cpu_s(), time.perf_counter()
        await act()
        return time.perf_counter() - begun, self.cpu_s() - cpu

    async def make_port(self, http: Http | None = None) -> str:
        made = await self.post("/ports", {"port": self.port_body()}, http)
        return str(made["port"]["id"])

    async def make_ports(self, count: int) -> None:
        for start in range(0, count, 500):
            some = [self.port_body() for _ in range(min(500, count - start))]
            await self.post("/ports", {"ports": some})


def row(name: str, value: float, unit: str, peer: float | None = None, more: bool = False) -> Row:
    """`more`: a larger value is better."""
    ratio = None if peer is None or not value else value / peer if more else peer / value
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "peer": PEER if peer is not None else None,
        "peer_value": peer,
        "ratio": None if ratio is None else round(ratio, 1),
    }


async def creation(bench: Bench, at: int) -> list[Row]:
    """One by one, and 16 at a time, with `at` ports there."""
    count = 300

    async def serial() -> None:
        for _ in range(count):
            await bench.make_port()

    async def sixteen() -> None:
        connections = [await Http.open(bench.port) for _ in range(16)]

        async def some(http: Http) -> None:
            for _ in range(count // 16):
                await bench.make_port(http)

        await asyncio.gather(*(some(http) for http in connections))

    wall, cpu = await bench.measured(serial)
    wall_16, cpu_16 = await bench.measured(sixteen)
    done_16 = count // 16 * 16
    peers = {0: (8.3, 6.4)}.get(at, (None, None))
    return [
        row(f"port create, one by one, at {at} ports", count / wall, "1/s", peers[0], True),
        row(f"port create, server CPU, at {at} ports", cpu / count * 1e3, "ms", PEER_CPU_MS[at]),
        row(f"port create, 16 at a time, at {at} ports", done_16 / wall_16, "1/s", peers[1], True),
        row(f"port create, 16 at a time, server CPU, at {at} ports", cpu_16 / done_16 * 1e3, "ms"),
    ]


async def bulk(bench: Bench) -> list[Row]:
    times = [(await bench.measured(lambda: bench.make_ports(100)))[0] for _ in range(10)]
    return [row("port create, bulk of 100", sorted(times)[5], "s", 12.0)]


async def reading(bench: Bench, at: int) -> list[Row]:
    """One port, and all of them."""
    port = await bench.make_port()

    async def one() -> None:
        for _ in range(500):
            await bench.get(f"/ports/{port}")

    async def everything() -> None:
        url = "/networking/v2.0/ports"
        await bench.http.ask("GET", url, bench.token)

    _, cpu = await bench.measured(one)
    begun = time.perf_counter()
    await bench.get(f"/ports/{port}")
    last = time.perf_counter() - begun
    rows = [
        row(f"port get, server CPU, at {at} ports", cpu / 500 * 1e3, "ms", 17.6),
        row(f"port get, at {at} ports", last * 1e3, "ms", 18.0),
    ]
    if at == 20_000:
        times = [(await bench.measured(everything))[0] for _ in range(5)]
        rows.append(row(f"port list of {at}", sorted(times)[2], "s", 11.6))
        rows.append(
            row(f"memory after listing {at} ports, peak", bench.memory_mb("VmHWM"), "MB", 526)
        )
    return rows


async def rules(bench: Bench, group: str, have: int, at: int) -> list[Row]:
    """Rules one by one, in a group that has `at` of them. Neutron's cost grows with the group."""

    def rule(number: int) -> Row:
        ports = {"port_range_min": number, "port_range_max": number}
        return {
            "security_group_id": group,
            "direction": "ingress",
            "protocol": "tcp",
            **ports,
        }

    async def some() -> None:
        for number in range(at, at + 100):
            await bench.post("/security-group-rules", {"security_group_rule": rule(number + 1)})

    if at > have:
        filling = [rule(number + 1) for number in range(have, at)]
        await bench.post("/security-group-rules", {"security_group_rules": filling})
    _, cpu = await bench.measured(some)
    peer = PEER_RULE_MS.get(at)
    name = f"rule create, server CPU, at {at} rules"
    if group == bench.group:
        return [row(f"{name}, of 20000 ports", cpu / 100 * 1e3, "ms")]
    return [row(name, cpu / 100 * 1e3, "ms", peer)]


async def scenario(bench: Bench) -> list[Row]:
    await bench.prepare()
    rows = await creation(bench, 0)
    rows += await bulk(bench)
    rows += await reading(bench, 0)
    group = await bench.new_group("rules")
    for have, at in ((0, 60), (160, 220), (320, 1000)):
        rows += await rules(bench, group, have, at)
    for at in (10_000, 20_000):
        have = len((await bench.get("/ports?fields=id"))["ports"])
        await bench.make_ports(at - have)
        rows += await creation(bench, at)
        rows += await reading(bench, at)
    return rows + await rules(bench, bench.group, 60, 60)


def run() -> list[Row]:
    """The figures; takes about a minute."""
    with tempfile.TemporaryDirectory(prefix="polpo-bench-") as folder:
        bench = Bench(Path(folder), 19696)
        bench.start()
        try:
            return asyncio.run(scenario(bench))
        finally:
            bench.process.terminate()
            bench.process.wait()


def main() -> None:
    for r in run():
        ratio = f"{r['ratio']:>8}x" if r["ratio"] is not None else ""
        print(f"{r['name']:<60} {r['value']:>10} {r['unit']:<4} {ratio}")


if __name__ == "__main__":
    main()
