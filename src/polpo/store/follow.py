"""PostgreSQL's own word that another replica has committed: LISTEN, with a slow poll behind it."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
from sqlalchemy import Engine

from polpo.store.database import CHANNEL

POLL_S = 2.0
"""A notification can be lost with its connection; never more than this late."""

RECONNECT_S = 1.0


async def notifications(engine: Engine) -> AsyncIterator[None]:
    """One item for each time that there may be new revisions. Outlives lost connections."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                await connection.execute(f"LISTEN {CHANNEL}")
                while True:
                    yield None
                    async for _ in connection.notifies(timeout=POLL_S, stop_after=1):
                        pass
        except psycopg.OperationalError:
            await asyncio.sleep(RECONNECT_S)
