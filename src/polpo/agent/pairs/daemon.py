"""What reconcilers of daemons share: one is started with a log, and not in haste; and files."""

import os
import subprocess
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from polpo.kernel import processes
from polpo.runtime.clock import Clock

HASTY_S = 1.0  # one that ends sooner after its start than this is not started again at once
LOG_BYTES = 1 << 20


class Group(Protocol):
    """Of an instance's processes."""

    def entrance(self, vni: int) -> Path | None:
        """For one that begins; None if there is none."""

    def members(self, vni: int) -> Iterable[int]:
        """Pids, and of whom can't be told apart."""


class Everybody:
    """Where instances have no groups."""

    def entrance(self, vni: int) -> Path | None:
        return None

    def members(self, vni: int) -> Iterable[int]:
        return processes.everybody()


class Starts:
    """`at`: when each was started last, by us."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.at: dict[int, float] = {}

    def check(self, vni: int, words: Callable[[], str]) -> None:
        """ChildProcessError, with what it said, if it has just been started."""
        now = self._clock()
        if now - self.at.get(vni, now - HASTY_S) < HASTY_S:
            raise ChildProcessError(10, f"ended right after its start: {words()}")
        self.at[vni] = now

    def start(
        self, netns: str, command: Sequence[str], log: Path, entrance: Path | None
    ) -> "subprocess.Popen[bytes]":
        """In its directory, which is the log's; in the group behind `entrance`."""
        if log.exists() and log.stat().st_size > LOG_BYTES:
            log.unlink()
        return processes.start(netns, command, log, log.parent, entrance)


class Texts:
    """Of small files, read anew only where the file is another one or has been written to."""

    def __init__(self) -> None:
        self._read: dict[str, tuple[tuple[int, ...], str]] = {}

    def read(self, place: Path, name: str) -> str | None:
        """None if it can't be read. (Joined as text: pathlib takes longer than the kernel.)"""
        path = f"{place}/{name}"
        try:
            found = os.stat(path)
            mark = (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size)
            before = self._read.get(path)
            if before is None or before[0] != mark:
                before = self._read[path] = mark, Path(path).read_text()
        except OSError:
            self._read.pop(path, None)
            return None
        return before[1]

    def forget(self, directory: Path) -> None:
        """It has been removed."""
        within = f"{directory}/"
        self._read = {path: x for path, x in self._read.items() if not path.startswith(within)}


def numbers(directory: Path) -> list[int]:
    """Of the instances that have a directory in it."""
    try:
        return [int(name) for name in os.listdir(directory) if name.isdecimal()]
    except FileNotFoundError:
        return []


class Places(dict[int, Path]):
    """Instances' directories, each joined once."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory

    def __missing__(self, vni: int) -> Path:
        place = self[vni] = self._directory / str(vni)
        return place


def text(path: Path) -> str | None:
    """None if it can't be read."""
    try:
        return path.read_text()
    except OSError:
        return None


def last_line(path: Path) -> str:
    lines = (text(path) or "").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
