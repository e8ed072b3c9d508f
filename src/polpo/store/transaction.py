"""One request's writes: checked against the newest state, all of them or none."""

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from polpo.model.change import Change
from polpo.model.object import Object
from polpo.model.snapshot import Snapshot
from polpo.store.errors import Missing, Taken

T = TypeVar("T", bound=Object)


class Transaction:
    """What a writing function is given. Reads see what it has itself written.

    `revision` is the revision that the transaction makes if it changes anything.
    `now` is the time of the transaction, `2026-11-23T20:00:00Z`.
    Writers run one after another: what is read here cannot change before it is committed.
    """

    def __init__(self, snapshot: Snapshot, revision: int, now: str) -> None:
        self.snapshot = snapshot
        self.revision = revision
        self.now = now
        self._changed: dict[tuple[str, str], Change[Any]] = {}

    def put(self, obj: T) -> T:
        """Make or replace an object; answers with it as stored. Raises Taken."""
        before = self.snapshot.get(type(obj), obj.id)
        stored = msgspec.structs.replace(
            obj,
            revision=self.revision,
            revision_number=before.revision_number + 1 if before else 0,
            created_at=before.created_at if before else self.now,
            updated_at=self.now,
        )
        self._check_claims(stored)
        self.snapshot = self.snapshot.put(stored)
        self._note(before, stored)
        return stored

    def remove(self, obj: Object) -> None:
        """Raises Missing if it is not there."""
        before = self.snapshot.get(type(obj), obj.id)
        if before is None:
            raise Missing(obj.kind, obj.id)
        self.snapshot = self.snapshot.remove(before)
        self._note(before, None)

    def changes(self) -> list[Change[Any]]:
        """One for each object, however often it was written; none for what came and went."""
        return [c for c in self._changed.values() if c.before is not None or c.after is not None]

    def _check_claims(self, obj: Object) -> None:
        for scope, key in obj.claims():
            holder = self.snapshot.holder(scope, key)
            if holder is not None and holder != obj.id:
                raise Taken(scope, key, holder)

    def _note(self, before: Object | None, after: Object | None) -> None:
        subject = after if after is not None else before
        assert subject is not None
        key = (subject.kind, subject.id)
        if key in self._changed:
            before = self._changed[key].before
        self._changed[key] = Change(revision=self.revision, before=before, after=after)


def replay(snapshot: Snapshot, changes: Iterable[Change[Any]]) -> Snapshot:
    """The snapshot after the changes, called by the revision of the last of them."""
    revision = snapshot.revision
    for change in changes:
        after = change.after
        snapshot = snapshot.put(after) if after is not None else snapshot.remove(change.subject)
        revision = change.revision
    return snapshot.at(revision)
