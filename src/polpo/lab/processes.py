"""The lab's programs: apart from the terminal, known by pid and start time, never guessed."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec


class Started(msgspec.Struct, frozen=True):
    """`start` is the process's start time in clock ticks: a pid alone may be another's by now."""

    pid: int
    start: int


class Processes:
    """One file a process in `folder`, and its output beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def ensure(self, name: str, command: Sequence[str]) -> bool:
        """Start it unless it runs; says whether it had to."""
        if self.pid(name) is not None:
            return False
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        started = Started(process.pid, _start_time(process.pid) or 0)
        self._file(name).write_bytes(msgspec.json.encode(started))
        return True

    def pid(self, name: str) -> int | None:
        """The pid of a process of ours that still runs."""
        try:
            started = msgspec.json.decode(self._file(name).read_bytes(), type=Started)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        return started.pid if _start_time(started.pid) == started.start else None

    def names(self) -> list[str]:
        return sorted(path.stem for path in self._folder.glob("*.pid"))

    def kill(self, name: str) -> None:
        """kill -9: what the checks do to see that nobody notices."""
        if (pid := self.pid(name)) is not None:
            os.kill(pid, signal.SIGKILL)
            _wait_gone(pid, 5)

    def stop(self, name: str, patience_s: float = 10) -> None:
        """SIGTERM, and SIGKILL for one that does not hear."""
        if (pid := self.pid(name)) is not None:
            os.kill(pid, signal.SIGTERM)
            if not _wait_gone(pid, patience_s):
                os.kill(pid, signal.SIGKILL)
                _wait_gone(pid, patience_s)
        self._file(name).unlink(missing_ok=True)

    def log(self, name: str) -> str:
        """The end of what it printed, for an error message."""
        path = self._folder / f"{name}.log"
        return (
            "\n".join(path.read_text(errors="replace").splitlines()[-15:]) if path.exists() else ""
        )

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.pid"


def _start_time(pid: int) -> int | None:
    """Field 22 of /proc/<pid>/stat; None if there is no such process, or only its corpse."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else int(fields[19])


def _wait_gone(pid: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while _start_time(pid) is not None:
        if time.monotonic() > deadline:
            return False
        _reap(pid)
        time.sleep(0.02)
    return True


def _reap(pid: int) -> None:
    """A child of ours that has ended stays a corpse until it is asked for."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
