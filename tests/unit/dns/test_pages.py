"""Pages for Prometheus and probes, where many ask for nothing."""

import asyncio

import pytest

from polpo.dns.plugin import PLAIN, Page
from polpo.dns.server import http
from polpo.dns.server.http import HttpServers
from polpo.runtime.room import MOST
from polpo.testing import free


async def test_who_says_nothing_keeps_nobody_from_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "IDLE_S", 600.0)

    async def well() -> tuple[int, str]:
        return 200, "OK"

    port, servers = free.port(), HttpServers()
    await servers.open({(f"127.0.0.1:{port}", "/health"): Page(well, PLAIN)})
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(MOST + 1)]
    async with asyncio.timeout(60):
        assert await silent[0][0].read() == b""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 200")
    await servers.close()
    for _, one in (*silent, (reader, writer)):
        one.close()
