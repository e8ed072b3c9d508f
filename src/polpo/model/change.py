"""One object changed by one revision: what was, and what is."""

from typing import Generic, TypeVar

import msgspec

from polpo.model.object import Object

T = TypeVar("T", bound=Object)


class Change(msgspec.Struct, Generic[T], frozen=True):
    """`before` None: made; `after` None: removed."""

    revision: int
    before: T | None
    after: T | None

    @property
    def states(self) -> tuple[T, ...]:
        """What was and what is, as far as there is something."""
        return tuple(state for state in (self.before, self.after) if state is not None)

    @property
    def subject(self) -> T:
        """The object, as it is or last was."""
        subject = self.after if self.after is not None else self.before
        assert subject is not None
        return subject
