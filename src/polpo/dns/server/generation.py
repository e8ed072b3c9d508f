"""One configuration in force: its feeds, its workers, its pages."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from polpo.dns.counts import Counts, Row
from polpo.dns.plugin import Feed, Page, feed_of, setup_of
from polpo.dns.server.link import Configuration, Server, Sockets, feed_frame, read_feed
from polpo.dns.server.plan import Plan
from polpo.dns.server.processes import Launch, WorkerProcess
from polpo.dns.server.sockets import Listeners

LONGEST_START_S = 30.0
GOODBYE_S = 7.0
LOOK_S = 0.02
SOON_S = 1.0  # a worker that lives shorter than this is not started again at once


class Identity(NamedTuple):
    """Whom workers become; -1: nobody else."""

    user: int = -1
    group: int = -1


class FeedOutlet:
    """polpo.dns.plugin.Outlet for one plugin of one block."""

    def __init__(self, generation: Generation, block: int, plugin: str) -> None:
        self._generation = generation
        self._block = block
        self._plugin = plugin
        self.counts = generation.counts

    def send(self, message: bytes) -> None:
        data = feed_frame(self._block, self._plugin, message)
        for worker in self._generation.workers:
            worker.tell(data)

    def serve_http(self, address: str, path: str, page: Page) -> None:
        self._generation.pages[address, path] = page

    def unready(self) -> list[str]:
        return self._generation.unready()

    def scrape(self) -> Awaitable[str]:
        return self._generation.scrape()

    def say(self, words: str) -> None:
        print(words, flush=True)


class Generation:
    """Everything that one Corefile asked for."""

    def __init__(
        self,
        plan: Plan,
        listeners: Listeners,
        workers: int,
        identity: Identity,
        succession: str,
        scrape: Callable[[], Awaitable[str]],
        retired: Callable[[Iterable[Row]], None],
        launch: Launch,
    ) -> None:
        self.plan = plan
        self.counts = Counts()
        self.pages: dict[tuple[str, str], Page] = {}
        self.workers: list[WorkerProcess] = []
        self.scrape = scrape
        self._retired = retired
        self._launch = launch
        self._has_begun = False
        self._listeners = listeners
        self._count = workers
        self._identity = identity
        self._succession = succession
        self._feeds: dict[tuple[int, str], Feed] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending = False
        self.leaving = False  # SIGTERM has come: probes shall hear it while queries are answered
        self._make_feeds()

    def _make_feeds(self) -> None:
        for index, block in enumerate(self.plan.blocks):
            for name in dict.fromkeys(directive.name for directive in block.directives):
                module = feed_of(name)
                if module is not None:
                    value = setup_of(name).parse(block.named(name), block)
                    outlet = FeedOutlet(self, index, name)
                    self._feeds[index, name] = module.make_feed(value, outlet, block)

    def unready(self) -> list[str]:
        found = {name for (_, name), feed in self._feeds.items() if not feed.ready}
        return sorted(found | ({"lameduck"} if self.leaving else set()))

    async def start(self, startup_s: float) -> None:
        """Watch, and start workers; done when all of them answer. They begin when the feeds are
        ready, or after `startup_s` (or what a feed says) with what is known then."""
        for feed in self._feeds.values():
            self._spawn(_run(feed))
        for number in range(self._count):
            await self._start_worker(number)
        said = (getattr(feed, "startup_timeout_s", None) for feed in self._feeds.values())
        waits = [seconds for seconds in said if seconds is not None]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(waits, default=startup_s)):
                await self._feeds_ready()
        for worker in self.workers:
            worker.feed_done()
        async with asyncio.timeout(LONGEST_START_S):
            await asyncio.gather(*(worker.started for worker in self.workers))
        self._has_begun = True

    async def _feeds_ready(self) -> None:
        while self.unready():  # noqa: ASYNC110 - feeds are asked, by probes too; they do not tell
            await asyncio.sleep(LOOK_S)

    async def _start_worker(self, number: int) -> WorkerProcess:
        begun = time.monotonic()
        worker = WorkerProcess(
            self._launch, lambda ended: self._replace(number, ended, begun), self._hear
        )
        servers, descriptors = self._sockets(number)
        user, group = self._identity
        configuration = Configuration(self.plan.blocks, servers, user, group, self._succession)
        await worker.start(configuration, descriptors)
        for (block, plugin), feed in self._feeds.items():
            for message in feed.everything():
                worker.tell(feed_frame(block, plugin, message))
        self.workers.append(worker)
        return worker

    def _hear(self, payload: bytes) -> None:
        """What a handler tells its feed."""
        block, plugin, message = read_feed(payload)
        hear = getattr(self._feeds.get((block, plugin)), "hear", None)
        if hear is not None:
            hear(message)

    def _sockets(self, number: int) -> tuple[list[Server], list[int]]:
        servers, descriptors = [], []
        for planned in self.plan.servers:
            sockets = []
            for opened in self._listeners.get(planned, number):
                udp = -1 if opened.udp is None else opened.udp.fileno()
                sockets.append(Sockets(opened.family, udp, opened.tcp.fileno()))
                descriptors += [sock for sock in (udp, opened.tcp.fileno()) if sock >= 0]
            servers.append(Server(planned.label, planned.scheme, sockets, planned.zones))
        return servers, descriptors

    def _replace(self, number: int, ended: WorkerProcess, begun: float) -> None:
        """A worker has ended: another takes its sockets, with what has queued there meanwhile."""
        if ended in self.workers:
            self.workers.remove(ended)
        self._retired(ended.rows)
        if self._ending or not self._has_begun:
            return
        print(f"[WARNING] worker {ended.pid} has died; another takes its place", flush=True)
        wait_s = 0.0 if time.monotonic() - begun > SOON_S else SOON_S
        self._spawn(self._start_again(number, wait_s))

    async def _start_again(self, number: int, wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        if not self._ending:
            worker = await self._start_worker(number)
            worker.feed_done()

    async def stop(self) -> None:
        """Let workers finish what somebody waits for, and end everything."""
        self._ending = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        leaving = list(self.workers)
        for worker in leaving:
            worker.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await asyncio.gather(*(worker.gone.wait() for worker in leaving))
        for worker in leaving:
            worker.kill()
        await asyncio.gather(*(worker.gone.wait() for worker in leaving))

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _run(feed: Feed) -> None:
    """A feed that fails is said and begun again: what it has sent stays true in the workers."""
    while True:
        try:
            await feed.run()
            return
        except Exception as failed:
            print(f"[ERROR] {type(feed).__module__}: {failed!r}", flush=True)
            await asyncio.sleep(SOON_S)
