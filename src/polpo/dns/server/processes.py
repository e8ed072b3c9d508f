"""Worker processes, as control sees them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from polpo.dns.counts import Row
from polpo.dns.server.link import (
    CONFIGURE,
    FED,
    ROWS,
    STARTED,
    STOP,
    TOLD,
    Configuration,
    Frames,
    frame,
)
from polpo.dns.server.nursery import Nursery

LONGEST_ANSWER_S = 1.0


class Process(Protocol):
    """A worker as something that runs."""

    @property
    def pid(self) -> int: ...

    def kill(self) -> None: ...

    def wait(self, seconds: float) -> bool:
        """Has it ended, within this time?"""

    def close(self) -> None:
        """It has ended; forget it."""


Launch = Callable[[Sequence[int]], Process]
"""Start a worker that has these descriptors, the first of them to be told by."""


class Program:
    """A worker that is a program of its own: costs a start of Python, and memory of its own."""

    def __init__(self, descriptors: Sequence[int]) -> None:
        command = [sys.executable, "-m", "polpo.dns.server.worker", str(descriptors[0])]
        self._process = subprocess.Popen(command, pass_fds=descriptors, start_new_session=True)
        self.pid = self._process.pid
        self.kill = self._process.kill

    def wait(self, seconds: float) -> bool:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=seconds)
        return self._process.poll() is not None

    def close(self) -> None:
        """Nothing is left of it."""


class Launcher:
    """By the nursery, if there is one, and else as a program: nothing that ends early takes the
    workers with it."""

    def __init__(self, nursery: Nursery | None = None) -> None:
        self._nursery = nursery

    @property
    def pids(self) -> list[int]:
        return [self._nursery.pid] if self._nursery else []

    def __call__(self, descriptors: Sequence[int]) -> Process:
        if self._nursery is not None:
            try:
                return self._nursery.bear(descriptors)
            except OSError as failed:
                print(f"[WARNING] workers are programs from now on: {failed}", flush=True)
                self._nursery.close()
                self._nursery = None
        return Program(descriptors)


class WorkerProcess(asyncio.Protocol):
    """One worker: started, told things, and noticed when it ends. `heard` is called with what its
    handlers tell their feeds."""

    def __init__(
        self,
        launch: Launch,
        ended: Callable[[WorkerProcess], None],
        heard: Callable[[bytes], None],
    ) -> None:
        self._launch = launch
        self._ended = ended
        self._heard = heard
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._process: Process | None = None
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gone = asyncio.Event()
        self.rows: list[Row] = []
        self._asked: asyncio.Event | None = None
        self.stopping = False

    async def start(self, configuration: Configuration, descriptors: Sequence[int]) -> None:
        """Start it with these sockets; it answers once `feed_done` was said: `started`."""
        ours = self._open(descriptors)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_unix_connection(lambda: self, sock=ours)
        self._transport = transport
        self.tell(frame(CONFIGURE, msgspec.msgpack.encode(configuration)))

    def _open(self, descriptors: Sequence[int]) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = self._launch([theirs.fileno(), *descriptors])
        ours.setblocking(False)
        return ours

    @property
    def pid(self) -> int:
        return self._process.pid if self._process else 0

    def tell(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def feed_done(self) -> None:
        self.tell(frame(FED))

    def stop(self) -> None:
        self.stopping = True
        self.tell(frame(STOP))

    def kill(self) -> None:
        if self._process is not None and not self.gone.is_set():
            self._process.kill()

    async def ask_rows(self) -> list[Row]:
        """Its metrics: those of last time if it does not answer."""
        if self._asked is None and not self.gone.is_set():
            self._asked = asyncio.Event()
            self.tell(frame(ROWS))
        if self._asked is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LONGEST_ANSWER_S):
                    await self._asked.wait()
        return self.rows

    def data_received(self, data: bytes) -> None:
        for kind, payload in self._frames.take(data):
            if kind == STARTED and not self.started.done():
                self.started.set_result(None)
            elif kind == TOLD:
                self._heard(payload)
            elif kind == ROWS:
                self.rows = msgspec.msgpack.decode(payload, type=list[Row])
                if self._asked is not None:
                    self._asked.set()
                    self._asked = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Its end of the pair is shut when it is gone: there is something to reap now."""
        process = self._process
        if process is not None:
            if not process.wait(LONGEST_ANSWER_S):
                process.kill()
                process.wait(LONGEST_ANSWER_S)
            process.close()
        self.gone.set()
        if not self.started.done():
            self.started.set_exception(ChildProcessError("a worker has ended before it began"))
            self.started.exception()  # whoever waits hears it; nobody has to
        if self._asked is not None:
            self._asked.set()
            self._asked = None
        self._ended(self)
