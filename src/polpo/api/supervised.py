"""Tasks that go on for ever: a database that cannot be reached stops none of them for good."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from polpo.store.errors import StoreError

AGAIN_S = 1.0


async def supervised(name: str, work: Callable[[], Awaitable[None]]) -> None:
    """Runs `work` until cancelled, again after each StoreError; other errors are bugs, and rise."""
    log = structlog.get_logger("polpo.controller")
    while True:
        try:
            await work()
        except StoreError as error:
            log.warning("waiting for the database", task=name, error=str(error))
        await asyncio.sleep(AGAIN_S)
