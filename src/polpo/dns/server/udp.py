"""Queries by UDP: batches in, answers in place, what has to wait later."""

from __future__ import annotations

import socket
import time

from polpo.dns.server.answering import Asked, Channel, begin
from polpo.dns.server.tally import DURATIONS
from polpo.kernel.datagrams import SLOT_BYTES, Batch, Envelope

BATCHES_AT_ONCE = 4  # then the loop's other work has its turn


class UdpListener:
    """One socket. `drain` is called when it is readable."""

    def __init__(self, sock: socket.socket, channel: Channel) -> None:
        self.socket = sock
        self._batch = Batch(sock)
        self._channel = channel
        self._turn = 0
        self.waiting = 0

    def drain(self) -> None:
        """Answer what has come."""
        for _ in range(BATCHES_AT_ONCE):
            lengths = self._batch.receive()
            if not lengths:
                return
            self._answer(lengths)
            if len(lengths) < self._batch.slots:
                return

    def _answer(self, lengths: list[int]) -> None:
        """This is the loop that answers hits: it calls nothing that it does not have to."""
        batch = self._batch
        begun = time.monotonic()
        view, out = batch.view, batch.lengths
        data = view[: len(lengths) * SLOT_BYTES].tobytes()
        young = self._channel.table.young
        turn = self._turn = self._turn + 1
        seen: list[int] = []
        missed: list[int] = []
        at = 0
        for index, length in enumerate(lengths):
            kept = young.get(data[at + 2 : at + length])
            if kept is None or kept[2] <= begun:
                missed.append(index)
            else:
                variants = kept[0]
                body = variants[turn % len(variants)]
                size = len(body) + 2
                if size > SLOT_BYTES:
                    missed.append(index)
                else:
                    view[at + 2 : at + size] = body
                    out[index] = size
                    seen.append(kept[1])
            at += SLOT_BYTES
        unanswered = [i for i in missed if not self._work(i, lengths[i])] if missed else missed
        batch.send(len(lengths), unanswered)
        if seen:
            self._count(seen, (time.monotonic() - begun) / len(lengths))

    def _count(self, seen: list[int], seconds: float) -> None:
        tally = self._channel.tally
        values = tally.values
        for slot in seen:
            values[slot] += 1
            values[slot + 1] += seconds
        if seconds > DURATIONS[0]:
            tally.late_slots(seen, seconds)

    def _work(self, index: int, length: int) -> bool:
        """Answer one that the younger table does not have. Is the answer in its slot now?"""
        batch, channel = self._batch, self._channel
        at = index * SLOT_BYTES
        message = bytes(batch.memory[at : at + length])
        found = channel.table.find(message[2:], time.monotonic())
        if found is not None:
            channel.tally.values[found[1]] += 1
            return self._put(index, message[:2] + found[0][self._turn % len(found[0])])
        asked = begin(channel, message)
        if not isinstance(asked, Asked):
            return self._put(index, asked) if asked else False
        asked.ask(lambda: batch.peer(index))
        if asked.wire is not None:
            return self._put(index, asked.wire) if asked.wire else False
        self.waiting += 1
        if asked.query is not None:
            _ = asked.query.peer  # while the slot is still theirs
        asked.send = _Later(self, batch.envelope(index)).send
        return False

    def _put(self, index: int, wire: bytes) -> bool:
        if len(wire) <= SLOT_BYTES:
            self._batch.put(index, wire[2:])
            return True
        self._batch.envelope(index).send(self.socket, wire)
        return False


class _Later:
    """An asker who waits."""

    __slots__ = ("_envelope", "_listener")

    def __init__(self, listener: UdpListener, envelope: Envelope) -> None:
        self._listener = listener
        self._envelope = envelope

    def send(self, wire: bytes) -> None:
        self._listener.waiting -= 1
        self._envelope.send(self._listener.socket, wire)
