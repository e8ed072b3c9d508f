"""Asking an upstream by TCP or TLS: one connection, pipelined, opened when it is needed."""

from __future__ import annotations

import asyncio
import ssl
import time
from typing import cast

from polpo.dns.plugins.forward.pending import Deadlines, Ids, Pending
from polpo.dns.plugins.forward.setup import Target

SWEEP_S = 0.1
CONNECT_S = 5.0
MOST_PENDING = 16_384


class _Connection(asyncio.Protocol):
    """Frames of one connection."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.pending: dict[bytes, Pending] = {}
        self.born = self.last_used = time.monotonic()
        self._buffer = b""
        self._ids = Ids()

    @property
    def is_open(self) -> bool:
        return self.transport is not None and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def ask(self, pending: Pending) -> None:
        assert self.transport is not None
        number = self._ids.new(self.pending)
        self.pending[number] = pending
        self.last_used = time.monotonic()
        length = len(pending.asked) + 2
        self.transport.write(length.to_bytes(2, "big") + number + pending.asked)

    def data_received(self, data: bytes) -> None:
        data = self._buffer + data if self._buffer else data
        at = 0
        while at + 2 <= len(data):
            end = at + 2 + (data[at] << 8 | data[at + 1])
            if end > len(data):
                break
            self._take(data[at + 2 : end])
            at = end
        self._buffer = data[at:]

    def _take(self, message: bytes) -> None:
        pending = self.pending.pop(message[:2], None)
        if pending is not None and pending.answers(message):
            pending.finish(message)
        elif pending is not None:
            pending.finish(None, "a reply to another question")

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        waiting, self.pending = self.pending, {}
        for pending in waiting.values():
            pending.finish(None, str(exc) if exc else "the upstream has closed the connection")


class Streams:
    """All TCP or TLS to one upstream."""

    def __init__(
        self,
        target: Target,
        tls: ssl.SSLContext | None,
        expire_s: float,
        timeout_s: float,
        max_age_s: float,
    ) -> None:
        self._target = target
        self._tls = tls
        self._expire_s = expire_s
        self._max_age_s = max_age_s
        self._retired: list[_Connection] = []
        self._deadlines = Deadlines(timeout_s)
        self._loop = asyncio.get_running_loop()
        self._connection: _Connection | None = None
        self._queue: list[Pending] = []
        self._opening: asyncio.Task[None] | None = None
        self._sweeping = False
        self.opened = self.reused = 0

    def ask(self, pending: Pending) -> None:
        """It may be finished before this returns."""
        self._retire()
        connection = self._connection
        if connection is not None and connection.is_open:
            if len(connection.pending) > MOST_PENDING:
                pending.finish(None, "too many queries wait for this upstream")
                return
            self.reused += 1
            connection.ask(pending)
        else:
            self._queue.append(pending)
            if self._opening is None:
                self._opening = self._loop.create_task(self._open())
        self._deadlines.add(pending)
        if not self._sweeping:
            self._sweeping = True
            self._loop.call_later(SWEEP_S, self._sweep)

    def _retire(self) -> None:
        """One that is too old finishes what was asked, and is asked nothing more."""
        connection = self._connection
        if connection is None or not self._max_age_s:
            return
        if time.monotonic() - connection.born > self._max_age_s:
            self._retired.append(connection)
            self._connection = None

    def close(self) -> None:
        if self._opening is not None:
            self._opening.cancel()
        for connection in (self._connection, *self._retired):
            if connection is not None and connection.transport is not None:
                connection.transport.abort()

    async def _open(self) -> None:
        target = self._target
        name = target.server_name or target.host
        self.opened += 1
        error = ""
        try:
            async with asyncio.timeout(CONNECT_S):
                _, connection = await self._loop.create_connection(
                    _Connection,
                    target.host,
                    target.port,
                    ssl=self._tls,
                    server_hostname=name if self._tls else None,
                )
            self._connection = connection
        except (OSError, TimeoutError, ValueError, LookupError) as failed:
            error = getattr(failed, "strerror", None) or str(failed) or "i/o timeout"
        finally:
            self._opening = None
        queue, self._queue = self._queue, []
        for pending in queue:
            if error or self._connection is None or not self._connection.is_open:
                pending.finish(None, error or "the upstream has closed the connection")
            elif pending.is_open:
                self._connection.ask(pending)

    def _sweep(self) -> None:
        now = time.monotonic()
        self._sweeping = self._deadlines.sweep(now)
        connection = self._connection
        if connection is not None and connection.transport is not None:
            connection.pending = {n: p for n, p in connection.pending.items() if p.is_open}
            if not connection.pending and now - connection.last_used > self._expire_s:
                connection.transport.close()
                self._connection = None
        self._retire()
        for old in list(self._retired):
            old.pending = {n: p for n, p in old.pending.items() if p.is_open}
            if not old.pending or old.transport is None:
                self._retired.remove(old)
                if old.transport is not None:
                    old.transport.close()
        if self._sweeping or self._connection is not None or self._retired:
            self._sweeping = True
            self._loop.call_later(SWEEP_S, self._sweep)
