"""What control and workers say to each other about addresses under wildcards."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

Pair = tuple[bytes, bytes]
"""What is below this name (wire form, lower-case) has this address (as in a record)."""


class Wanted(msgspec.Struct, frozen=True, array_like=True, tag="w"):
    """Names below these are told of. `holds`: answers are to wait; else nobody would be waited
    for."""

    names: tuple[bytes, ...]
    holds: bool


class Known(msgspec.Struct, frozen=True, array_like=True, tag="k"):
    """These are told; `holds`: and hosts have them, so that answers may wait again."""

    pairs: tuple[Pair, ...]
    holds: bool = True


_encode = msgspec.msgpack.encode
_words: msgspec.msgpack.Decoder[Wanted | Known] = msgspec.msgpack.Decoder(Wanted | Known)
_pairs = msgspec.msgpack.Decoder(list[Pair])


def written(words: Wanted | Known) -> bytes:
    """By control."""
    return _encode(words)


def read(message: bytes) -> Wanted | Known:
    return _words.decode(message)


def written_pairs(pairs: Iterable[Pair]) -> bytes:
    """By a worker, to be told."""
    return _encode(list(pairs))


def read_pairs(message: bytes) -> list[Pair]:
    return _pairs.decode(message)
