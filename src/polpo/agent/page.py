"""The Prometheus page, served by the agent's own loop: a thread would read the kernel beside it."""

import asyncio
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST

from polpo.agent.one_request import serve
from polpo.runtime.room import Room


class Page:
    """GET /metrics, one request a connection."""

    def __init__(self, text: Callable[[], str]) -> None:
        self._text, self._room = text, Room()

    async def open(self, listen: str) -> asyncio.Server:
        """`listen` is address:port."""
        address, _, port = listen.rpartition(":")
        return await asyncio.start_server(self._serve, address.strip("[]"), int(port))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._room.place():
            await serve(reader, writer, self._answer)

    def _answer(self, head: bytes) -> bytes:
        found = head.startswith(b"GET /metrics")
        body = self._text().encode() if found else b"see /metrics\n"
        status = "200 OK" if found else "404 Not Found"
        fields = f"Content-Type: {CONTENT_TYPE_LATEST}\r\nContent-Length: {len(body)}"
        return f"HTTP/1.1 {status}\r\n{fields}\r\nConnection: close\r\n\r\n".encode() + body
