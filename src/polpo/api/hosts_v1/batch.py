"""Batches: the target from one revision to a later one, encoded once for all streams.

They form a chain. A stream stands on one and goes on to the newest, whatever its own speed; so
a slow stream needs no queue. Batches that fall out of the log are `lost`: a stream that still
stands on one is cut, and begins again from the revision it has.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from polpo.api.hosts_v1.text import changed_text
from polpo.compiler.changes import slice_changes
from polpo.compiler.view import View
from polpo.model.change import Change

LOG_BYTES = 64 << 20
LOG_BATCHES = 1000
"""How far a stream can fall behind: what the log takes in memory at most."""


class Batch:
    """`view` is the state after it, `texts` the lines of the slices that it changes."""

    __slots__ = ("lost", "next", "rows", "texts", "view")

    def __init__(self, view: View, texts: dict[str, bytes], rows: int = 0) -> None:
        self.view, self.texts, self.rows = view, texts, rows
        self.next: Batch | None = None
        self.lost = False

    @property
    def revision(self) -> int:
        return self.view.snapshot.revision

    @property
    def size(self) -> int:
        return sum(map(len, self.texts.values()))

    def later(self) -> Iterator["Batch"]:
        """The batches after this one, oldest first."""
        batch = self.next
        while batch is not None:
            yield batch
            batch = batch.next


def compile_batch(before: View, after: View, changes: Sequence[Change[Any]]) -> Batch:
    """Pure, and the larger part of the feed's work: it may run in a thread."""
    found = slice_changes(before, after, changes)
    texts = {slice: changed_text(slice, rows) for slice, rows in found.items()}
    return Batch(after, texts, sum(map(len, found.values())))


class Log:
    """The newest batches, bounded in number and size; never empty."""

    def __init__(self, first: Batch) -> None:
        self._batches: deque[Batch] = deque([first])
        self._by_revision = {first.revision: first}
        self._size = first.size

    @property
    def head(self) -> Batch:
        return self._batches[-1]

    def at(self, revision: int) -> Batch | None:
        """The batch that ends at this very revision."""
        return self._by_revision.get(revision)

    def append(self, batch: Batch) -> None:
        self.head.next = batch
        self._batches.append(batch)
        self._by_revision[batch.revision] = batch
        self._size += batch.size
        while self._is_full() and len(self._batches) > 1:
            self._lose_oldest()

    def restart(self, first: Batch) -> None:
        """Lose all but `first`: it is not known what lies between the head and it."""
        self.append(first)
        while len(self._batches) > 1:
            self._lose_oldest()

    def _is_full(self) -> bool:
        return len(self._batches) > LOG_BATCHES or self._size > LOG_BYTES

    def _lose_oldest(self) -> None:
        batch = self._batches.popleft()
        batch.lost, batch.next = True, None
        self._size -= batch.size
        self._by_revision.pop(batch.revision, None)
