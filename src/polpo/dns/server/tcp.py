"""Queries by TCP and DoT: pipelined, answered in any order, bounded (RFC 7766).

A connection that sends nothing whole for IDLE_S is closed, however many single bytes it sends. One
that does not read its answers, or has MOST_WAITING queries unanswered, is not read from meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from typing import cast

from polpo.dns.server.answering import Asked, begin
from polpo.dns.server.connections import Connections

IDLE_S = 10.0
MOST_WAITING = 200


class TcpConnection(asyncio.Protocol):
    """One connection: frames in, frames out."""

    def __init__(self, connections: Connections) -> None:
        self._all = connections
        self._channel = connections.channel
        self._buffer = b""
        self._waiting = 0
        self._last_whole = time.monotonic()
        self._paused = self._blocked = False
        self._peer = ("", 0)
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._peer = self._all.admit(self, self._transport) or self._peer

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.open.discard(self)
        self._transport = None

    def pause_writing(self) -> None:
        self._blocked = True
        self._decide_reading()

    def resume_writing(self) -> None:
        self._blocked = False
        self._decide_reading()

    def data_received(self, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        at, size = 0, len(data)
        out: list[bytes] = []
        while at + 2 <= size:
            end = at + 2 + (data[at] << 8 | data[at + 1])
            if end > size:
                break
            self._take(data[at + 2 : end], out)
            at = end
        self._buffer = data[at:] if at else data
        if at:
            self._last_whole = time.monotonic()
        if out and self._transport is not None:
            self._transport.write(b"".join(out))
        self._decide_reading()

    def _take(self, message: bytes, out: list[bytes]) -> None:
        """Answer one message into `out`, or later."""
        channel = self._channel
        kept = channel.table.find(message[2:], self._last_whole)
        if kept is not None:
            body, slot, terms, _ = kept
            turn = channel.tally.turn(slot)
            if terms is not None:
                body = terms.body(body, turn)
            out += ((len(body) + 2).to_bytes(2, "big"), message[:2], body)
            return
        asked = begin(channel, message)
        if not isinstance(asked, Asked):
            out += (len(asked).to_bytes(2, "big"), asked) if asked else ()
            return
        asked.ask(self._peer)
        if asked.wire is not None:
            out.append(_framed(asked))
            return
        self._waiting += 1
        asked.send = lambda wire: self._answer_later(asked)

    def _answer_later(self, asked: Asked) -> None:
        self._waiting -= 1
        if self._transport is None:
            return
        self._transport.write(_framed(asked))
        self._decide_reading()
        if self._all.closing:
            self.close_if_done()

    def _decide_reading(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        stop = self._blocked or self._waiting >= MOST_WAITING
        if stop and not self._paused:
            transport.pause_reading()
        elif self._paused and not stop:
            transport.resume_reading()
        self._paused = stop

    def close_if_idle(self, now: float) -> None:
        if self._transport is None or now - self._last_whole < IDLE_S:
            return
        if self._blocked:
            self._transport.abort()  # it reads nothing: what is buffered would never go
        elif not self._waiting:
            self._transport.close()

    def close_if_done(self) -> None:
        if self._transport is not None and not self._waiting:
            self._transport.close()


def _framed(asked: Asked) -> bytes:
    wire = asked.wire or b""
    if not wire or asked.framed:
        return wire
    return len(wire).to_bytes(2, "big") + wire
