"""Writing messages: what answers a question, what asks an upstream (RFC 1035 4.1, 6891)."""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct

from polpo.dns.wire.message import (
    AA,
    AD,
    CD,
    HEADER,
    OPCODE,
    QR,
    RA,
    RD,
    TC,
    Edns,
    Question,
)
from polpo.dns.wire.name import is_within
from polpo.dns.wire.record import Record, Reply

OWN_SIZE = 1232  # what reaches everybody unfragmented (DNS flag day 2020)
SMALLEST_SIZE = 512
_FIXED = Struct("!HHIH")
_OPTION = Struct("!HH")
_ECHOED = OPCODE | RD | CD
_AT_QUESTION = b"\xc0\x0c"
# Names in data that RFC 1035 defines may be compressed (RFC 3597 4): bytes before, how many names.
_NAMES = {2: (0, 1), 5: (0, 1), 6: (0, 2), 12: (0, 1), 15: (2, 1)}


def render_reply(message: bytes, question: Question, reply: Reply, size: int) -> bytes:
    """The reply to the question that came as `message`, of at most `size` bytes.

    The question is echoed byte for byte, and names that equal it or its parents point to it: the
    asker's case is kept. Records that do not fit are left out, last ones first, and TC says so.
    """
    flags = QR | question.flags & _ECHOED | reply.rcode & 15
    flags |= (AA if reply.authoritative else 0) | (RA if reply.recursion_available else 0)
    flags |= AD if reply.authentic else 0
    flags = (flags | reply.flags_on) & ~reply.flags_off
    edns = question.edns
    opt = b""
    if edns is not None:
        opt = render_opt(OWN_SIZE, edns.dnssec_ok, reply.rcode >> 4, reply.options)
    writer = _Writer(message[12 : question.end], question.name)
    counts = []
    room = size - len(opt)
    for section in (reply.answer, reply.authority, reply.additional):
        written = writer.write(section, room)
        counts.append(written)
        if written < len(section):
            flags |= TC
            room = 0
    counts[2:] = [counts[2] + (1 if opt else 0)]
    return HEADER.pack(question.id, flags, 1, *counts) + writer.out[12:] + opt


def render_error(message: bytes, rcode: int) -> bytes:
    """The answer to a message in which no question could be read: its header alone."""
    id, flags, *_ = HEADER.unpack_from(message)
    return HEADER.pack(id, QR | flags & _ECHOED | rcode & 15, 0, 0, 0, 0)


def truncated(message: bytes, end: int) -> bytes:
    """What is left of a reply that is too long: header, with TC, and question (until `end`)."""
    flags = int.from_bytes(message[2:4], "big") | TC
    return message[:2] + flags.to_bytes(2, "big") + b"\0\1\0\0\0\0\0\0" + message[12:end]


def render_query(
    id: int, name: bytes, type: int, *, class_: int = 1, flags: int = RD, edns: Edns | None = None
) -> bytes:
    """A question to somebody else."""
    opt = b"" if edns is None else render_opt(edns.size, edns.dnssec_ok, 0, edns.options)
    header = HEADER.pack(id, flags, 1, 0, 0, 1 if opt else 0)
    return header + name + type.to_bytes(2, "big") + class_.to_bytes(2, "big") + opt


def render_opt(
    size: int, dnssec_ok: bool, high_rcode: int, options: Iterable[tuple[int, bytes]] = ()
) -> bytes:
    """An OPT record."""
    data = b"".join(_OPTION.pack(code, len(data)) + data for code, data in options)
    head = b"\0\0\x29" + size.to_bytes(2, "big") + bytes((high_rcode, 0, dnssec_ok << 7, 0))
    return head + len(data).to_bytes(2, "big") + data


def render_message(id: int, flags: int, question: bytes, answer: Iterable[Record]) -> bytes:
    """One message of a transfer: a question (its bytes, or none) and all of the answers."""
    writer = _Writer(question, question[:-4] or b"\0")
    answers = tuple(answer)
    writer.write(answers, 65535)
    return HEADER.pack(id, flags, bool(question), len(answers), 0, 0) + writer.out[12:]


class _Writer:
    """Records after a question, with the places of names that later ones may point to."""

    def __init__(self, question: bytes, name: bytes) -> None:
        self.out = bytearray(12) + question
        self._name = name.lower()
        self._places: dict[bytes, int] = {}

    def write(self, records: tuple[Record, ...], room: int) -> int:
        """As many as stay within `room` bytes of the message; how many that were."""
        out = self.out
        for index, (owner, type, ttl_s, data) in enumerate(records):
            before = len(out)
            if owner == self._name:
                out += _AT_QUESTION
            else:
                self._put_name(owner)
            if type in _NAMES and data:
                out += _FIXED.pack(type, 1, ttl_s, 0)
                begin = len(out)
                self._put_data(type, data)
                out[begin - 2 : begin] = (len(out) - begin).to_bytes(2, "big")
            else:
                out += _FIXED.pack(type, 1, ttl_s, len(data))
                out += data
            if len(out) > room:
                del out[before:]
                return index
        return len(records)

    def _put_data(self, type: int, data: bytes) -> None:
        at, names = _NAMES[type]
        self.out += data[:at]
        for _ in range(names):
            end = at
            while length := data[end]:
                end += 1 + length
            self._put_name(data[at : end + 1])
            at = end + 1
        self.out += data[at:]

    def _put_name(self, name: bytes) -> None:
        """The labels up to a suffix that is in the message already, and a pointer to that."""
        out, places, asked = self.out, self._places, self._name
        lower = name.lower()
        at = 0
        while length := name[at]:
            suffix = lower[at:]
            place = places.get(suffix)
            if place is None and asked.endswith(suffix) and is_within(asked, suffix):
                place = places[suffix] = 12 + len(asked) - len(suffix)
            if place is not None:
                out += (0xC000 | place).to_bytes(2, "big")
                return
            if len(out) < 0x4000:
                places[suffix] = len(out)
            out += name[at : at + 1 + length]
            at += 1 + length
        out.append(0)
