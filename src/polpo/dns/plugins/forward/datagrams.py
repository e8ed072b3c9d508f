"""Asking an upstream by UDP: connected sockets with random ports, questions in batches."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Sequence

from polpo.dns.plugins.forward.pending import Deadlines, Ids, Pending, Relayed
from polpo.dns.plugins.forward.setup import Target
from polpo.dns.turn import Turn
from polpo.kernel.datagrams import BATCHES_AT_ONCE, MANY, SLOT_BYTES
from polpo.kernel.posting import Connected

SOCKETS = 4  # of one upstream at a time: so many ports at once that a forger has to guess
MOST_PENDING = 16_384  # of one socket
LONGEST_ASKED = SLOT_BYTES - 2
SWEEP_S = 0.1
RECEIVE_BUFFER_BYTES = 1024 * 1024  # the kernel gives what net.core.rmem_max allows


class _Port:
    """One socket, and what was asked from it."""

    def __init__(self, datagrams: Datagrams) -> None:
        target = datagrams.target
        family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            sock.connect((target.host, target.port))
        except OSError:
            sock.close()
            raise
        self.connected = Connected(sock)
        self.pending: dict[bytes, Pending] = {}
        self.born = time.monotonic()
        self._datagrams = datagrams
        datagrams.loop.add_reader(sock, datagrams.turn.of(self._read))

    def ask(self, pending: Pending) -> None:
        asked = pending.asked
        if len(asked) > LONGEST_ASKED:
            pending.finish(None, "a query that is too long")
            return
        number = self._datagrams.ids.new(self.pending)
        self.pending[number] = pending
        self.connected.queue.append(number + asked)

    def relay(self, many: list[Relayed]) -> None:
        numbers = self._datagrams.ids.several(len(many), self.pending)
        self.pending.update(zip(numbers, many, strict=True))
        self.connected.queue += [
            number + relayed.asked for number, relayed in zip(numbers, many, strict=True)
        ]

    def _read(self) -> None:
        for _ in range(BATCHES_AT_ONCE):
            try:
                messages = self.connected.receive()
            except OSError as failed:
                self.fail(failed.strerror or str(failed))
                return
            self._take(messages)
            if len(messages) < MANY:
                return

    def _take(self, messages: list[bytes]) -> None:
        self._datagrams.turn.now = time.monotonic()
        find = self.pending.pop
        relayed: list[tuple[Relayed, bytes | None]] = []
        for message in messages:
            number = message[:2]
            pending = find(number, None)
            if pending is None:
                continue
            plainly = message.startswith(pending.question, 12) and message[2] & 0x80
            if not plainly and not pending.answers(message):
                self.pending[number] = pending
            elif isinstance(pending, Relayed):
                if pending.is_open:
                    pending.is_open = False
                    relayed.append((pending, message))
            else:
                pending.finish(message)
        if relayed:
            relayed[0][0].give_back(relayed)

    def fail(self, error: str) -> None:
        waiting, self.pending = self.pending, {}
        for pending in waiting.values():
            pending.finish(None, error)

    def forget_finished(self) -> None:
        done = [number for number, pending in self.pending.items() if not pending.is_open]
        for number in done:
            del self.pending[number]

    def close(self) -> None:
        self._datagrams.loop.remove_reader(self.connected.socket)
        self.connected.socket.close()
        self.fail("closed")


class Datagrams:
    """All UDP to one upstream."""

    def __init__(self, target: Target, expire_s: float, timeout_s: float, turn: Turn) -> None:
        self.target = target
        self.turn = turn
        self.ids = Ids()
        self.loop = asyncio.get_running_loop()
        self.opened = self.reused = 0
        self._expire_s = expire_s
        self._deadlines = Deadlines(timeout_s)
        self._ports: list[_Port] = []
        self._old: list[_Port] = []
        self._current: _Port | None = None
        self._sweeping = False

    def ask(self, pending: Pending) -> None:
        """It may be finished before this returns."""
        port = self._port([pending])
        if port is not None:
            self._deadlines.add(pending)
            port.ask(pending)

    def relay(self, many: list[Relayed]) -> None:
        port = self._port(many)
        if port is not None:
            self._deadlines.add_all(many)
            port.relay(many)

    def _port(self, many: Sequence[Pending]) -> _Port | None:
        """The socket for these; without one they are finished."""
        if not self._sweeping:
            self._sweeping = True
            self.loop.call_later(SWEEP_S, self._sweep)
        if self._current is not None:
            return self._current
        try:
            return self._choose()
        except OSError as failed:
            for pending in many:
                pending.finish(None, failed.strerror or str(failed))
            return None

    def close(self) -> None:
        for port in (*self._ports, *self._old):
            port.close()
        self._ports, self._old, self._current = [], [], None

    def _choose(self) -> _Port:
        """The socket for all that is asked in this turn, at whose end it is sent."""
        now = time.monotonic()
        for port in [p for p in self._ports if now - p.born > self._expire_s]:
            self._ports.remove(port)
            self._old.append(port)
        if len(self._ports) < SOCKETS:
            self._ports.append(_Port(self))
            self.opened += 1
            port = self._ports[-1]
        else:
            port = random.choice(self._ports)
            self.reused += 1
        if len(port.pending) > MOST_PENDING:
            raise OSError(0, "too many queries wait for this upstream")
        self._current = port
        self.turn.at_end(self._flush)
        return port

    def _flush(self) -> None:
        port, self._current = self._current, None
        if port is not None:
            port.connected.flush()

    def _sweep(self) -> None:
        self._sweeping = self._deadlines.sweep(time.monotonic())
        for port in (*self._ports, *self._old):
            port.forget_finished()
        for port in [p for p in self._old if not p.pending and p is not self._current]:
            self._old.remove(port)
            port.close()
        if self._sweeping or self._old:
            self._sweeping = True
            self.loop.call_later(SWEEP_S, self._sweep)
