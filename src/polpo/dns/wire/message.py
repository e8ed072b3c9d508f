"""Reading messages: strict, bounded, one exception for all that is wrong (RFC 1035 4, 6891)."""

from __future__ import annotations

from struct import Struct
from typing import NamedTuple

from polpo.dns.wire.record import Record, Reply, Type

HEADER = Struct("!6H")
_TYPE_CLASS = Struct("!HH")
_RECORD = Struct("!HHIH")
QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
OPCODE = 0x7800
LONGEST_NAME = 255
MOST_RECORDS_ASKED = 8  # a query has OPT, perhaps SIG or TSIG, and for IXFR an SOA
MOST_POINTERS = 127  # each that is of use leads to one more label


class Malformed(ValueError):
    """The bytes are no message, or not one that may be sent."""


class Option(NamedTuple):
    """One EDNS option (RFC 6891 6.1.2)."""

    code: int
    data: bytes


class Edns(NamedTuple):
    """What the OPT record says: the asker's UDP size, and the rest of it."""

    size: int
    version: int
    dnssec_ok: bool
    options: tuple[Option, ...]


class Question(NamedTuple):
    """A question as it came: `name` in the asker's case, `end` the offset after the question."""

    id: int
    flags: int
    name: bytes
    type: int
    class_: int
    end: int
    edns: Edns | None


class Message(NamedTuple):
    """Any message, names in its data uncompressed; the OPT record is in `edns` instead."""

    id: int
    flags: int
    rcode: int
    name: bytes
    type: int
    class_: int
    answer: tuple[Record, ...]
    authority: tuple[Record, ...]
    additional: tuple[Record, ...]
    edns: Edns | None


def read_question(message: bytes) -> Question:
    """The question of a query. Malformed if it is not exactly one, or what follows is broken."""
    if len(message) < 12:
        raise Malformed("shorter than a header")
    id, flags, questions, answers, authorities, additionals = HEADER.unpack_from(message)
    if questions != 1:
        raise Malformed(f"{questions} questions")
    at = 12
    try:
        while length := message[at]:
            if length > 63:
                raise Malformed("a compressed name in the question")
            at += 1 + length
    except IndexError as wrong:
        raise Malformed("a question that is cut off") from wrong
    type, class_ = _unpack(_TYPE_CLASS, message, at + 1)
    name = message[12 : at + 1]
    if len(name) > LONGEST_NAME:
        raise Malformed("a name that is too long")
    end = at + 5
    edns = None
    if answers or authorities or additionals:
        if answers + authorities + additionals > MOST_RECORDS_ASKED:
            raise Malformed("a query with many records")
        edns = _edns(message, end, answers + authorities, additionals)
    return Question(id, flags, name, type, class_, end, edns)


def read_message(message: bytes) -> Message:
    """All of a message. Malformed if any of it is."""
    if len(message) < 12:
        raise Malformed("shorter than a header")
    id, flags, questions, *counts = HEADER.unpack_from(message)
    if questions > 1:
        raise Malformed(f"{questions} questions")
    name, type, class_, at = b"", 0, 0, 12
    if questions:
        name, at = read_name(message, at)
        type, class_ = _unpack(_TYPE_CLASS, message, at)
        at += 4
    sections: list[tuple[Record, ...]] = []
    edns, high = None, 0
    for count in counts:
        records = []
        for _ in range(count):
            record, class_of, at = read_record(message, at)
            if record.type == Type.OPT:
                if edns is not None:
                    raise Malformed("two OPT records")
                edns, high = _read_opt(record, class_of), record.ttl_s >> 24
            elif class_of == 1:
                records.append(record)
        sections.append(tuple(records))
    rcode = high << 4 | flags & 15
    answer, authority, additional = sections
    return Message(id, flags, rcode, name, type, class_, answer, authority, additional, edns)


def read_name(message: bytes, at: int) -> tuple[bytes, int]:
    """The name at the offset, uncompressed, and the offset after it.

    Each pointer must lead to before the place where its own part of the name begins: so loops end.
    """
    parts = bytearray()
    end = -1
    begin = at
    hops = 0
    try:
        while length := message[at]:
            if length < 64:
                parts += message[at : at + 1 + length]
                at += 1 + length
                if len(parts) >= LONGEST_NAME:
                    raise Malformed("a name that is too long")
            elif length >= 192:
                target = (length & 63) << 8 | message[at + 1]
                if end < 0:
                    end = at + 2
                hops += 1
                if target >= begin or hops > MOST_POINTERS:
                    raise Malformed("a compressed name that leads forward or to itself")
                at = begin = target
            else:
                raise Malformed("a label of unknown kind")
    except IndexError as wrong:
        raise Malformed("a name that is cut off") from wrong
    parts.append(0)
    return bytes(parts), at + 1 if end < 0 else end


def read_record(message: bytes, at: int) -> tuple[Record, int, int]:
    """The record at the offset, its class, and the offset after it."""
    owner, at = read_name(message, at)
    type, class_, ttl_s, length = _unpack(_RECORD, message, at)
    at += 10
    end = at + length
    if end > len(message):
        raise Malformed("a record that is cut off")
    if ttl_s > 0x7FFFFFFF and type != Type.OPT:
        ttl_s = 0  # RFC 2181 8: the highest bit set means zero
    return Record(owner.lower(), type, ttl_s, _data(message, type, at, end)), class_, end


def opened(reply: Reply) -> Reply:
    """The reply with its records: one that still is an upstream's message is read now."""
    if not reply.message:
        return reply
    message = read_message(reply.message)
    return reply._replace(
        answer=message.answer,
        authority=message.authority,
        additional=message.additional,
        message=b"",
    )


# What RFC 1035 allows to be compressed, and RFC 3597 4 says that receivers must decompress besides:
# bytes before the first name, then so many names, then the rest as it is.
_NAMES = {2: (0, 1), 5: (0, 1), 6: (0, 2), 12: (0, 1), 15: (2, 1), 17: (0, 2), 18: (2, 1)}
_NAMES |= {3: (0, 1), 4: (0, 1), 7: (0, 1), 8: (0, 1), 9: (0, 1), 14: (0, 2)}
_NAMES |= {21: (2, 1), 26: (2, 2), 33: (6, 1), 36: (2, 1), 39: (0, 1)}


def _data(message: bytes, type: int, at: int, end: int) -> bytes:
    shape = _NAMES.get(type)
    if shape is None or at == end:
        return message[at:end]
    before, names = shape
    parts = [message[at : at + before]]
    at += before
    for _ in range(names):
        name, at = read_name(message, at)
        parts.append(name)
    if at > end:
        raise Malformed("a name that goes beyond its record")
    parts.append(message[at:end])
    return b"".join(parts)


def _edns(message: bytes, at: int, others: int, additionals: int) -> Edns | None:
    """What the OPT record among the records behind a question says; all are walked over."""
    if others == 0 and additionals == 1 and message[at : at + 3] == b"\0\0\x29":
        record, class_, at = read_record(message, at)
        return _read_opt(record, class_)
    found = None
    for index in range(others + additionals):
        record, class_, at = read_record(message, at)
        if record.type == Type.OPT:
            if found is not None or index < others:
                raise Malformed("an OPT record too many, or in the wrong section")
            found = _read_opt(record, class_)
    return found


def _read_opt(record: Record, class_: int) -> Edns:
    if record.owner != b"\0":
        raise Malformed("an OPT record that has a name")
    options, data, at = [], record.data, 0
    while at < len(data):
        code, length = _unpack(_TYPE_CLASS, data, at)
        at += 4 + length
        if at > len(data):
            raise Malformed("an EDNS option that is cut off")
        options.append(Option(code, data[at - length : at]))
    flags = record.ttl_s
    return Edns(class_, flags >> 16 & 255, bool(flags & 0x8000), tuple(options))


def _unpack(struct: Struct, data: bytes, at: int) -> tuple[int, ...]:
    if at + struct.size > len(data):
        raise Malformed("a record that is cut off")
    return struct.unpack_from(data, at)
