"""Writes rows of a table of the switch so that one bad row does not stop the others."""

from collections.abc import Mapping

from polpo.kernel.table import Table
from polpo.runtime import crash


def write_rows(table: Table, entries: Mapping[bytes, bytes]) -> str | None:
    """In bulk; if that is refused one by one. Answers why some are not written, None if all are."""
    crash.point()
    try:
        table.put(entries)
    except OSError:
        return _write_singly(table, entries)
    return None


def _write_singly(table: Table, entries: Mapping[bytes, bytes]) -> str | None:
    """Why the first one failed and how many did; None if all is written."""
    reason, count = "", 0
    for key, value in entries.items():
        try:
            table.put({key: value})
        except OSError as e:
            reason, count = reason or e.strerror or str(e), count + 1
    return f"{reason} ({count} rows)" if count else None
