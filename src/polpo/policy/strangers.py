"""Connections of who has not shown yet that they may speak: few, at a pace, and not for long.

Whoever reaches the host reaches the socket. So nobody's silence, and no flood of them, may cost who
follows policies much, nor keep out those that he listens to.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Any

import structlog

MOST = 64
"""Of them at once: the one that came first makes room, and has had its time by then."""
PATIENCE_S = 5.0
PACE_S = 0.005
"""Between two that are let in: a handshake costs a millisecond."""
AGAIN_S = 1.0

Peer = Any
"""As `socket.getpeername` has it; requests know it as `client`."""

log = structlog.get_logger()


class Strangers:
    """`protocol` makes one for each connection."""

    def __init__(self, context: ssl.SSLContext, protocol: Callable[[], asyncio.Protocol]) -> None:
        self._context, self._protocol = context, protocol
        self._known: dict[Peer, asyncio.Event] = {}
        self._tasks: dict[Peer, asyncio.Task[None]] = {}

    def know(self, peer: Peer) -> None:
        """It may speak: its connection is like any other from now on."""
        event = self._known.get(tuple(peer or ()))
        if event is not None:
            event.set()

    async def let_in(self, listening: socket.socket) -> None:
        """Until cancelled."""
        listening.setblocking(False)
        loop = asyncio.get_running_loop()
        try:
            while True:
                try:
                    connection, peer = await loop.sock_accept(listening)
                except OSError as error:
                    log.warning("nobody is let in", error=str(error))
                    await asyncio.sleep(AGAIN_S)
                    continue
                self._meet(connection, peer[:2])
                await asyncio.sleep(PACE_S)
        finally:
            for task in self._tasks.values():
                task.cancel()

    def _meet(self, connection: socket.socket, peer: Peer) -> None:
        if len(self._tasks) >= MOST:
            self._forget(next(iter(self._tasks))).cancel()
        self._known[peer] = asyncio.Event()
        self._tasks[peer] = asyncio.create_task(self._look(connection, peer))

    async def _look(self, connection: socket.socket, peer: Peer) -> None:
        """Until it is known, or has gone, or its time is over."""
        known, task = self._known[peer], asyncio.current_task()
        end: Callable[[], None] = connection.close
        try:
            async with asyncio.timeout(PATIENCE_S):
                transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                    self._protocol,
                    connection,
                    ssl=self._context,
                    ssl_handshake_timeout=PATIENCE_S,
                )
                end = transport.abort
                await known.wait()
        except (OSError, TimeoutError, asyncio.CancelledError):
            end()
        finally:
            if self._tasks.get(peer) is task:
                self._forget(peer)

    def _forget(self, peer: Peer) -> asyncio.Task[None]:
        with contextlib.suppress(KeyError):
            del self._known[peer]
        return self._tasks.pop(peer)
