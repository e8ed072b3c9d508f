"""Commands to a running HAProxy by its socket (Management Guide, chap. 9)."""

import socket
from collections.abc import Iterable
from pathlib import Path

ANSWERS_S = 1.0


def ask(path: Path, command: str) -> str:
    """One command, or several with `;` between. OSError if nobody answers."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(ANSWERS_S)
        link.connect(str(path))
        link.sendall(command.encode() + b"\n")
        link.shutdown(socket.SHUT_WR)  # the master would wait for more
        parts = []
        while part := link.recv(1 << 16):
            parts.append(part)
    return b"".join(parts).decode(errors="replace")


def tell(path: Path, commands: Iterable[str]) -> None:
    """Commands that say nothing if they are done. ValueError with what was said otherwise."""
    for command in commands:
        said = ask(path, command).strip()
        if said:
            raise ValueError(f"{command}: {said}")
