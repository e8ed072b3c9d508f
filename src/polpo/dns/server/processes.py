"""Worker processes, as control sees them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence

import msgspec

from polpo.dns.counts import Row
from polpo.dns.server.link import CONFIGURE, FED, ROWS, STARTED, STOP, Configuration, Frames, frame

LONGEST_ANSWER_S = 1.0


class WorkerProcess(asyncio.Protocol):
    """One worker: started, told things, and noticed when it ends."""

    def __init__(self, ended: Callable[[WorkerProcess], None]) -> None:
        self._ended = ended
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None
        self._process: subprocess.Popen[bytes] | None = None
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
            command = [sys.executable, "-m", "polpo.dns.server.worker", str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, pass_fds=[theirs.fileno(), *descriptors], start_new_session=True
            )
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
            elif kind == ROWS:
                self.rows = msgspec.msgpack.decode(payload, type=list[Row])
                if self._asked is not None:
                    self._asked.set()
                    self._asked = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Its end of the pair is shut when it is gone: there is something to reap now."""
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=LONGEST_ANSWER_S)
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        self.gone.set()
        if not self.started.done():
            self.started.set_exception(ChildProcessError("a worker has ended before it began"))
            self.started.exception()  # whoever waits hears it; nobody has to
        if self._asked is not None:
            self._asked.set()
            self._asked = None
        self._ended(self)
