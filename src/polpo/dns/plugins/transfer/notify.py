"""NOTIFY (RFC 1996): secondaries are told that a zone is another, and come for it."""

from __future__ import annotations

import asyncio
import secrets

from polpo.dns.wire.message import AA, QR
from polpo.dns.wire.record import Type
from polpo.dns.wire.render import render_query

OPCODE_NOTIFY = 4 << 11
TIMES, PATIENCE_S = 3, 2.0
Target = tuple[str, int]  # address, port


async def notify(zone: bytes, target: Target) -> bool:
    """Has the secondary heard? It is told again if it does not say so; any reply will do (3.11)."""
    loop = asyncio.get_running_loop()
    id = secrets.randbelow(65536)
    message = render_query(id, zone, Type.SOA, flags=OPCODE_NOTIFY | AA)
    try:
        transport, heard = await loop.create_datagram_endpoint(
            lambda: _Heard(message[:2]), remote_addr=target
        )
    except OSError:
        return False
    try:
        for _ in range(TIMES):
            transport.sendto(message)
            done, _ = await asyncio.wait([heard.reply], timeout=PATIENCE_S)
            if done:
                return True
    finally:
        transport.close()
    return False


class _Heard(asyncio.DatagramProtocol):
    """`reply` is done when the other side has said anything about this message."""

    def __init__(self, id: bytes) -> None:
        self._id = id
        self.reply: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: Target) -> None:
        is_reply = data[:2] == self._id and len(data) >= 12 and data[2] & QR >> 8
        if is_reply and not self.reply.done():
            self.reply.set_result(None)
