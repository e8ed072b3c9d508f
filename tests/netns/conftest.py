"""One run at a time on a machine: namespaces and devices of these tests have names."""

import fcntl
import os
import sys
from pathlib import Path

import pytest

LOCK = Path("/run/polpo-tests.lock")
_held: list[int] = []  # for as long as this process lives


def pytest_collection_finish(session: pytest.Session) -> None:
    here = Path(__file__).parent
    if _held or not any(here in Path(item.path).parents for item in session.items):
        return
    file = os.open(LOCK, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("waiting for another run of the tests on this machine to end", file=sys.stderr)
        fcntl.flock(file, fcntl.LOCK_EX)
    _held.append(file)
