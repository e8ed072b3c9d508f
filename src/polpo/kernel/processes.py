"""Processes that outlive us: started in a network namespace, found again, ended by their own pid.

A pid may be another's by now, so a process is one only with the words of its command line, and
is signalled by a handle (pidfd) that was open before these were read.
"""

import contextlib
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from polpo.kernel import netns
from polpo.runtime import crash


class Process:
    """A living one; `handle` is its pidfd, readable when it has ended. Close it."""

    def __init__(self, pid: int, handle: int) -> None:
        self.pid, self.handle = pid, handle

    def network(self) -> int | None:
        """Its network namespace's inode, as netns.identity answers; None when it has ended."""
        try:
            return os.stat(f"/proc/{self.pid}/ns/net").st_ino
        except OSError:
            return None

    def ended(self, within_s: float = 0.0) -> bool:
        """Also if it is a zombie. Waits so long for it."""
        poll = select.poll()
        poll.register(self.handle, select.POLLIN)
        return bool(poll.poll(within_s * 1000))

    def signal(self, number: signal.Signals) -> None:
        """No-op if it has ended."""
        crash.point()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.handle, number)

    def close(self) -> None:
        os.close(self.handle)


FILES = 1 << 16
ENTER = 'echo $$ > "$0" && exec "$@"'


def find(pid_file: Path, word: str) -> Process | None:
    """The process whose pid is in the file, if it lives and `word` is in its command line."""
    try:
        pid = int(pid_file.read_text())
        handle = os.pidfd_open(pid)
    except (OSError, ValueError):
        return None
    if _is(pid, word):
        return Process(pid, handle)
    os.close(handle)
    return None


def everybody() -> list[int]:
    """All pids; of a full host a question that takes its time."""
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def search(program: str, word: str, among: Iterable[int]) -> Process | None:
    """The first of those that run `program` with `word` in their command line; the others are its
    children.
    """
    pids = [pid for pid in among if _runs(pid, program)]
    for pid in sorted(pid for pid in pids if _is(pid, word)):
        if _parent(pid) not in pids:
            with contextlib.suppress(OSError):
                return Process(pid, os.pidfd_open(pid))
    return None


def _runs(pid: int, program: str) -> bool:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() == program
    except OSError:
        return False


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def tell_all(word: str, number: signal.Signals, among: Iterable[int]) -> bool:
    """Signal all with `word` in their command line, by whatever pid; whether there are any."""
    told = False
    for pid in among:
        if not _is(pid, word):
            continue
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(pid)
            try:
                if _is(pid, word):
                    signal.pidfd_send_signal(handle, number)
                    told = True
            finally:
                os.close(handle)
    return told


def end(found: Iterable[Process], within_s: float) -> None:
    """All at once, and wait for them; those that do not hear are killed. Closes them."""
    processes, until = list(found), time.monotonic() + within_s
    for process in processes:
        process.signal(signal.SIGTERM)
    for process in processes:
        if not process.ended(max(0.0, until - time.monotonic())):
            process.signal(signal.SIGKILL)
            process.ended(within_s)
        process.close()


def _is(pid: int, word: str) -> bool:
    """A zombie has no command line."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return word.encode() in words


def start(
    name: str, command: Sequence[str], log: Path, where: Path, entrance: Path | None = None
) -> "subprocess.Popen[bytes]":
    """In the namespace `name`, in a session of its own; what it says is appended to `log`.

    `entrance`: of the group of processes that it is in from its first moment (cgroups.py).
    """
    crash.point()
    if entrance is not None:
        command = ["/bin/sh", "-c", ENTER, str(entrance), *command]
    with log.open("ab") as said:
        return netns.inside(
            name,
            lambda: subprocess.Popen(  # a thread's child is in the thread's namespace
                command,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
                cwd=where,
            ),
        )


def go_first(pid: int) -> None:
    """Where the kernel divides its time among sessions (sched(7), autogroup) a process's own nice
    value counts within its session only. No-op where it does not.
    """
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("-20")


def open_files() -> int:
    """How many a process may have open at once: all that it may be allowed."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def have_files() -> None:
    """Enough for a full host: the soft limit is often 1024."""
    hard = open_files()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, FILES), hard))


def of_child(child: "subprocess.Popen[bytes]") -> Process | None:
    """Our own, while it lives."""
    return None if child.poll() is not None else Process(child.pid, os.pidfd_open(child.pid))


def check(name: str, command: Sequence[str], timeout_s: float) -> str | None:
    """Run it to its end in the namespace; what it said if it failed, None if it did not."""

    def run() -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )

    try:
        done = netns.inside(name, run)
    except subprocess.TimeoutExpired:
        return f"{command[0]}: not done after {timeout_s:.0f} s"
    words = (done.stderr + done.stdout).strip()
    return None if done.returncode == 0 else words or f"{command[0]}: status {done.returncode}"
