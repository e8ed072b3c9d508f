"""What is done once for all that has come in at a time: sending what was gathered meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

Call = Callable[[], None]


class Turn:
    """A turn begins when something is readable. What is asked for in it is done at its end, without
    another round of the loop; what is asked for at other times, in the next round. `now` is when
    what is worked on was read: the same object for all of it."""

    def __init__(self, call_soon: Callable[[Call], object]) -> None:
        self._call_soon = call_soon
        self._calls: list[Call] = []
        self._within = False
        self.now = time.monotonic()

    def at_end(self, call: Call) -> None:
        self._calls.append(call)
        if not self._within and len(self._calls) == 1:
            self._call_soon(self._end)

    def of(self, read: Callable[[], object]) -> Call:
        """A reader whose every call is a turn."""

        def reading() -> None:
            self._within = True
            try:
                read()
            finally:
                self._within = False
                self._end()

        return reading

    def _end(self) -> None:
        while self._calls:
            calls, self._calls = self._calls, []
            for call in calls:
                call()
