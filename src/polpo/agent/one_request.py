"""HTTP as far as a page of the agent needs it: one request a connection, its head alone read."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 5.0
MOST = 256
"""Of one page at once. Whoever reaches the host reaches it: silence must not use up its files."""


class Room:
    """Who has been there longest makes room for who comes."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._here: dict[asyncio.Task[None], None] = {}

    async def serve(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        answer: Callable[[bytes], bytes],
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._here) >= self._most:
            oldest = next(iter(self._here))
            del self._here[oldest]
            oldest.cancel()
        self._here[task] = None
        try:
            await serve(reader, writer, answer)
        finally:
            self._here.pop(task, None)


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Callable[[bytes], bytes]
) -> None:
    """`answer`: from the head of the request to the whole response. Who does not ask gets none."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            head = await reader.readuntil(b"\r\n\r\n")
            writer.write(answer(head))
            await writer.drain()
    except (
        ConnectionError,
        TimeoutError,
        asyncio.IncompleteReadError,
        asyncio.LimitOverrunError,
    ):
        return
    finally:
        writer.close()
