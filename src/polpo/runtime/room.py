"""So many connections at once: who has been there longest makes room for who comes.

Whoever reaches a host reaches its pages: silence must not use up the files of who serves them.
"""

import asyncio
import contextlib
from collections.abc import Iterator

MOST = 256


class Room:
    """Each in a task of its own, which is cancelled if it has to go."""

    def __init__(self) -> None:
        self._here: dict[asyncio.Task[None], None] = {}

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """For the task that asks, as long as it is inside."""
        task = asyncio.current_task()
        assert task is not None
        if len(self._here) >= MOST:
            oldest = next(iter(self._here))
            del self._here[oldest]
            oldest.cancel()
        self._here[task] = None
        try:
            yield
        finally:
            self._here.pop(task, None)

    async def empty(self) -> None:
        """All have to go; when they have gone."""
        leaving = list(self._here)
        for task in leaving:
            task.cancel()
        await asyncio.gather(*leaving, return_exceptions=True)
