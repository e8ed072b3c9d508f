"""Has the loop woken by processes: when one ends, and when one that was started may have begun."""

import asyncio
from collections.abc import Callable


class Watching:
    """`soon_s` is what one takes to begin."""

    def __init__(self, wake: Callable[[], None], soon_s: float) -> None:
        self._wake, self._soon_s = wake, soon_s

    def watch(self, handle: int) -> None:
        asyncio.get_running_loop().add_reader(handle, self._ended, handle)

    def unwatch(self, handle: int) -> None:
        asyncio.get_running_loop().remove_reader(handle)

    def soon(self) -> None:
        asyncio.get_running_loop().call_later(self._soon_s, self._wake)

    def _ended(self, handle: int) -> None:
        """A handle stays readable: once is enough."""
        self.unwatch(handle)
        self._wake()
