"""NOTIFY: secondaries hear of zones that have changed."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from polpo.dns.plugins.transfer import notify as notifying
from polpo.dns.wire.message import read_question
from polpo.dns.wire.name import to_text
from polpo.testing.resolver import Resolver

Serve = Callable[[str], Resolver]
ZONE = """$ORIGIN example.org.
@ 300 IN SOA ns admin SERIAL 7200 1800 86400 60
@ 300 IN NS ns
ns 300 IN A 10.0.0.53
"""
COREFILE = """example.org {
    transfer {
        to 127.0.0.1:PORT
    }
    file FILE {
        reload 10ms
    }
}
"""


class Secondary(asyncio.DatagramProtocol):
    """Hears, and says so from the second time on."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None
        self._count = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        question = read_question(data)
        self.heard.put_nowait((question.flags, f"{to_text(question.name)} {question.type}"))
        self._count += 1
        if self._count > 1 and self._transport is not None:
            self._transport.sendto(data[:2] + bytes((data[2] | 0x80,)) + data[3:], addr)


async def test_a_secondary_hears_at_the_start_and_of_another_serial_until_it_says_so(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifying, "PATIENCE_S", 0.05)
    loop = asyncio.get_running_loop()
    transport, secondary = await loop.create_datagram_endpoint(
        Secondary, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    file = tmp_path / "db"
    file.write_text(ZONE.replace("SERIAL", "1"))
    resolver = serve(COREFILE.replace("FILE", str(file)).replace("PORT", str(port)))
    running = asyncio.ensure_future(resolver.feeds[0].run())
    async with asyncio.timeout(60):
        for _ in range(2):
            assert await secondary.heard.get() == (0x2400, "example.org. 6")
        new = file.with_suffix(".new")
        new.write_text(ZONE.replace("SERIAL", "2"))
        new.rename(file)
        assert await secondary.heard.get() == (0x2400, "example.org. 6")
    running.cancel()
    transport.close()


async def test_who_never_hears_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifying, "PATIENCE_S", 0.01)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    assert not await notifying.notify(b"\0", transport.get_extra_info("sockname"))
    transport.close()
