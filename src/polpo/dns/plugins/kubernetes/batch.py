"""What control tells workers, in messages small enough to be applied between two answers."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import NamedTuple

import msgspec

from polpo.dns.wire.record import Record

LARGEST = 250  # records: 0.3 ms to apply, with a name each


class Rrs(NamedTuple):
    """All records of a name, packed: None if there is no such name."""

    owner: bytes
    packed: bytes | None


class Client(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """A pod that may ask. Its labels are told only where somebody can ask for them."""

    namespace: str
    pod: str
    labels: dict[str, str] = {}


Clients = Mapping[str, Client | None]  # by address; None for a pod that is gone


class Batch(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """`synced`: with this, all that there is has been told once."""

    names: list[Rrs] = []
    clients: dict[str, Client | None] = {}
    synced: bool = False


_HEAD = struct.Struct("!HIH")


def pack(records: Iterable[Record]) -> bytes:
    """Type, TTL, length and data of each, without the owner: a third of what objects take, and a
    worker has as many as there are names."""
    return b"".join([_HEAD.pack(r.type, r.ttl_s, len(r.data)) + r.data for r in records])


def unpack(owner: bytes, packed: bytes, type: int = 0) -> tuple[Record, ...]:
    """The records of a name; only those of a type if one is given."""
    found: list[Record] = []
    at, end = 0, len(packed)
    while at < end:
        kind, ttl_s, length = _HEAD.unpack_from(packed, at)
        at += 8 + length
        if not type or kind == type:
            found.append(Record(owner, kind, ttl_s, packed[at - length : at]))
    return tuple(found)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)
decode = _decoder.decode


def batches(
    names: Iterable[tuple[bytes, tuple[Record, ...] | None]],
    clients: Clients | None = None,
    *,
    synced: bool = False,
) -> Iterator[bytes]:
    """Changes as messages, in order; the last one says `synced`. None for no changes."""
    last: Batch | None = None
    for piece in chain(_by_names(names), _by_clients(clients or {})):
        if last is not None:
            yield _encoder.encode(last)
        last = piece
    if synced:
        last = Batch(last.names, last.clients, True) if last is not None else Batch(synced=True)
    if last is not None:
        yield _encoder.encode(last)


def _by_names(names: Iterable[tuple[bytes, tuple[Record, ...] | None]]) -> Iterator[Batch]:
    piece: list[Rrs] = []
    size = 0
    for owner, records in names:
        piece.append(Rrs(owner, None if records is None else pack(records)))
        size += 1 + len(records or ())
        if size >= LARGEST:
            yield Batch(piece)
            piece, size = [], 0
    if piece:
        yield Batch(piece)


def _by_clients(clients: Clients) -> Iterator[Batch]:
    items = iter(clients.items())
    while piece := dict(islice(items, LARGEST)):
        yield Batch([], piece)
