"""What hosts under test have left: namespaces, mounts, and processes that outlive agents."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from polpo.kernel import netns, processes
from polpo.testing.hosts import PREFIX

NAMES = Path("/run/netns")
RUNTIME = f"/run/polpo/{PREFIX}"
HOSTS = ("a", "b", "c")
ENDING_S = 10.0  # a child of one that was killed notices it by itself


@contextlib.contextmanager
def nothing_left() -> Iterator[None]:
    """What a run that was killed left is removed first; what is left of this one is an error."""
    sweep()
    yield
    end = time.monotonic() + ENDING_S
    while (left := [*_mounts(), *_names(), *_processes()]) and time.monotonic() < end:
        time.sleep(0.05)
    sweep()
    assert not left


def sweep() -> None:
    for pid in _processes():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for mount in _mounts():
        subprocess.run(["umount", "-l", mount], check=False)
        shutil.rmtree(Path(mount).parent, ignore_errors=True)
    for name in _names():
        netns.delete(name)


def _mounts() -> list[str]:
    mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return sorted({mount for mount in mounts if mount.startswith(RUNTIME)})


def _names() -> list[str]:
    patterns = (f"{PREFIX}*", *(f"polpo-{host}-*" for host in HOSTS))
    return sorted(path.name for pattern in patterns for path in NAMES.glob(pattern))


def _processes() -> list[int]:
    """Pids of keepalived and HAProxy that run by a file of ours."""
    return [pid for pid in processes.everybody() if _runs_by_our_file(pid)]


def _runs_by_our_file(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    folders = (f"{RUNTIME}".encode(), b"/balancers/", b"/gateways/")
    return folders[0] in words and any(folder in words for folder in folders[1:])
