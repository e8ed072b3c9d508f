"""A zone in several messages (RFC 5936 2.2), each with its length in front."""

from __future__ import annotations

from polpo.dns.wire.message import AA, QR, Question
from polpo.dns.wire.record import Record, Reply
from polpo.dns.wire.render import render_message

AT_MOST_BYTES = (
    16_000  # of data in one message: names are compressed, so that it stays below 64 KiB
)


def render_transfer(question: Question, message: bytes, reply: Reply) -> bytes:
    """All messages in a row, as they go over TCP."""
    asked = message[12 : question.end]
    out = bytearray()
    for part in _parts(reply.answer):
        wire = render_message(question.id, QR | AA, asked, part)
        out += len(wire).to_bytes(2, "big") + wire
        asked = b""
    return bytes(out)


def _parts(records: tuple[Record, ...]) -> list[list[Record]]:
    parts: list[list[Record]] = [[]]
    size = 0
    for record in records:
        size += len(record.owner) + 10 + len(record.data)
        if size > AT_MOST_BYTES and parts[-1]:
            parts.append([])
            size = 0
        parts[-1].append(record)
    return parts
