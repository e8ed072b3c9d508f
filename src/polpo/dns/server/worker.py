"""A worker answers, and is told what to answer. It is a child of the `nursery`, or a program of its
own: `python -m polpo.dns.server.worker DESCRIPTOR`.

It begins with its sockets open, and becomes an unprivileged user before it reads its
first query. When control goes away it answers on with what it knows, until another control has
workers of its own for the same addresses (`succession`).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Coroutine
from importlib import import_module

import msgspec

from polpo.dns.counts import Row
from polpo.dns.server.assembly import Assembly
from polpo.dns.server.connections import SWEEP_S
from polpo.dns.server.link import (
    CONFIGURE,
    FED,
    FEED,
    ROWS,
    STARTED,
    STOP,
    TOLD,
    Configuration,
    Frames,
    feed_frame,
    frame,
    read_feed,
)
from polpo.dns.server.succession import LOOK_S, has_successor

LATE_MODULES = ("encodings.idna", "linecache", "traceback", "stringprep")
GOODBYE_S = 5.0  # for answers that somebody still waits for
LOOK_AROUND_S = 0.05


class Worker:
    """All of a worker but the process."""

    def __init__(self, loop: asyncio.AbstractEventLoop, control: socket.socket) -> None:
        self._loop = loop
        self._control = control
        self._frames = Frames()
        self._unsent = bytearray()
        self._assembly: Assembly | None = None
        self._servers: list[asyncio.Server] = []
        self._address = ""
        self._is_alone = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.stopped: asyncio.Future[None] = loop.create_future()
        loop.add_reader(control, self._hear)

    def _hear(self) -> None:
        """What control says, a piece at a time; its end is no reason to end."""
        try:
            data = self._control.recv(65536)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self._is_alone = True
            self._loop.remove_reader(self._control)
            self._spawn(self._wait_for_successor())
            return
        for kind, payload in self._frames.take(data):
            self._obey(kind, payload)

    def _obey(self, kind: bytes, payload: bytes) -> None:
        if kind == FEED and self._assembly is not None:
            self._assembly.apply(*read_feed(payload))
        elif kind == CONFIGURE:
            try:
                self._configure(msgspec.msgpack.decode(payload, type=Configuration))
            except Exception as failed:
                self._loop.remove_reader(self._control)
                self._fail(failed)
        elif kind == FED:
            self._spawn(self._start())
        elif kind == ROWS:
            self._tell(frame(ROWS, msgspec.msgpack.encode(self._rows())))
        elif kind == STOP:
            self.stop()

    def _configure(self, configuration: Configuration) -> None:
        """Make the chains, and become nobody; queries are not read yet."""
        self._address = configuration.succession
        self._assembly = Assembly(configuration, self._loop, self._tell_feed)
        if configuration.user >= 0:
            become(configuration.user, configuration.group)

    async def _start(self) -> None:
        """Everything is known: read queries. What is there now stays; it need not be looked
        through for garbage again and again."""
        assert self._assembly is not None
        gc.collect()
        gc.freeze()
        for listener in self._assembly.udp:
            self._loop.add_reader(listener.socket, listener.read)
        for tcp in self._assembly.tcp:
            server = await self._loop.create_server(
                tcp.connections.protocol, sock=tcp.socket, ssl=tcp.tls, backlog=1024
            )
            self._servers.append(server)
        self._sweep()
        self._tell(frame(STARTED))

    def _sweep(self) -> None:
        if self._assembly is not None:
            for tcp in self._assembly.tcp:
                tcp.connections.sweep()
        self._loop.call_later(SWEEP_S, self._sweep)

    def _rows(self) -> list[Row]:
        if self._assembly is None:
            return []
        return [*self._assembly.counts.rows(), *self._assembly.tally.rows()]

    def stop(self) -> None:
        self._spawn(self._stop())

    async def _stop(self) -> None:
        """Read no more, finish what somebody waits for, and end. The sockets stay open elsewhere,
        or are read empty."""
        if self._assembly is not None:
            for listener in self._assembly.udp:
                listener.read()
                self._loop.remove_reader(listener.socket)
            for server in self._servers:
                server.close()
            for tcp in self._assembly.tcp:
                tcp.connections.finish()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._finish(self._assembly)
        self._tell(frame(ROWS, msgspec.msgpack.encode(self._rows())))
        if not self.stopped.done():
            self.stopped.set_result(None)

    async def _finish(self, assembly: Assembly) -> None:
        def is_busy() -> bool:
            connections = any(tcp.connections.open for tcp in assembly.tcp)
            return connections or any(udp.waiting for udp in assembly.udp)

        while is_busy():  # noqa: ASYNC110 - counters of the hot path, which tells nobody
            await asyncio.sleep(LOOK_AROUND_S)

    async def _wait_for_successor(self) -> None:
        """Without control. What listens in its very end is not looked at: the kernel closes what a
        killed process had open one after the other, the pair with us perhaps first."""
        await asyncio.sleep(LOOK_S)
        while not has_successor(self._address):  # noqa: ASYNC110 - another process
            await asyncio.sleep(LOOK_S)
        await self._leave_sockets()
        await self._stop()

    async def _leave_sockets(self) -> None:
        """Nobody else has these sockets: what comes to them is lost once this process ends. They
        are closed as soon as nobody waits, in the moment in which they are empty."""
        if self._assembly is None:
            return
        listeners, self._assembly.udp = self._assembly.udp, []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                while any(udp.waiting for udp in listeners):  # noqa: ASYNC110 - see _finish
                    await asyncio.sleep(LOOK_AROUND_S)
        for listener in listeners:
            self._loop.remove_reader(listener.socket)
            while listener.drain():
                pass
            listener.socket.close()

    def _tell_feed(self, block: int, plugin: str, message: bytes) -> bool:
        """False where there is no control any more."""
        if not self._is_alone:
            self._tell(feed_frame(block, plugin, message, TOLD))
        return not self._is_alone

    def _tell(self, data: bytes) -> None:
        """To control, without waiting for it."""
        self._unsent += data
        self._flush()

    def _flush(self) -> None:
        try:
            sent = self._control.send(self._unsent) if self._unsent else 0
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self._unsent.clear()
            sent = 0
        del self._unsent[:sent]
        if self._unsent:
            self._loop.add_writer(self._control, self._flush)
        else:
            self._loop.remove_writer(self._control)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._end_task)

    def _end_task(self, task: asyncio.Task[None]) -> None:
        """A worker that cannot start ends, and control hears why by its log."""
        self._tasks.discard(task)
        failed = None if task.cancelled() else task.exception()
        if failed is not None:
            self._fail(failed)

    def _fail(self, failed: BaseException) -> None:
        if not self.stopped.done():
            self.stopped.set_exception(failed)


def become(user: int, group: int) -> None:
    """Another user for good: nothing that the network sends can act as root.

    What Python would load later is loaded now: its folder may be one that the user may not read.
    """
    load()
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)


async def serve(control: socket.socket) -> None:
    """Until control says that it is enough, or SIGTERM."""
    loop = asyncio.get_running_loop()
    worker = Worker(loop, control)
    loop.add_signal_handler(signal.SIGTERM, worker.stop)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # control decides
    await worker.stopped


def load() -> None:
    """What Python would load late: a worker may become somebody who may not read it."""
    for name in LATE_MODULES:
        import_module(name)


def run(descriptor: int) -> None:
    """A worker's life, told what to do by the socket of this number."""
    control = socket.socket(fileno=descriptor)
    control.setblocking(False)
    gc.set_threshold(50_000, 20, 100)
    asyncio.run(serve(control))


if __name__ == "__main__":
    run(int(sys.argv[1]))
