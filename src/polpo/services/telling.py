"""What the network has been told, and what is to be told next."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from polpo.model.told import ToldService
from polpo.services.index import Index

MOST = 500
"""Services in one request."""


class Batch(msgspec.Struct, frozen=True):
    """The body of a POST: Services that are new or different, and ids of those that are gone."""

    put: tuple[ToldService, ...] = ()
    remove: tuple[str, ...] = ()


class Telling:
    """`told` is by id, as the network's API says it; keys are the index's."""

    def __init__(self, index: Index, told: Iterable[ToldService]) -> None:
        self._index = index
        self._told = {one.id: one for one in told}
        self._ids: dict[str, set[str]] = {}
        for one in self._told.values():
            self._ids.setdefault(one.name, set()).add(one.id)
        index.touched |= self._ids.keys()  # of some nothing may be left

    def next(self) -> Batch:
        """What differs, or some of it; empty if nothing does. It is to be told before the next."""
        put: list[ToldService] = []
        remove: list[str] = []
        settled: set[str] = set()
        for key in sorted(self._index.touched):
            if len(put) + len(remove) >= MOST:
                break
            settled.add(key)
            found = self._index.wanted(key)
            ids = {found.id} if found is not None else set()
            remove += sorted(self._ids.get(key, set()) - ids)
            if found is not None and self._told.get(found.id) != found:
                put.append(found)
        self._index.touched -= settled  # what comes while this is told touches them anew
        return Batch(tuple(put), tuple(remove))

    def told(self, batch: Batch) -> None:
        """The network has it, or has said why it does not take it: it will not be asked again."""
        for id in batch.remove:
            gone = self._told.pop(id)
            self._ids[gone.name].discard(id)
        for one in batch.put:
            self._told[one.id] = one
            self._ids.setdefault(one.name, set()).add(one.id)


def read(body: Any) -> list[ToldService]:
    """What `GET /v1/clusters/{cluster}/services` has answered."""
    return msgspec.convert(body["services"], list[ToldService])
