"""The control process: configurations, workers, signals, metrics."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from polpo.dns.corefile.block import CorefileError
from polpo.dns.corefile.reading import read_corefile
from polpo.dns.counts import Counts, Metric, Row, add_up, render
from polpo.dns.plugin import metrics_of
from polpo.dns.plugins.health.setup import lameduck_s
from polpo.dns.plugins.nodecache.node import CHECK_S, Node, Wanted, wanted
from polpo.dns.plugins.nodecache.setup import ERRORS
from polpo.dns.plugins.reload.setup import Reloading, reloading_of
from polpo.dns.plugins.view.setup import view_of
from polpo.dns.server import process_metrics, succession, tally
from polpo.dns.server.generation import Generation, Identity
from polpo.dns.server.http import HttpServers
from polpo.dns.server.plan import Plan, make_plan
from polpo.dns.server.processes import Launcher
from polpo.dns.server.sockets import Listeners

STARTUP_S = 5.0
BUILD_INFO = Metric(
    "coredns_build_info",
    "gauge",
    "A metric with a constant '1' value labeled by version, revision, and goversion from which "
    "CoreDNS was built.",
    ("version", "revision", "goversion"),
)
ENABLED = Metric(
    "coredns_plugin_enabled",
    "gauge",
    "A metric that indicates whether a plugin is enabled on per server and zone basis.",
    ("server", "zone", "view", "name"),
)
FAILED = Metric(
    "coredns_reload_failed_total", "counter", "Counter of the number of failed reload attempts."
)
VERSION = Metric(
    "coredns_reload_version_info",
    "gauge",
    "A metric with a constant '1' value labeled by hash, and value which type of hash generated.",
    ("hash", "value"),
)


class Options(NamedTuple):
    """The command line."""

    corefile: Path = Path("Corefile")
    port: int = 53
    workers: int = 1
    identity: Identity = Identity()
    version: str = ""
    node: dict[str, Wanted] = {}  # devices that the command line asks for


class Control:
    """All of control but the process."""

    def __init__(self, options: Options, launcher: Launcher | None = None) -> None:
        self._options = options
        self._launcher = launcher or Launcher()
        self._listeners = Listeners()
        self.http = HttpServers()
        self._counts = Counts()
        self._counts.slot(FAILED.name)
        self._past: list[Row] = []
        self._node = Node(self._node_failed)
        self._changing = asyncio.Lock()
        self._succession: socket.socket | None = None
        self.generation: Generation | None = None
        self.stop = asyncio.Event()

    def read(self) -> Plan:
        """The Corefile as it is on disk now. OSError or CorefileError."""
        blocks, digest = read_corefile(self._options.corefile, self._options.port)
        return make_plan(blocks, self._options.port, digest)

    async def run(self) -> None:
        """Until SIGTERM or SIGINT."""
        await self.change(self.read())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
            loop.add_signal_handler(number, self.stop.set)
        reloads: set[asyncio.Task[None]] = set()

        def reload_now() -> None:
            task = loop.create_task(self.reload())
            reloads.add(task)
            task.add_done_callback(reloads.discard)

        loop.add_signal_handler(signal.SIGUSR1, reload_now)
        watching = [loop.create_task(w) for w in (self._watch_file(), self._watch_node())]
        await self.stop.wait()
        for task in watching:
            task.cancel()
        await self.end()

    async def end(self) -> None:
        """Lameduck, then everything down in order."""
        generation = self.generation
        if generation is not None:
            generation.leaving = True
            await asyncio.sleep(max(map(lameduck_s, generation.plan.blocks), default=0))
            await generation.stop()
        if self._succession is not None:
            self._succession.close()
        await self.http.close()
        self._listeners.close()
        self._node.end()

    async def reload(self) -> None:
        """Take the Corefile anew; if anything is wrong with it, all stays as it is."""
        try:
            await self.change(self.read())
        except (CorefileError, OSError, TimeoutError) as failed:
            self._counts.values[self._counts.slot(FAILED.name)] += 1
            print(f"[ERROR] plugin/reload: Corefile not taken: {failed}", flush=True)

    async def change(self, plan: Plan) -> None:
        """Another configuration: its workers answer before those of the old one go."""
        async with self._changing:
            before = self.generation
            self._node.set(wanted(plan.blocks, self._options.port, self._options.node))
            name = succession.address(server.label for server in plan.servers)
            options = self._options
            after = Generation(
                plan,
                self._listeners,
                options.workers,
                options.identity,
                name,
                self.metrics,
                self._remember,
                self._launcher,
            )
            try:
                await self.http.open(after.pages)
                await after.start(STARTUP_S)
            except BaseException:
                await after.stop()
                self._keep_only(before)
                raise
            self.generation = after
            self._keep_only(after)
            if before is not None:
                self._remember(before.counts.rows())
                await before.stop()
            self._succeed(name)
            for server in plan.servers:
                print(f"{server.label} answers for {len(server.zones)} zones", flush=True)
            print(f"[INFO] Running configuration SHA512 = {plan.digest}", flush=True)

    def _keep_only(self, generation: Generation | None) -> None:
        servers = generation.plan.servers if generation else ()
        self._listeners.close_others(servers)
        self.http.close_others(generation.pages if generation else ())

    def _succeed(self, name: str) -> None:
        if self._succession is not None:
            self._succession.close()
        self._succession = succession.take_over(name)

    def _node_failed(self, kind: str, failed: OSError) -> None:
        self._counts.values[self._counts.slot(ERRORS.name, kind)] += 1
        print(f"[ERROR] plugin/nodecache: {kind}: {failed}", flush=True)

    async def _watch_node(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            self._node.mend()

    async def _watch_file(self) -> None:
        """The `reload` plugin: look at the file now and then."""
        tried = ""
        while True:
            generation = self.generation
            reloading = next(
                (r for b in generation.plan.blocks if (r := reloading_of(b))), Reloading(0, 0)
            ) if generation else Reloading(0, 0)  # fmt: skip
            if not reloading.every_s or generation is None:
                await asyncio.sleep(1)
                continue
            await asyncio.sleep(reloading.pause_s())
            with contextlib.suppress(OSError, CorefileError):
                _, digest = read_corefile(self._options.corefile, self._options.port)
                if digest in {generation.plan.digest, tried}:
                    continue
                tried = digest
            await self.reload()

    def _remember(self, rows: Iterable[Row]) -> None:
        """Counters of who is gone go on counting."""
        gauges = {m.name for m in self._metrics() if m.kind == "gauge"}
        self._past = add_up([self._past, [row for row in rows if row[0] not in gauges]])

    async def metrics(self) -> str:
        """What Prometheus gets."""
        generation = self.generation
        if generation is None:
            return ""
        workers = list(generation.workers)
        answered = await asyncio.gather(*(worker.ask_rows() for worker in workers))
        rows = add_up(
            [self._past, self._counts.rows(), generation.counts.rows(), *answered, self._facts()]
        )
        pids = [os.getpid(), *self._launcher.pids, *(worker.pid for worker in workers)]
        rows += process_metrics.rows(pids)
        return render(self._metrics(), rows)

    def _facts(self) -> list[Row]:
        """What is so by the configuration."""
        generation = self.generation
        assert generation is not None
        plan = generation.plan
        rows: list[Row] = [(BUILD_INFO.name, (f"polpo-{self._options.version}", "", ""), 1)]
        rows.append((VERSION.name, ("sha512", plan.digest), 1))
        for server in plan.servers:
            for zone, owners in server.zones.items():
                for block in (plan.blocks[index] for index in owners):
                    view = view_of(block)
                    zone_labels = (server.label, tally.zone_text(zone), view.name if view else "")
                    names = {directive.name for directive in block.directives}
                    rows += [(ENABLED.name, (*zone_labels, name), 1) for name in names]
        return rows

    def _metrics(self) -> list[Metric]:
        generation = self.generation
        blocks = generation.plan.blocks if generation else ()
        names = {directive.name for block in blocks for directive in block.directives}
        found = [metric for name in names for metric in metrics_of(name)]
        own = (BUILD_INFO, ENABLED, FAILED, VERSION)
        if self._options.node:
            found.append(ERRORS)
        return [*tally.METRICS, *own, *process_metrics.METRICS, *dict.fromkeys(found)]
