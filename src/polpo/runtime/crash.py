"""Dies at the n-th kernel write when POLPO_CRASH_AFTER=n is in the environment; else nothing.

Tests use it to kill an agent (SIGKILL, nothing is cleaned up) at every step of its work and
then look whether the next one mends what is left. Off, it costs one comparison.
"""

import os
import signal

_left = int(os.environ.get("POLPO_CRASH_AFTER", "-1"))


def arm(after: int) -> None:
    """Die at the write after so many; for tests that fork instead of starting programs."""
    global _left
    _left = after


def point() -> None:
    """Called before each write to the kernel or to the disk."""
    global _left
    if _left < 0:
        return
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    _left -= 1
