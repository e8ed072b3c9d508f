"""How workers whose control has died learn that a new control has taken over.

Control binds an abstract Unix address that is made of what it listens on, as soon as its workers
answer. Orphans try it: when somebody is there, they read their sockets empty and end.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterable

LOOK_S = 1.0


def address(labels: Iterable[str]) -> str:
    """The Unix address of servers with these labels and addresses."""
    text = "\n".join(sorted(labels))
    return "\0polpo-dns-" + hashlib.sha256(text.encode()).hexdigest()[:32]


def take_over(name: str) -> socket.socket | None:
    """Be the one. None if another living control listens on the same."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(name)
        sock.listen(64)
    except OSError:
        sock.close()
        return None
    return sock


def has_successor(name: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.setblocking(False)
        try:
            sock.connect(name)
        except BlockingIOError:
            return True  # it is there, and others have asked already
        except OSError:
            return False
        return True
