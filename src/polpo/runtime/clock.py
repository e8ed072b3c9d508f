"""Monotonic time: what waits and measures must not see the wall clock jump."""

import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Seconds since some moment. Tests give one that they turn by hand."""

monotonic: Clock = time.monotonic

processor: Clock = time.thread_time
"""What this thread has used of a core: what work costs, however busy the machine is."""


class Steady:
    """The time of day when this was made, and from there on as the monotonic clock goes: what is
    later has a greater time, however the wall clock jumps. For what several processes compare."""

    def __init__(self, wall: Clock = time.time, clock: Clock = monotonic) -> None:
        self._clock = clock
        self._began = wall() - clock()

    def __call__(self) -> float:
        return self._began + self._clock()
