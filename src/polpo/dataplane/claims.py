"""Table entries with the sources that claim them, so that a source can take its entries back.

Two sources may claim one key: a class that two policies share, or, while a target is half way, an
address that is given from one port to another. The greatest source's value counts, so that the
outcome depends on the sources there are and not on the order in which they came.
"""

from collections.abc import Iterable
from typing import Any

from polpo.dataplane.policies import Entry

Source = tuple[Any, ...]
"""Comparable with the other sources of the same key."""
Key = tuple[str, bytes]
"""table, key"""


class Claims:
    """`full` is table -> key -> value; `touched` the keys that have changed since last taken."""

    def __init__(self, tables: Iterable[str]) -> None:
        self.full: dict[str, dict[bytes, bytes]] = {table: {} for table in tables}
        self.touched: dict[str, set[bytes]] = {table: set() for table in self.full}
        self._made: dict[Source, dict[Key, bytes]] = {}
        self._owner: dict[Key, Source] = {}
        self._contested: dict[Key, dict[Source, bytes]] = {}

    def take_touched(self) -> dict[str, set[bytes]]:
        taken = {table: keys for table, keys in self.touched.items() if keys}
        self.touched = {table: set() for table in self.full}
        return taken

    def put(self, source: Source, entries: Iterable[Entry]) -> None:
        """Replaces all that the source had claimed; no entries take it all back."""
        made = {(table, key): value for table, key, value in entries}
        former = self._made.pop(source, {})
        if made:
            self._made[source] = made
        if former == made:
            return
        for claim in former:
            self._release(source, claim)
        for claim, value in made.items():
            self._claim(source, claim, value)

    def _claim(self, source: Source, claim: Key, value: bytes) -> None:
        table, key = claim
        owner = self._owner.setdefault(claim, source)
        if owner is source:
            self.full[table][key] = value
            self.touched[table].add(key)
        else:
            first = {owner: self.full[table][key]}
            self._contested.setdefault(claim, first)[source] = value
            self._settle(claim)

    def _release(self, source: Source, claim: Key) -> None:
        table, key = claim
        if rivals := self._contested.get(claim):
            del rivals[source]
            self._settle(claim)
        else:
            del self._owner[claim], self.full[table][key]
            self.touched[table].add(key)

    def _settle(self, claim: Key) -> None:
        """The greatest of several claims counts; a single one is contested no more."""
        table, key = claim
        rivals = self._contested[claim]
        owner = self._owner[claim] = max(rivals)
        if self.full[table][key] != rivals[owner]:
            self.full[table][key] = rivals[owner]
            self.touched[table].add(key)
        if len(rivals) == 1:
            del self._contested[claim]
