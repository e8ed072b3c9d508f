"""Services that want one place: the same port of the same outer address, or of the hosts. Pure.

The API server sees that ClusterIPs and node ports are nobody else's, but `externalIPs` are written
by users. One has a place: whose ClusterIP it is, else who was made first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from polpo.model.service import ServicePort
from polpo.model.told import ToldService


class Place(NamedTuple):
    """`address` is "" for every host's own."""

    address: str
    protocol: str
    port: int

    def __str__(self) -> str:
        at = f"{self.address} " if self.address else "node "
        return f"{at}port {self.port}/{self.protocol.upper()}"


class Rank(NamedTuple):
    """The least has the place."""

    is_outer: bool
    since: str
    name: str


def places_of(found: ToldService, since: str) -> dict[Place, Rank]:
    """All that it wants; `since` is when it was made, as the API server writes it."""
    outer, own = Rank(True, since, found.name), Rank(False, since, found.name)
    places: dict[Place, Rank] = {}
    for port in found.ports:
        where = port.protocol, port.port
        places |= {Place(address, *where): outer for address in _outer(found)}
        places |= {Place(address, *where): own for address in found.addresses}
        if port.node_port:
            places[Place("", port.protocol, port.node_port)] = outer
    return places


def without(found: ToldService, lost: dict[Place, str]) -> ToldService:
    """The Service as it is without the places that others have."""
    if not lost:
        return found
    ports = tuple(_without(found, port, lost) for port in found.ports)
    return msgspec.structs.replace(found, ports=ports)


def _without(found: ToldService, port: ServicePort, lost: dict[Place, str]) -> ServicePort:
    at = port.protocol, port.port
    others = tuple(address for address in _outer(found) if Place(address, *at) in lost)
    is_lost = Place("", port.protocol, port.node_port) in lost
    node_port = 0 if is_lost else port.node_port
    return msgspec.structs.replace(port, node_port=node_port, without=others)


def _outer(found: ToldService) -> Iterator[str]:
    yield from sorted({*found.external, *found.balanced} - {*found.addresses})


class Clashes:
    """Who wants what, by the keys of Services."""

    def __init__(self) -> None:
        self._wanted: dict[str, dict[Place, Rank]] = {}
        self._rivals: defaultdict[Place, dict[Rank, str]] = defaultdict(dict)

    def put(self, key: str, places: dict[Place, Rank]) -> set[str]:
        """What one wants now. Others of whom something may be different by that."""
        before = self._wanted.pop(key, {})
        for place in before:
            if places.get(place) != before[place]:
                del self._rivals[place][before[place]]
        if places:
            self._wanted[key] = places
        touched: set[str] = set()
        for place in before.keys() | places.keys():
            if before.get(place) != places.get(place):
                touched.update(self._rivals[place].values())
                if place in places:
                    self._rivals[place][places[place]] = key
                elif not self._rivals[place]:
                    del self._rivals[place]
        return touched

    def lost(self, key: str) -> dict[Place, str]:
        """The outer places that others have, and who."""
        outer = (place for place, rank in self._wanted.get(key, {}).items() if rank.is_outer)
        holders = {place: rivals[min(rivals)] for place in outer if (rivals := self._rivals[place])}
        return {place: holder for place, holder in holders.items() if holder != key}
