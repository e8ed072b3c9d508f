"""One HTTP/1.1 connection to an API server, one request at a time (httptools parses, in C).

A small GET takes a ninth of the CPU that httpx2 takes for it, and a server that says nothing on a
watch for minutes and is well is no special case.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator

import httptools

READ_BYTES = 1 << 18
KEEPALIVE = (  # a server that is gone without a word is noticed within a minute
    ("TCP_KEEPIDLE", 20),
    ("TCP_KEEPINTVL", 10),
    ("TCP_KEEPCNT", 3),
    ("TCP_USER_TIMEOUT", 50_000),  # ms
)


class Broken(Exception):
    """The connection is of no more use; `untouched`: nothing of an answer had come."""

    def __init__(self, message: str, *, untouched: bool = False) -> None:
        super().__init__(message)
        self.untouched = untouched


class _Answer:
    """What httptools tells of one answer, as it comes."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.begun = self.complete = False
        self.body: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self.begun = True

    def on_body(self, data: bytes) -> None:
        self.body.append(data)

    def on_message_complete(self) -> None:
        self.complete = True

    def taken(self) -> bytes:
        """What has come of the body since the last time."""
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        return body


class Connection:
    """After `send`: `status` and `headers` are known, and `body` gives what follows."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._answer = _Answer()
        self._parser = httptools.HttpResponseParser(self._answer)
        self.status = 0

    @classmethod
    async def open(
        cls, host: str, port: int, context: ssl.SSLContext | None, server_name: str
    ) -> Connection:
        """Raises Broken."""
        try:
            reader, writer = await asyncio.open_connection(
                host, port, ssl=context, server_hostname=server_name or host if context else None
            )
        except (OSError, ssl.SSLError) as error:
            raise Broken(f"{host}:{port}: {error}", untouched=True) from error
        _keep_alive(writer.get_extra_info("socket"))
        return cls(reader, writer)

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer, names in lower case."""
        return self._answer.headers

    @property
    def reusable(self) -> bool:
        """The answer is whole and the server keeps the connection."""
        return (
            self._answer.complete
            and self.headers.get("connection", "").lower() != "close"
            and not self._reader.at_eof()
            and not self._writer.is_closing()
        )

    async def send(self, request: bytes) -> None:
        """Returns when status and headers are there. Raises Broken."""
        self._answer = _Answer()
        self._parser = httptools.HttpResponseParser(self._answer)
        try:
            self._writer.write(request)
            await self._writer.drain()
        except OSError as error:
            raise Broken(str(error) or "connection lost", untouched=True) from error
        while not self._answer.begun:
            await self._read()
        self.status = self._parser.get_status_code()

    async def body(self) -> AsyncIterator[bytes]:
        """Pieces as they come, to the end of the answer. Raises Broken if that does not come."""
        while True:
            if self._answer.body:
                yield self._answer.taken()
            if self._answer.complete:
                return
            await self._read()

    async def _read(self) -> None:
        try:
            data = await self._reader.read(READ_BYTES)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            self._parser.feed_data(data)
        except (OSError, httptools.HttpParserError) as error:
            text = str(error) or "connection lost"
            raise Broken(text, untouched=not self._answer.begun) from error

    async def close(self) -> None:
        """Does not wait for the peer: it may be gone."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError, ssl.SSLError):
            await self._writer.wait_closed()


def _keep_alive(link: socket.socket | None) -> None:
    if link is None:
        return
    link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE:
        link.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
