"""Upstreams that answer, hang, lie and die: a real socket, and what it does with a question."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

from polpo.dns.wire.message import read_question
from polpo.dns.wire.name import to_text
from polpo.dns.wire.record import Record, Reply
from polpo.dns.wire.render import render_reply

Answers = Callable[[bytes, str], bytes | None]  # message and protocol to message, or silence


class FakeUpstream:
    """On a port of its own, by UDP and TCP (or TLS). `asked` are the names in their order."""

    def __init__(self, answers: Answers | None = None) -> None:
        self.answers = answers or addressed()
        self.asked: list[str] = []
        self.connections = 0
        self.port = 0
        self._udp: asyncio.DatagramTransport | None = None
        self._tcp: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self, tls: ssl.SSLContext | None = None, port: int = 0) -> FakeUpstream:
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=tls)
        self.port = self._tcp.sockets[0].getsockname()[1]
        self._udp, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=("127.0.0.1", self.port)
        )
        return self

    async def stop(self) -> None:
        if self._udp is not None:
            self._udp.close()
        if self._tcp is not None:
            self._tcp.close()
        for writer in list(self._writers):
            writer.close()
        await asyncio.sleep(0)

    def answer(self, message: bytes, protocol: str) -> bytes | None:
        self.asked.append(to_text(read_question(message).name))
        return self.answers(message, protocol)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                answer = self.answer(await reader.readexactly(length), "tcp")
                if answer is not None:
                    writer.write(len(answer).to_bytes(2, "big") + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, upstream: FakeUpstream) -> None:
        self._upstream = upstream
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._upstream.answer(data, "udp")
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


def replied(message: bytes, reply: Reply, size: int = 65535) -> bytes:
    """The reply to a message."""
    return render_reply(message, read_question(message), reply, size)


def addressed(address: bytes = b"\xc0\0\2\1", ttl_s: int = 300) -> Answers:
    """Answers each question with this address."""

    def answers(message: bytes, protocol: str) -> bytes:
        name = read_question(message).name.lower()
        record = Record(name, 1 if len(address) == 4 else 28, ttl_s, address)
        reply = Reply(answer=(record,), authoritative=False, recursion_available=True)
        return replied(message, reply)

    return answers


def always(reply: Reply) -> Answers:
    return lambda message, protocol: replied(message, reply)


def silent(message: bytes, protocol: str) -> None:
    """Hears and says nothing."""
