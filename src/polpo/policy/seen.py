"""What domain names stand for: each address for an hour after it was last in an answer.

Pods keep old answers, and what a policy allows no more is cut, also when it is established.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_network

import structlog

from polpo.model.told import Addresses
from polpo.policy.addresses import domain_of
from polpo.policy.places import PlaceIndex
from polpo.runtime.clock import Clock, monotonic

KEEP_S = 3600.0
MOST = 1000
"""Addresses of one name, or one wildcard: then what was not in an answer for longest goes."""

log = structlog.get_logger()


class Seen:
    """`crowded` are the names that have had more addresses than there is room for."""

    def __init__(self, places: PlaceIndex, clock: Clock = monotonic) -> None:
        self._places, self._clock = places, clock
        self._at_s: dict[str, dict[str, float]] = {}  # last told last
        self.crowded: set[str] = set()

    def adopt(self, books: Iterable[Addresses]) -> None:
        """What was told before we began counts as if it were in answers of now."""
        for book in books:
            name = domain_of(book.key)
            if name in self._places.domains:
                self.tell(name, [str(ip_network(one).network_address) for one in book.addresses])

    def tell(self, name: str, addresses: Iterable[str]) -> bool:
        """These are in an answer. Answers whether the name stands for something else now."""
        now, found = self._clock(), self._at_s.setdefault(name, {})
        for address in addresses:
            found.pop(address, None)
            found[address] = now
        return self._settled(name)

    def drop(self, is_wrong: Callable[[str], bool], name: str) -> bool:
        """What has been there too long, or is wrong."""
        found = self._at_s.get(name, {})
        for address in [address for address in found if is_wrong(address)]:
            del found[address]
        return self._settled(name)

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self._at_s.pop(name, None)
            self.crowded.discard(name)

    def _settled(self, name: str) -> bool:
        now, found = self._clock(), self._at_s.get(name, {})
        for address in [a for a, at_s in found.items() if now - at_s > KEEP_S]:
            del found[address]
        if len(found) > MOST:
            self._crowd(name, found)
        return self._places.resolved(name, frozenset(found))

    def _crowd(self, name: str, found: dict[str, float]) -> None:
        if name not in self.crowded:
            log.warning("a domain of policies has too many addresses", name=name, most=MOST)
            self.crowded.add(name)
        for address in list(found)[: len(found) - MOST]:
            del found[address]
