"""What HAProxy's master process says of its workers (Management Guide, chap. 9.4)."""

import re
from pathlib import Path
from typing import NamedTuple

from polpo.kernel.haproxy import socket

_FAILED = re.compile(r"\[failed: ([0-9]+)\]")


class Proc(NamedTuple):
    """Pids of the present workers; reloads that have failed since one has not."""

    workers: frozenset[int]
    failed: int


def proc(master: Path) -> Proc:
    """As the master says at its socket; no workers if it does not answer now."""
    try:
        said = socket.ask(master, "show proc")
    except OSError:
        return Proc(frozenset(), 0)
    present = said.partition("# workers")[2].partition("# old workers")[0]
    lines = (line.split() for line in present.splitlines())
    failed = _FAILED.search(said)
    return Proc(
        frozenset(int(words[0]) for words in lines if words and words[0].isdecimal()),
        int(failed[1]) if failed else 0,
    )
