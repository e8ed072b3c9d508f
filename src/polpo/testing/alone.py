"""One run at a time on a machine: namespaces of network tests and benches have names."""

import fcntl
import os
import sys
from pathlib import Path

LOCK = Path("/run/polpo-tests.lock")
_held: list[int] = []  # for as long as this process lives


def take_the_machine() -> None:
    """Waits until no other run has it; says so, for that may take minutes.

    Whoever runs in namespaces of their own (tools/apart) has all they need.
    """
    if _held or os.environ.get("POLPO_APART"):
        return
    file = os.open(LOCK, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another run of the tests on this machine to end", file=sys.stderr)
        fcntl.flock(file, fcntl.LOCK_EX)
    _held.append(file)
