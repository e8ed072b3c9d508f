"""A question that an upstream has been asked, and who waits for it."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from polpo.dns.handing import Back

Done = Callable[[bytes | None, str], None]  # the answer's bytes, or none and why
GiveBack = Callable[[list[tuple["Relayed", bytes | None]]], None]
SHORTEST = 12
_POOL_BYTES = 4096


class Ids:
    """Random message IDs, from the kernel in bulk."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def new(self, taken: dict[bytes, Pending]) -> bytes:
        """One that is not taken (fewer than 65536 are)."""
        while True:
            at = self._at
            number = self._pool[at : at + 2]
            self._at = at + 2
            if not number:
                self._pool, self._at = os.urandom(_POOL_BYTES), 0
            elif number not in taken:
                return number

    def several(self, count: int, taken: dict[bytes, Pending]) -> list[bytes]:
        """So many at once."""
        pool = os.urandom(2 * count)
        numbers = [pool[at : at + 2] for at in range(0, 2 * count, 2)]
        if len(set(numbers)) == count and taken.keys().isdisjoint(numbers):
            return numbers
        numbers = []
        for _ in range(count):
            while (number := self.new(taken)) in numbers:
                pass
            numbers.append(number)
        return numbers


class Pending:
    """One message on its way, with its question's bytes. `done` is called once."""

    __slots__ = ("_done", "asked", "begun", "is_open", "question")

    def __init__(self, asked: bytes, question: bytes, begun: float, done: Done) -> None:
        self.asked = asked  # after the ID
        self.question = question
        self.begun = begun
        self.is_open = True
        self._done = done

    def answers(self, message: bytes) -> bool:
        """Is it a reply to just this question (whatever the case of its letters)? Spoofed and late
        ones are not."""
        if len(message) < SHORTEST or not message[2] & 0x80:
            return False
        question = self.question
        if message.startswith(question, 12):
            return True
        if message[4:6] == b"\0\0" and message[3] & 15:
            return True  # an error in which the question is left out
        return message[12 : 12 + len(question)].lower() == question.lower()

    def finish(self, message: bytes | None, error: str = "") -> None:
        if self.is_open:
            self.is_open = False
            self._done(message, error)


class Relayed(Pending):
    """One that is handed on for all who wait for just the same; several are given back together."""

    __slots__ = ("give_back", "upstream", "waiting")

    def __init__(
        self,
        asked: bytes,
        question: bytes,
        begun: float,
        upstream: Any,
        give_back: GiveBack,
        waiter: tuple[Back, Any],
    ) -> None:
        self.asked = asked
        self.question = question
        self.begun = begun
        self.is_open = True
        self.upstream = upstream
        self.waiting = [waiter]
        self.give_back = give_back

    def finish(self, message: bytes | None, error: str = "") -> None:
        if self.is_open:
            self.is_open = False
            self.give_back([(self, message)])


def pending(asked: bytes, done: Done) -> Pending:
    """For a message without its ID, of which nobody knows where the question ends."""
    return Pending(asked, asked[10 : _question_end(asked)], time.monotonic(), done)


class Deadlines:
    """Questions by the time at which they are given up; all wait equally long."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._waiting: deque[Pending] = deque()

        self.add = self._waiting.append
        self.add_all = self._waiting.extend

    def sweep(self, now: float) -> bool:
        """Give up what is due. Does anybody wait still?"""
        waiting = self._waiting
        while waiting and (not waiting[0].is_open or waiting[0].begun + self._timeout_s <= now):
            waiting.popleft().finish(None, "i/o timeout")
        return bool(waiting)


def _question_end(asked: bytes) -> int:
    """Where the first question of a message without its ID ends."""
    at = 10
    while length := asked[at]:
        at += 1 + length
    return at + 5
