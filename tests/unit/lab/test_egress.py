"""The API server's way to pods: a proxy behind a socket in the file system."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from polpo.lab.kubernetes import egress


@pytest_asyncio.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "egress.sock"
    async with await asyncio.start_unix_server(egress.connect, path):
        yield path


async def upper(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.read()).upper())
    writer.close()


async def ask(path: Path, head: str, more: bytes = b"") -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(head.encode() + b"\r\nHost: x\r\n\r\n" + more)
    writer.write_eof()
    said = await reader.read()
    writer.close()
    return said


async def test_both_sides_hear_each_other_and_the_end(path: Path) -> None:
    server = await asyncio.start_server(upper, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    said = await ask(path, f"CONNECT 127.0.0.1:{port} HTTP/1.1", b"hello")
    assert said == b"HTTP/1.1 200 OK\r\n\r\nHELLO"
    server.close()


@pytest.mark.parametrize(
    "head",
    ["GET / HTTP/1.1", "CONNECT 127.0.0.1:x HTTP/1.1", "CONNECT", "CONNECT 127.0.0.1:1 HTTP/1.1"],
)
async def test_what_cannot_be_reached_is_said(path: Path, head: str) -> None:
    assert (await ask(path, head)).startswith(b"HTTP/1.1 502 ")
