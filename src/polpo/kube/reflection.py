"""The heart of a reflector, without I/O: what to ask next, and what has changed by an answer.

A list comes in pages and says how the world was at one revision; a watch tells what has happened
since. When the API server no longer knows that revision (410), the list is asked for anew, and
what has vanished meanwhile is found by comparing. What was known stays known until the server
says otherwise: an API that is away takes nothing away.

Pages are of the newest state (no resourceVersion), so that a server that is behind another one
cannot take us back in time; Kubernetes from 1.31 answers that from its watch cache.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from polpo.kube.backoff import Backoff
from polpo.kube.objects import Page
from polpo.kube.resources import Object, key

PAGE = 1000  # objects: about a megabyte of Services, 2 ms to decode
SHORT_S = 1.0  # a watch that ends sooner and says nothing is a failure
GONE = 410

T = TypeVar("T", bound=Object)


class List(NamedTuple):
    """Ask for a page; `limit` 0 is all at once."""

    continue_: str
    limit: int


class Watch(NamedTuple):
    """Ask for what comes after a revision."""

    revision: str


class Change(NamedTuple, Generic[T]):
    """`object` as it is now, None when there is none any more."""

    key: str
    object: T | None


class Event(NamedTuple, Generic[T]):
    """A line of a watch: ADDED, MODIFIED, DELETED, or BOOKMARK, which is only a revision."""

    type: str
    object: T


class Reflection(Generic[T]):
    """`known` is all that there is: which revision of each object we have passed on."""

    def __init__(self, backoff: Backoff | None = None, page: int = PAGE) -> None:
        self.known: dict[str, str] = {}
        self.synced = False
        self._backoff = backoff or Backoff()
        self._page = page
        self._revision = ""  # to watch from; "" when a list is due
        self._continue = ""
        self._whole = False  # a list in pages took longer than the server remembers
        self._listed: set[str] = set()

    def ask(self) -> List | Watch:
        """What is due."""
        if self._revision:
            return Watch(self._revision)
        return List(self._continue, 0 if self._whole else self._page)

    def page(self, page: Page[T]) -> list[Change[T]]:
        """One has come. Objects of a revision that is known are not passed on again."""
        self._backoff.reset()
        changes: list[Change[T]] = []
        for item in page.items or ():
            name = key(item.metadata)
            self._listed.add(name)
            if self.known.get(name) != item.metadata.resource_version:
                self.known[name] = item.metadata.resource_version
                changes.append(Change(name, item))
        self._continue = page.metadata.continue_
        if not self._continue:
            changes += self._vanished()
            self._revision = page.metadata.resource_version
            self._restart_list()
            self.synced, self._whole = True, False
        return changes

    def events(self, events: Iterable[Event[T]]) -> list[Change[T]]:
        """Some have come."""
        changes: list[Change[T]] = []
        for event in events:
            self._backoff.reset()
            meta = event.object.metadata
            self._revision = meta.resource_version or self._revision
            if event.type == "BOOKMARK":
                continue
            name = key(meta)
            if event.type == "DELETED":
                if self.known.pop(name, None) is not None:
                    changes.append(Change(name, None))
            elif self.known.get(name) != meta.resource_version:
                self.known[name] = meta.resource_version
                changes.append(Change(name, event.object))
        return changes

    def ended(self, lasted_s: float, events: int) -> float:
        """A watch has, without an error; answers how long to wait, in seconds."""
        if lasted_s < SHORT_S and not events:
            return self._backoff.wait_s()
        return 0.0

    def failed(self, status: int, retry_after_s: float = 0.0) -> float:
        """What was asked has; `status` is HTTP's or an ERROR event's, 0 when nobody answered."""
        listing = not self._revision
        if status == GONE:
            if listing and self._continue:
                self._whole = True
            self._revision = ""
            self._restart_list()
            return 0.0 if not listing or self._whole else self._backoff.wait_s()
        if listing:
            self._restart_list()  # a continued list begun before may be older than what comes next
        elif status:
            self._revision = ""  # the server answers, but not to this
        return max(self._backoff.wait_s(), retry_after_s)

    def _restart_list(self) -> None:
        self._continue = ""
        self._listed = set()

    def _vanished(self) -> list[Change[T]]:
        """Known, and not in the list that is now whole."""
        gone = self.known.keys() - self._listed
        for name in gone:
            del self.known[name]
        return [Change(name, None) for name in sorted(gone)]
