"""What the network has been told of address groups, and what is to be told next."""

from __future__ import annotations

from collections.abc import Iterable

from polpo.model.told import Addresses
from polpo.policy.places import PlaceIndex


class TellingAddresses:
    def __init__(self, places: PlaceIndex, told: Iterable[Addresses]) -> None:
        self._places = places
        self._told = {book.key: book for book in told}
        places.touched |= self._told.keys()  # of some nothing may be left

    @property
    def is_done(self) -> bool:
        return not self._places.touched

    def new(self, room: int) -> list[Addresses]:
        """What differs; of groups that no rule names any more nothing yet."""
        new: list[Addresses] = []
        for key in sorted(self._places.touched):
            if len(new) >= room:
                break
            found = self._places.get(key)
            if found is not None:
                self._places.touched.discard(key)
                if self._told.get(key) != found:
                    new.append(found)
        return new

    def gone(self, room: int) -> tuple[str, ...]:
        """To be asked when no rule names them any more, and nothing else is new."""
        gone: list[str] = []
        for key in sorted(self._places.touched):
            if len(gone) >= room:
                break
            self._places.touched.discard(key)
            if key in self._told:
                gone.append(key)
        return tuple(gone)

    def told(self, new: Iterable[Addresses], gone: Iterable[str]) -> None:
        self._told |= {book.key: book for book in new}
        for key in gone:
            del self._told[key]

    def compare(self, has: Iterable[Addresses]) -> set[str]:
        """With what the network has: somebody has changed those that are answered."""
        found = {book.key: book for book in has}
        keys = found.keys() | self._told.keys()
        changed = {key for key in keys if found.get(key) != self._told.get(key)}
        self._told = found
        self._places.touched |= changed
        return changed
