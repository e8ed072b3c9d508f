"""Groups of processes that may have so much memory together, and no more (cgroups(7)).

With cgroup v2 they are in `polpo/` at the top of the hierarchy: below the agent's own group they
can't be, because a group that divides memory among others has no processes of its own. With v1
there is no such rule, and they are below the agent's own, so that what limits it limits them.
"""

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

from polpo.runtime import crash

PARENT = "polpo"
ENTRANCE = "cgroup.procs"
MOST_BYTES = 1 << 16
UNIT_BYTES = 4096  # the kernel rounds down to pages


class Groups(NamedTuple):
    """`at`: the directory that has them; `limit`: the file in each that says how much."""

    at: Path
    limit: str

    def names(self) -> list[str]:
        """Of all, also of others' that are beside ours."""
        found = self.at.iterdir() if self.at.is_dir() else ()
        return [path.name for path in found if path.is_dir()]

    def limit_bytes(self, name: str) -> int | None:
        """None if there is no such group, or it has no limit."""
        try:
            return int(_read(f"{self.at}/{name}/{self.limit}"))
        except (OSError, ValueError):
            return None

    def members(self, name: str) -> frozenset[int]:
        """Pids. Of another PID namespace's processes, which are seen as 0, none."""
        try:
            return frozenset(map(int, _read(f"{self.at}/{name}/{ENTRANCE}").split())) - {0}
        except OSError:
            return frozenset()

    def entrance(self, name: str) -> Path:
        """The file by which processes come in: each with its pid."""
        return self.at / name / ENTRANCE

    def put(self, name: str, limit_bytes: int) -> None:
        """Make it, with this limit."""
        crash.point()
        path = self.at / name
        path.mkdir(parents=True, exist_ok=True)
        if not (path / self.limit).exists():
            for above in (self.at.parent, self.at):
                (above / "cgroup.subtree_control").write_text("+memory")
        (path / self.limit).write_text(str(limit_bytes))
        swap = path / "memory.swap.max"
        if swap.exists():  # what does not fit is not to be the host's disk's work
            swap.write_text("0")

    def admit(self, name: str, pid: int) -> None:
        """No-op if it has ended."""
        crash.point()
        with contextlib.suppress(ProcessLookupError):
            self.entrance(name).write_text(str(pid))

    def remove(self, name: str) -> None:
        """OSError (EBUSY) while a process is in it; no-op if there is none."""
        crash.point()
        with contextlib.suppress(FileNotFoundError):
            (self.at / name).rmdir()

    def kill(self, name: str) -> None:
        """All that is in it."""
        for pid in self.members(name):
            crash.point()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end(self, name: str, within_s: float) -> None:
        """With all that is in it. What has been killed still counts for a moment."""
        until = time.monotonic() + within_s
        while True:
            self.kill(name)
            try:
                return self.remove(name)
            except OSError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.01)


def whole(limit_bytes: int) -> int:
    """As the kernel will say it."""
    return limit_bytes // UNIT_BYTES * UNIT_BYTES


def find(
    mounts: Path = Path("/proc/self/mountinfo"), own: Path = Path("/proc/self/cgroup")
) -> Groups | None:
    """Where this kernel has them; None if it limits nobody's memory."""
    for line in mounts.read_text().splitlines():
        before, _, after = line.partition(" - ")
        root, place = before.split()[3:5]
        at, kind, options = Path(place), after.split()[0], after.split()[-1]
        if kind == "cgroup" and "memory" in options.split(","):
            below = _own(own).removeprefix(root.rstrip("/")).lstrip("/")
            return Groups(at / below / PARENT, "memory.limit_in_bytes")
        if kind == "cgroup2" and "memory" in _controllers(at):
            return Groups(at / PARENT, "memory.max")
    return None


def _read(path: str) -> bytes:
    """Asked of each instance again and again: not by pathlib, which takes as long as the kernel."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(handle, MOST_BYTES)
    finally:
        os.close(handle)


def _own(path: Path) -> str:
    """The agent's group in v1's hierarchy of memory."""
    lines = (line.split(":", 2) for line in path.read_text().splitlines())
    return next((where for _, names, where in lines if "memory" in names.split(",")), "/")


def _controllers(at: Path) -> list[str]:
    try:
        return (at / "cgroup.controllers").read_text().split()
    except OSError:
        return []


def pids_below(pid: int) -> list[int]:
    """The process and all that it has begun, as far as they live."""
    try:
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [pid, *(found for child in told for found in pids_below(int(child)))]
