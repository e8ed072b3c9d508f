"""Monotonic time: what waits and measures must not see the wall clock jump."""

import time
from collections.abc import Callable
from typing import TypeAlias

Clock: TypeAlias = Callable[[], float]
"""Seconds since some moment. Tests give one that they turn by hand."""

monotonic: Clock = time.monotonic

processor: Clock = time.thread_time
"""What this thread has used of a core: what work costs, however busy the machine is."""
