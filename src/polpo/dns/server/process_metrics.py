"""process_* metrics, of control and workers together, from /proc."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from polpo.dns.counts import Metric, Row

CPU = Metric(
    "process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds."
)
RESIDENT = Metric("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.")
VIRTUAL = Metric("process_virtual_memory_bytes", "gauge", "Virtual memory size in bytes.")
OPEN = Metric("process_open_fds", "gauge", "Number of open file descriptors.")
START = Metric(
    "process_start_time_seconds",
    "gauge",
    "Start time of the process since unix epoch in seconds.",
)
METRICS = (CPU, RESIDENT, VIRTUAL, OPEN, START)
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class _Figures(NamedTuple):
    cpu_s: float
    resident_bytes: int
    virtual_bytes: int
    started_s: float


def rows(pids: Iterable[int]) -> list[Row]:
    """The sums over these processes; the start is that of the first."""
    found = []
    files = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError, IndexError):
            found.append(_read(pid))
            files += len(os.listdir(f"/proc/{pid}/fd"))
    if not found:
        return []
    return [
        (CPU.name, (), sum(f.cpu_s for f in found)),
        (RESIDENT.name, (), sum(f.resident_bytes for f in found)),
        (VIRTUAL.name, (), sum(f.virtual_bytes for f in found)),
        (OPEN.name, (), files),
        (START.name, (), found[0].started_s),
    ]


def _read(pid: int) -> _Figures:
    """proc_pid_stat(5): fields after the name in parentheses, the first of them being number 3."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    boot = next(
        int(line.split()[1])
        for line in Path("/proc/stat").read_text().splitlines()
        if line.startswith("btime")
    )
    return _Figures(
        (int(fields[11]) + int(fields[12])) / _TICKS,
        int(fields[21]) * _PAGE_BYTES,
        int(fields[20]),
        boot + int(fields[19]) / _TICKS,
    )
