"""A listener's connections, whatever is said by them: bounded, swept, and closed at the end."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from polpo.dns.query import Peer
from polpo.dns.server.answering import Channel

SWEEP_S = 1.0
MOST_CONNECTIONS = 10_000
HIGH_WATER_BYTES = 256 * 1024


class Connection(Protocol):
    def close_if_idle(self, now: float) -> None: ...

    def close_if_done(self) -> None:
        """Unless somebody waits on it."""


class Connections:
    """All of a listener. `connect`: the protocol of one more."""

    def __init__(
        self, channel: Channel, connect: Callable[[Connections], asyncio.Protocol]
    ) -> None:
        self.channel, self._connect = channel, connect
        self.open: set[Connection] = set()
        self.closing = False

    def protocol(self) -> asyncio.Protocol:
        return self._connect(self)

    def admit(self, connection: Connection, transport: asyncio.Transport) -> Peer | None:
        """Whose it is; None, and it is cut off, if there are too many."""
        if len(self.open) >= MOST_CONNECTIONS or self.closing:
            transport.abort()
            return None
        self.open.add(connection)
        transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        peer = transport.get_extra_info("peername") or ("", 0)
        return str(peer[0]), int(peer[1])

    def sweep(self) -> None:
        """Close who is idle; called every SWEEP_S."""
        now = time.monotonic()
        for connection in list(self.open):
            connection.close_if_idle(now)

    def finish(self) -> None:
        """Close each as soon as nobody waits on it."""
        self.closing = True
        for connection in list(self.open):
            connection.close_if_done()
