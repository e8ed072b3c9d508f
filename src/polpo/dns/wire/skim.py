"""Where the records of a reply lie, for those who change no more than TTLs or their order."""

from __future__ import annotations

import random
import struct
from typing import NamedTuple

OPT = 41
_TTL_BYTES, _HEAD_BYTES = 4, 10
_COUNTS = struct.Struct("!HHH")  # of records in a header, at 6
_TTL = struct.Struct("!L")
HEADER_BYTES = 12
_ADDRESSES = frozenset({1, 28})
_POINTER = 0xC0


class Place(NamedTuple):
    """Of one record: where it begins, its type, where its data begins, and where it ends."""

    start: int
    type: int
    data: int
    end: int


def skim(message: bytes, at: int) -> list[Place] | None:
    """All records of the three sections, the first at `at`. None if they are not just there."""
    if len(message) < HEADER_BYTES:
        return None
    answers, authority, additional = _COUNTS.unpack_from(message, 6)
    places = []
    try:
        for _ in range(answers + authority + additional):
            start = at
            while (length := message[at]) and length < 64:
                at += length + 1
            at += 2 if length else 1  # a pointer ends a name
            data = at + _HEAD_BYTES
            type = message[at] << 8 | message[at + 1]
            at = data + (message[data - 2] << 8 | message[data - 1])
            places.append(Place(start, type, data, at))
    except IndexError:
        return None
    return places if at == len(message) else None


def ttls(message: bytes, places: list[Place]) -> list[int]:
    """Those of all records but OPT, whose TTL is none."""
    return [_TTL.unpack_from(message, data - 6)[0] for _, type, data, _ in places if type != OPT]


def shuffled(message: bytes, places: list[Place]) -> bytes:
    """The addresses of the answer in another order, if they are one behind the other, of one length
    and of one name that is said elsewhere (a pointer): so that no pointer is wrong afterwards."""
    answers = places[: message[6] << 8 | message[7]]
    at = [index for index, place in enumerate(answers) if place.type in _ADDRESSES]
    if len(at) < 2 or at[-1] - at[0] != len(at) - 1:
        return message
    first, last = answers[at[0]], answers[at[-1]]
    pieces = [message[answers[index].start : answers[index].end] for index in at]
    if pieces[0][0] < _POINTER or len({(piece[:2], len(piece)) for piece in pieces}) > 1:
        return message
    random.shuffle(pieces)
    return message[: first.start] + b"".join(pieces) + message[last.end :]


def with_ttl(message: bytes, places: list[Place], ttl_s: int) -> bytes:
    """All records with one TTL."""
    changed, ttl = bytearray(message), ttl_s.to_bytes(_TTL_BYTES, "big")
    for place in places:
        if place.type != OPT:
            changed[place.data - 6 : place.data - 2] = ttl
    return bytes(changed)
