"""A busy connection goes on while the load balancer moves under it, there and back."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
import pytest_asyncio
from msgspec.structs import replace

from polpo.kernel import netns
from polpo.testing.balancers import (
    CLIENT,
    LISTENER,
    MEMBERS,
    POOL,
    VIP,
    VIP6,
    BalancerCloud,
    member,
)
from polpo.testing.hosts import eventually

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

PORT, CHUNK, MOVES = 9000, 1 << 16, 4
STREAM = (
    replace(LISTENER, id="s", protocol="TCP", protocol_port=PORT, default_pool_id="ps"),
    replace(POOL, id="ps", protocol="TCP"),
    replace(member(21), id="ms", pool_id="ps", protocol_port=PORT),
)


@asynccontextmanager
async def echoing() -> AsyncIterator[None]:
    """In the first member's namespace: sends back what it gets."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(CHUNK):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    sock = netns.inside(MEMBERS[0], partial(socket.socket, socket.AF_INET, socket.SOCK_STREAM))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("", PORT))
    server = await asyncio.start_server(talk, sock=sock)
    async with server:
        yield


@pytest_asyncio.fixture(loop_scope="module")
async def streams(cloud: BalancerCloud) -> AsyncIterator[None]:
    async with echoing():
        await cloud.reached(await cloud.change(*STREAM))
        yield
    await cloud.reached(await cloud.remove(*STREAM))


class Stream:
    """Sends numbered blocks as fast as it can, and wants them back, all and in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.sent = self.back = 0
        self.longest_s = 0.0  # without anything
        self.enough = False

    async def send(self) -> None:
        while not self.enough:
            self._writer.write(self.sent.to_bytes(8, "big") * (CHUNK // 8))
            self.sent += 1
            await self._writer.drain()
        self._writer.write_eof()

    async def receive(self) -> None:
        before = time.monotonic()
        while block := await self._reader.read(CHUNK):
            now = time.monotonic()
            self.longest_s, before = max(self.longest_s, now - before), now
            if missing := CHUNK - len(block):
                block += await self._reader.readexactly(missing)
            assert block == self.back.to_bytes(8, "big") * (CHUNK // 8)
            self.back += 1


@asynccontextmanager
async def stream(vip: str) -> AsyncIterator[Stream]:
    """Through the load balancer, until the end; then all is back."""
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    sock = netns.inside(CLIENT, partial(socket.socket, family, socket.SOCK_STREAM))
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, (vip, PORT))
    reader, writer = await asyncio.open_connection(sock=sock)
    found = Stream(reader, writer)
    both = asyncio.gather(found.send(), found.receive())
    try:
        yield found
        found.enough = True
        await asyncio.wait_for(both, 60.0)
        assert found.back == found.sent
    finally:
        both.cancel()
        writer.close()


@pytest.mark.parametrize("vip", [VIP, VIP6])
async def test_a_stream_in_both_directions_loses_nothing(
    vip: str, cloud: BalancerCloud, streams: None
) -> None:
    async with stream(vip) as busy:
        for _ in range(MOVES):
            before = busy.back
            await cloud.move()
            await eventually(lambda since=before: goes_on(busy, since), "it goes on")  # type: ignore[misc]
    print(
        f"{busy.back * CHUNK >> 20} MiB there and back, silent for {busy.longest_s:.3f} s at most"
    )


async def goes_on(busy: Stream, since: int) -> bool:
    return busy.back > since + 16
