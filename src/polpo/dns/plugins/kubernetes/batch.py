"""What control tells workers, in messages small enough to be applied between two answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import NamedTuple

import msgspec

from polpo.dns.wire.record import Record

LARGEST = 250  # records: 0.3 ms to apply, with a name each


class Rrs(NamedTuple):
    """All records of a name, without the name: None if there is no such name."""

    owner: bytes
    records: list[tuple[int, int, bytes]] | None


class Batch(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """`clients` are namespaces by the address of a pod, "" for a pod that is gone. `synced`: with
    this, all that there is has been told once."""

    names: list[Rrs] = []
    clients: dict[str, str] = {}
    synced: bool = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)
decode = _decoder.decode


def batches(
    names: Iterable[tuple[bytes, tuple[Record, ...] | None]],
    clients: Mapping[str, str] | None = None,
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
        shown = None if records is None else [(r.type, r.ttl_s, r.data) for r in records]
        piece.append(Rrs(owner, shown))
        size += 1 + len(shown or ())
        if size >= LARGEST:
            yield Batch(piece)
            piece, size = [], 0
    if piece:
        yield Batch(piece)


def _by_clients(clients: Mapping[str, str]) -> Iterator[Batch]:
    items: Iterable[tuple[str, str]] = iter(clients.items())
    while piece := dict(islice(items, LARGEST)):
        yield Batch([], piece)
