"""Queries by UDP: batches in, answers in place, what has to wait later."""

from __future__ import annotations

import socket
import time
from array import array
from functools import partial

from polpo.dns.server.answering import Asked, Channel, begin
from polpo.dns.server.passing import Passing
from polpo.dns.server.tally import DURATIONS
from polpo.dns.turn import Turn
from polpo.kernel.datagrams import (
    BATCHES_AT_ONCE,
    MANY,
    SLOT_BYTES,
    Batch,
    Envelope,
    peer_of,
    send_one,
)
from polpo.kernel.posting import Outgoing

BEHIND_IDS = tuple(range(2, 64 * SLOT_BYTES, SLOT_BYTES))  # where keys and answers begin


class UdpListener:
    """One socket. `read` is called when it is readable."""

    def __init__(self, sock: socket.socket, channel: Channel, turn: Turn) -> None:
        self.socket = sock
        self.read = turn.of(self.drain)
        self._turn = turn
        self._outgoing = Outgoing(sock)
        self._batch = Batch(sock)
        self._channel = channel
        self._passing = Passing(channel, self._batch, self._outgoing, turn, self._ask_late)
        self._round = 0
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many there is no answer for yet."""
        return self._waiting + self._passing.waiting

    def drain(self) -> bool:
        """Answer what has come, or as much of it as is good at a time. Was there anything?"""
        for number in range(BATCHES_AT_ONCE):
            lengths = self._batch.receive()
            if not lengths:
                return number > 0
            self._answer(lengths)
            if len(lengths) < MANY:
                break
        return True

    def _answer(self, lengths: list[int]) -> None:
        """This is the loop that answers hits: it calls nothing that it does not have to."""
        batch, channel = self._batch, self._channel
        begun = self._turn.now = time.monotonic()
        count = len(lengths)
        view = batch.view
        data = view[: count * SLOT_BYTES].tobytes()
        find = channel.table.young.get
        values = channel.tally.values
        turn = self._round = self._round + 1
        slot = -1
        sizes: list[int] = []
        missed: list[int] = []
        for at, length in zip(BEHIND_IDS, lengths, strict=False):
            kept = find(data[at : at + length - 2])
            if kept is None or (kept[2] is not None and kept[2].is_for_others(begun)):
                missed.append(len(sizes))
                sizes.append(0)
                continue
            body, slot, terms, _ = kept
            if terms is not None:
                body = terms.body(body, turn)
            size = len(body)
            view[at : at + size] = body
            sizes.append(size + 2)
            values[slot] += 1
        batch.lengths[:count] = array("Q", sizes)
        unanswered = self._work(missed, data, lengths) if missed else missed
        batch.send(count, unanswered)
        if slot >= 0:
            self._time(slot, count - len(missed), time.monotonic() - begun)

    def _time(self, slot: int, hits: int, seconds: float) -> None:
        """What a batch has taken goes to the labels of its last hit: over many batches each has its
        share, and a query pays for one increment."""
        tally = self._channel.tally
        tally.values[slot + 1] += seconds
        if seconds > DURATIONS[0] * hits:
            tally.late_slot(slot, hits, seconds / hits)

    def _work(self, missed: list[int], data: bytes, lengths: list[int]) -> list[int]:
        """Answer those that the younger table does not have; which of them have no answer now?"""
        passing = self._passing
        passed = passing.take(missed, data, lengths) if passing.is_there else ()
        unanswered = []
        for index in missed:
            at = index * SLOT_BYTES
            if index in passed or not self._answer_one(index, data[at : at + lengths[index]]):
                unanswered.append(index)
        return unanswered

    def _answer_one(self, index: int, message: bytes) -> bool:
        """Is the answer in its slot now?"""
        batch, channel = self._batch, self._channel
        found = channel.table.find(message[2:], self._turn.now)
        if found is not None:
            body, slot, terms, _ = found
            channel.tally.values[slot] += 1
            body = terms.body(body, self._round) if terms is not None else body
            return self._put(index, message[:2] + body)
        asked = begin(channel, message)
        if not isinstance(asked, Asked):
            return self._put(index, asked) if asked else False
        asked.ask(lambda: batch.peer(index))
        if asked.wire is not None:
            return self._put(index, asked.wire) if asked.wire else False
        envelope = batch.envelope(index)
        asked.ask_for_peer(partial(peer_of, envelope[0]))
        self._wait(asked, envelope)
        return False

    def _put(self, index: int, wire: bytes) -> bool:
        if len(wire) <= SLOT_BYTES:
            self._batch.put(index, wire[2:])
            return True
        send_one(self.socket, self._batch.envelope(index), wire)
        return False

    def _ask_late(self, message: bytes, envelope: Envelope) -> None:
        """What an upstream did not answer goes the long way."""
        asked = begin(self._channel, message)
        assert isinstance(asked, Asked)  # it was looked at when it came
        asked.ask(partial(peer_of, envelope[0]))
        if asked.wire is None:
            self._wait(asked, envelope)
        elif asked.wire:
            self._send(envelope, asked.wire)

    def _wait(self, asked: Asked, envelope: Envelope) -> None:
        def send(wire: bytes) -> None:
            self._waiting -= 1
            self._send(envelope, wire)

        self._waiting += 1
        asked.send = send

    def _send(self, envelope: Envelope, wire: bytes) -> None:
        """The answer for somebody who waits, with others of this turn."""
        if self._outgoing.add([envelope], [wire]):
            self._turn.at_end(self._outgoing.flush)
