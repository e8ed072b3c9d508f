"""Work that is done when there is news of it, and again after a while if not all of it could be."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Never


async def rounds(news: asyncio.Event, again_s: float, work: Callable[[], Awaitable[bool]]) -> Never:
    """Until cancelled. `work` answers whether all is done."""
    while True:
        done = await work()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if done else again_s):
                await news.wait()
        news.clear()
