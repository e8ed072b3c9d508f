"""Processor time of processes: what other work on the machine changes least."""

from pathlib import Path


def cpu_s(pid: int) -> float:
    """To the nanosecond, of all threads; 0 of one that has ended."""
    return sum(_thread_s(file) for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))


def cpu_of_all_s(name: str) -> float:
    """Of all processes of that name that we see."""
    return sum(cpu_s(int(file.parent.name)) for file in _named(name))


def _thread_s(file: Path) -> float:
    try:
        return int(file.read_text().split()[0]) / 1e9
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def _named(name: str) -> list[Path]:
    return [file for file in Path("/proc").glob("[0-9]*/comm") if _text(file) == f"{name}\n"]


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
