"""The target on disk: the feed's own lines, appended; rewritten as a snapshot when it is long.

A batch counts when its `revision` line is whole, so a torn tail is no harm. Appends are not
synced: after a power cut the file is older, and the feed says the rest again.
"""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import msgspec
import structlog

from polpo.agent.target import Target
from polpo.runtime import crash
from polpo.runtime.files import replace_file
from polpo.target import wire
from polpo.target.rows import AnyRow, Slices

ROWS_PER_LINE = 500
SMALLEST_BYTES = 64 * 1024  # below this nothing is worth rewriting


class TargetFile:
    """`trouble` says why the file is behind the target, None if it is not.

    After a failed append nothing more is appended: the next attempt rewrites the whole.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size_bytes = self._snapshot_bytes = 0
        self.trouble: str | None = None
        self.errors = 0
        self._log = structlog.get_logger("polpo.agent")

    def load(self, target: Target) -> None:
        """Replay what was recorded, up to the last whole batch, and cut off the rest."""
        try:
            with self._path.open("rb") as file:
                self._size_bytes = replay(file.read(), target)
        except FileNotFoundError:
            return
        os.truncate(self._path, self._size_bytes)

    def append(self, batch: bytes, target: Target) -> None:
        """Record the batch that brought `target` where it is. A full disk is `trouble` only."""
        try:
            if self.trouble or self._size_bytes + len(batch) > self._limit():
                self._compact(target)
            else:
                self._append(batch)
            self.trouble = None
        except OSError as e:
            self._fail(e)

    def _fail(self, e: OSError) -> None:
        self.errors += 1
        if self.trouble is None:
            self._log.error("target not on disk, going on in memory", reason=str(e))
        self.trouble = f"{self._path}: {e.strerror}"

    def _limit(self) -> int:
        return max(2 * self._snapshot_bytes, SMALLEST_BYTES)

    def _append(self, batch: bytes) -> None:
        crash.point()
        handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            written = os.write(handle, batch)
        finally:
            os.close(handle)
        if written < len(batch):
            raise OSError(28, "no space left for the whole batch")
        self._size_bytes += written

    def _compact(self, target: Target) -> None:
        content = b"".join(snapshot(target.slices, target.revision))
        replace_file(self._path, content)
        self._size_bytes = self._snapshot_bytes = len(content)


def snapshot(slices: Slices, revision: int) -> Iterator[bytes]:
    """The least lines that say the whole target."""
    for name in sorted(slices):
        for i, rows in enumerate(_pieces(slices[name])):
            yield wire.encode_line(wire.SliceLine(slice=name, full=i == 0, rows=rows))
    yield wire.encode_line(wire.RevisionLine(revision))


def _pieces(rows: dict[str, AnyRow]) -> Iterator[tuple[AnyRow, ...]]:
    """At least one, if only an empty one: an empty slice is a fact, too."""
    values = iter(rows.values())
    yield tuple(islice(values, ROWS_PER_LINE))
    while piece := tuple(islice(values, ROWS_PER_LINE)):
        yield piece


def replay(content: bytes, target: Target) -> int:
    """Bring `target` where the lines say; answers where the last whole batch ends."""
    end = start = 0
    while (newline := content.find(b"\n", start)) >= 0:
        try:
            line = wire.decode_line(content[start:newline])
        except msgspec.MsgspecError:
            break
        start = newline + 1
        if target.hear(line) is not None:
            end = start
    target.forget_half_said()
    return end
