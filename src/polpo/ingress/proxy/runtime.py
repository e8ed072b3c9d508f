"""Commands to the running worker, and what its answers mean (Management Guide, 9.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from polpo.kernel.haproxy import socket

AT_ONCE = 40
"""Commands in one connection, for those that are short."""
_DONE = re.compile(
    r"(IP changed from .*|no need to change .*|port changed from .*|nothing changed.*"
    r"|New empty certificate store .*|Transaction created for .*|Transaction updated for .*"
    r"|Committing .*|Success!|Inserting certificate .*|Certificate .* deleted!"
    r"|Entry .* deleted in crtlist .*|New version created: [0-9]+|\.*Success!|)"
)


class Refused(Exception):
    """What was asked for, and what HAProxy said."""


def tell(path: Path, commands: Iterable[str]) -> None:
    """All, in their order. Refused or OSError at the first that is not done."""
    short: list[str] = []
    version = ""
    for command in commands:
        if "<<" not in command and "{version}" not in command and "prepare" not in command:
            short.append(command)
            if len(short) >= AT_ONCE:
                _ask(path, "; ".join(short))
                short = []
            continue
        if short:
            _ask(path, "; ".join(short))
            short = []
        said = _ask(path, command.replace("{version}", version))
        if command.startswith("prepare"):
            version = said.rpartition(":")[2].strip()
    if short:
        _ask(path, "; ".join(short))


def _ask(path: Path, command: str) -> str:
    said = socket.ask(path, command)
    wrong = [line for line in said.splitlines() if not _DONE.fullmatch(line.strip())]
    if wrong:
        raise Refused(f"{command.splitlines()[0][:200]}: {wrong[0]}")
    return said
