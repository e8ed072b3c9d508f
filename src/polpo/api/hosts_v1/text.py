"""Rows as the feed's text, in lines of a bounded number of rows."""

from collections.abc import Iterator, Mapping

from polpo.target.rows import AnyRow
from polpo.target.wire import SliceLine, encode_line

ROWS = 1000
"""Most rows of one line: what a reader has to take in at a time."""


def full_text(slice: str, rows: Mapping[str, AnyRow]) -> list[bytes]:
    """The slice from its beginning; at least one line, also for a slice without rows."""
    values = list(rows.values())
    starts = range(0, len(values) or 1, ROWS)
    return [
        encode_line(SliceLine(slice, full=start == 0, rows=tuple(values[start : start + ROWS])))
        for start in starts
    ]


def changed_text(slice: str, changes: Mapping[str, AnyRow | None]) -> bytes:
    """What changed in the slice."""
    put = [row for row in changes.values() if row is not None]
    gone = [key for key, row in changes.items() if row is None]
    return b"".join(_lines(slice, put, gone))


def dropped_text(slice: str) -> bytes:
    return encode_line(SliceLine(slice, dropped=True))


def _lines(slice: str, put: list[AnyRow], gone: list[str]) -> Iterator[bytes]:
    for start in range(0, len(put), ROWS):
        yield encode_line(SliceLine(slice, rows=tuple(put[start : start + ROWS])))
    if gone:
        yield encode_line(SliceLine(slice, gone=tuple(gone)))
