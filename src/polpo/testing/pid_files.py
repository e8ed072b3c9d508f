"""What daemons have written of themselves, however they stand: a file may just be written anew."""

import contextlib
import os
import signal
from pathlib import Path

from polpo.testing.waiting import until


def noted(file: Path) -> int:
    """The pid in a daemon's file; 0 while there is none."""
    try:
        return int(file.read_text())
    except (FileNotFoundError, ValueError):
        return 0


def pid(file: Path) -> int:
    """When there is one."""
    until(lambda: noted(file), f"a pid in {file}")
    return noted(file)


def kill(*files: Path) -> None:
    """All of these at once, of which one may end with another, or begin again at once."""
    for each in [pid(file) for file in files]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
