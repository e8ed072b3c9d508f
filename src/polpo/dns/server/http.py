"""Pages for Prometheus and probes: GET over HTTP/1.1, nothing else, bounded in size and time."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable

from polpo.dns.plugin import PLAIN, Page
from polpo.runtime.room import Room

LONGEST_HEAD_BYTES = 16_384
IDLE_S = 30.0
_WORDS = {200: "OK", 404: "Not Found", 405: "Method Not Allowed", 503: "Service Unavailable"}


class HttpServers:
    """By address; they stay open from one configuration to the next."""

    def __init__(self) -> None:
        self._servers: dict[str, asyncio.Server] = {}
        self._pages: dict[tuple[str, str], Page] = {}
        self._room = Room()

    async def open(self, pages: dict[tuple[str, str], Page]) -> None:
        """Serve these as well, by (address, path). OSError if an address cannot be had: nothing has
        changed then."""
        new: dict[str, asyncio.Server] = {}
        try:
            for address in {address for address, _ in pages} - self._servers.keys():
                new[address] = await self._listen(address)
        except OSError:
            for server in new.values():
                server.close()
            raise
        self._servers |= new
        self._pages |= pages

    def close_others(self, pages: Iterable[tuple[str, str]]) -> None:
        """Serve only these from now on."""
        kept = set(pages)
        self._pages = {key: page for key, page in self._pages.items() if key in kept}
        for address in self._servers.keys() - {address for address, _ in kept}:
            self._servers.pop(address).close()

    async def close(self) -> None:
        self.close_others(())
        await self._room.empty()

    def ports(self) -> dict[str, int]:
        """Which port each address got (for those that ask for port 0)."""
        return {a: s.sockets[0].getsockname()[1] for a, s in self._servers.items()}

    async def _listen(self, address: str) -> asyncio.Server:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        try:
            return await asyncio.start_server(
                lambda r, w: self._serve(address, r, w),
                host or None,
                int(port),
                limit=LONGEST_HEAD_BYTES,
                family=socket.AF_UNSPEC,
            )
        except OSError as failed:
            words = f"cannot serve HTTP at {address}: {failed.strerror}"
            raise OSError(failed.errno, words) from failed

    async def _serve(
        self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with self._room.place():
            try:
                with contextlib.suppress(
                    OSError, TimeoutError, EOFError, asyncio.LimitOverrunError
                ):
                    while await self._serve_one(address, reader, writer):
                        pass
            except asyncio.CancelledError:
                pass
            finally:
                writer.close()

    async def _serve_one(
        self, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """One request; whether another may follow."""
        async with asyncio.timeout(IDLE_S):
            head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, version = [*lines[0].split(" "), "", ""][:3]
        lower = head.lower()
        go_on = version == "HTTP/1.1" and b"\r\nconnection: close" not in lower
        go_on = go_on and b"\r\ncontent-length:" not in lower
        status, text, kind = await self._page(address, method, path.partition("?")[0])
        body = text.encode()
        writer.write(
            f"HTTP/1.1 {status} {_WORDS[status]}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n"
            f"Connection: {'keep-alive' if go_on else 'close'}\r\n\r\n".encode()
        )
        writer.write(b"" if method == "HEAD" else body)
        async with asyncio.timeout(IDLE_S):
            await writer.drain()
        return go_on

    async def _page(self, address: str, method: str, path: str) -> tuple[int, str, str]:
        page = self._pages.get((address, path))
        if page is None:
            return 404, "404 page not found\n", PLAIN
        if method not in {"GET", "HEAD"}:
            return 405, "only GET\n", page.type
        status, text = await page.make()
        return status, text, page.type
