"""A question that an upstream has been asked, and who waits for it."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable

from polpo.dns.wire.message import QR

Done = Callable[[bytes | None, str], None]  # the answer's bytes, or none and why
SHORTEST = 12
_POOL_BYTES = 4096


class Ids:
    """Random message IDs, from the kernel in bulk."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def new(self, taken: dict[int, Pending]) -> int:
        """One that is not taken (fewer than 65536 are)."""
        while True:
            if self._at >= len(self._pool):
                self._pool, self._at = os.urandom(_POOL_BYTES), 0
            number = self._pool[self._at] << 8 | self._pool[self._at + 1]
            self._at += 2
            if number not in taken:
                return number


class Pending:
    """One message on its way. `done` is called once."""

    __slots__ = ("_done", "_question", "asked", "begun")

    def __init__(self, asked: bytes, done: Done) -> None:
        self.asked = asked  # after the ID
        self._question = asked[10:]  # and what follows it, if anything does: a quick first look
        self.begun = time.monotonic()
        self._done: Done | None = done

    @property
    def is_open(self) -> bool:
        return self._done is not None

    def answers(self, message: bytes) -> bool:
        """Is it a reply to just this question (whatever the case of its letters)? Spoofed and late
        ones are not."""
        if len(message) < SHORTEST or not message[2] & QR >> 8:
            return False
        if message.startswith(self._question, 12):
            return True
        end = _question_end(self.asked)
        question = message[12 : end + 2]
        if message[4:6] == b"\0\0" and message[3] & 15:
            return True  # an error in which the question is left out
        return question == self.asked[10:end] or question.lower() == self.asked[10:end].lower()

    def finish(self, message: bytes | None, error: str = "") -> None:
        done, self._done = self._done, None
        if done is not None:
            done(message, error)


class Deadlines:
    """Questions by the time at which they are given up; all wait equally long."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._waiting: deque[Pending] = deque()

    def add(self, pending: Pending) -> None:
        self._waiting.append(pending)

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
