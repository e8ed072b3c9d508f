"""HTTP as far as a page of the agent needs it: one request a connection, its head alone read."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 5.0


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
