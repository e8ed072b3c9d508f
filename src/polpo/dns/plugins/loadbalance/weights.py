"""Weight files: which address of a name is to be first how often."""

from __future__ import annotations

import random
from collections.abc import Sequence
from ipaddress import ip_address

import msgspec

from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Record

MOST_WEIGHT = 255
UNSAID = 1  # the weight of addresses that the file does not name
Weights = dict[bytes, dict[bytes, int]]  # name, address (its bytes): weight


def read_weights(text: str) -> Weights:
    """Lines of a name, each followed by lines of its addresses and their weights. ValueError says
    which line is wrong."""
    weights: Weights = {}
    of_name: dict[bytes, int] | None = None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        try:
            if len(words) == 1:
                of_name = weights.setdefault(from_text(words[0]), {})
            elif len(words) == 2 and of_name is not None:
                of_name[ip_address(words[0]).packed] = _weight(words[1])
            elif words:
                raise ValueError("a line is a NAME, or ADDRESS WEIGHT below one")
        except ValueError as wrong:
            raise ValueError(f"line {number}: {wrong}") from wrong
    return weights


def to_message(weights: Weights) -> bytes:
    return msgspec.msgpack.encode([(n, list(each.items())) for n, each in weights.items()])


def from_message(message: bytes) -> Weights:
    rows = msgspec.msgpack.decode(message, type=list[tuple[bytes, list[tuple[bytes, int]]]])
    return {name: dict(each) for name, each in rows}


def first_by_weight(records: Sequence[Record], weights: dict[bytes, int]) -> list[Record]:
    """One of them comes first, by chance as their weights say; the others stay in their order."""
    (at,) = random.choices(
        range(len(records)), [weights.get(record.data, UNSAID) for record in records]
    )
    return [records[at], *records[:at], *records[at + 1 :]]


def _weight(word: str) -> int:
    if not word.isdigit() or not 0 < int(word) <= MOST_WEIGHT:
        raise ValueError(f"{word}: a weight is a number from 1 to {MOST_WEIGHT}")
    return int(word)
