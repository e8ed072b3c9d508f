"""What was answered, as bytes: a bounded table in two generations.

The key is the query after its ID, so that the asker's case, EDNS and flags are part of it. When the
younger generation is full, it becomes the older one, whose entries are lost unless they are asked
for in time. So no storm of names makes the table grow, and what is asked often stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

FOREVER = float("inf")


class Terms(NamedTuple):
    """What an answer has that is not the same for ever: it ends (monotonic seconds), or has
    variants that are used in turn, or is too long for the place of a datagram's question."""

    ends: float = FOREVER
    variants: tuple[bytes, ...] = ()
    is_long: bool = False

    def is_for_others(self, now: float) -> bool:
        """Not for who answers datagrams in place."""
        return self.is_long or self.ends <= now

    def body(self, body: bytes, turn: int) -> bytes:
        variants = self.variants
        return variants[turn % len(variants)] if variants else body


# Wire after the ID; the slot of the metrics; what is special about it, mostly nothing, so that hot
# code has one thing to look at; the name that it is about, or several. A plain tuple: it is taken
# apart with each query.
Kept = tuple[bytes, int, Terms | None, bytes | tuple[bytes, ...]]
About = dict[bytes, bytes | set[bytes]]  # a name: the key about it, or several
MOST = 10_000  # entries of one generation, as many as CoreDNS's cache keeps of a kind


class Table:
    """Hot code looks into `young` itself."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self.young: dict[bytes, Kept] = {}
        self._old: dict[bytes, Kept] = {}
        self._young_about: About = {}
        self._old_about: About = {}

    def __len__(self) -> int:
        return len(self.young) + len(self._old)

    def find(self, key: bytes, now: float) -> Kept | None:
        """The entry if it is there and still true; one of the older generation becomes young."""
        kept = self.young.get(key)
        if kept is None:
            kept = self._old.pop(key, None)
            if kept is None or has_ended(kept, now):
                return None
            self._insert(key, kept)
        return None if has_ended(kept, now) else kept

    def keep(self, key: bytes, kept: Kept) -> None:
        if len(self.young) >= self._most:
            self._old, self._old_about = self.young, self._young_about
            self.young, self._young_about = {}, {}
        self._insert(key, kept)

    def _insert(self, key: bytes, kept: Kept) -> None:
        self.young[key] = kept
        about = kept[3]
        for name in (about,) if isinstance(about, bytes) else about:
            keys = self._young_about.get(name)
            if keys is None:
                self._young_about[name] = key
            elif isinstance(keys, set):
                keys.add(key)
            elif keys != key:
                self._young_about[name] = {keys, key}

    def forget(self, names: Iterable[bytes]) -> None:
        """Something of these names has changed."""
        for name in names:
            for entries, about in ((self.young, self._young_about), (self._old, self._old_about)):
                keys = about.pop(name, ())
                for key in (keys,) if isinstance(keys, bytes) else keys:
                    entries.pop(key, None)

    def clear(self) -> None:
        self.young, self._old = {}, {}
        self._young_about, self._old_about = {}, {}


def has_ended(kept: Kept, now: float) -> bool:
    terms = kept[2]
    return terms is not None and terms.ends <= now
