"""Keys that want to be looked at, each by one worker at a time; again after a while, if asked."""

from __future__ import annotations

import asyncio

from polpo.kube.backoff import Backoff

LONGEST_S = 60.0


class Due:
    """A key that is added while it is worked on is due again after that."""

    def __init__(self, first_s: float = 0.5) -> None:
        self._first_s = first_s
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._waiting: set[str] = set()
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._backoffs: dict[str, Backoff] = {}

    def add(self, key: str) -> None:
        """Now, or when whoever has it is done."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._busy:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._queue.put_nowait(key)

    def add_later(self, key: str, after_s: float) -> None:
        """Unless it is due before."""
        if key not in self._waiting and key not in self._again and key not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(after_s, self._ripe, key)

    def add_after_failure(self, key: str) -> None:
        """Longer each time."""
        backoff = self._backoffs.setdefault(key, Backoff(self._first_s, LONGEST_S))
        self.add_later(key, backoff.wait_s())

    def well(self, key: str) -> None:
        """The next failure is the first again."""
        self._backoffs.pop(key, None)

    async def take(self) -> str:
        """It is the taker's until it says `done`."""
        key = await self._queue.get()
        self._waiting.discard(key)
        self._busy.add(key)
        return key

    def done(self, key: str) -> None:
        self._busy.discard(key)
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    def _ripe(self, key: str) -> None:
        self._timers.pop(key, None)
        self.add(key)
