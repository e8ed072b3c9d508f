"""The target's rows of one kind, found without a look at all the others of a large slice."""

from collections.abc import Collection, Mapping
from typing import Generic, TypeVar

from polpo.target.row import Row
from polpo.target.rows import AnyRow
from polpo.target.wire import Line

R = TypeVar("R", bound=Row)


class Kept(Generic[R]):
    """Hears every line that is applied to the target; holds the rows of `kind` by slice and key."""

    def __init__(self, kind: type[R]) -> None:
        self._kind = kind
        self._rows: dict[str, dict[str, R]] = {}

    def hear(self, line: Line) -> None:
        if line.slice is None:
            return
        if line.full or line.dropped:
            self._rows.pop(line.slice, None)
        rows = self._rows.get(line.slice, {})
        for key in line.gone:
            rows.pop(key, None)
        rows |= self._of_kind(line.rows)
        if rows:
            self._rows[line.slice] = rows

    def get(self, slice: str, key: str) -> R | None:
        return self._rows.get(slice, {}).get(key)

    def of(self, slice: str) -> Collection[R]:
        """Those of one slice."""
        return self._rows.get(slice, {}).values()

    def all(self) -> Collection[R]:
        return [row for rows in self._rows.values() for row in rows.values()]

    def _of_kind(self, rows: Collection[AnyRow]) -> Mapping[str, R]:
        return {row.key: row for row in rows if isinstance(row, self._kind)}
