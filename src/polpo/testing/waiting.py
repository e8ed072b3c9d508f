"""Wait for a condition, never for a time. For what runs in asyncio: testing.hosts.until."""

import time
from collections.abc import Callable


def until(true: Callable[[], object], what: str, deadline_s: float = 30.0) -> None:
    """AssertionError with `what` if it has not become true by then."""
    end = time.monotonic() + deadline_s
    while not true():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.02)
