"""Whether somebody listens at UDP ports: the kernel there says so only if not (RFC 1122, 4.1.3.1).

An empty datagram is sent. ICMP says that the port, or the host, can't be reached; silence and any
answer say that it can. One socket asks them all: what ICMP says is in its queue of errors, with
who was asked (ip(7), IP_RECVERR).
"""

import contextlib
import socket
from typing import TypeAlias

Door: TypeAlias = tuple[str, int]
"""Address, as the kernel writes it, and port."""

AT_ONCE = 64
"""Words of the kernel in one reading: who sends many does not keep everything else waiting."""
_RECVERR = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
_FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


class Knocks:
    """A socket in the namespace in which it was made; `handle` is readable when there is word."""

    def __init__(self, version: int) -> None:
        self._socket = socket.socket(_FAMILY[version], socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(*_RECVERR[version], 1)

    @property
    def handle(self) -> int:
        return self._socket.fileno()

    def ask(self, door: Door) -> bool:
        """False where it can't even be sent."""
        for _ in range(2):  # the first may tell what has become of the one before
            with contextlib.suppress(OSError):
                self._socket.sendto(b"", door)
                return True
        return False

    def refused(self) -> set[Door]:
        """Who has been refused since last asked; answers are read away."""
        found: set[Door] = set()
        with contextlib.suppress(OSError):
            for _ in range(AT_ONCE):
                _, _, _, door = self._socket.recvmsg(0, 0, socket.MSG_ERRQUEUE)
                found.add((str(door[0]).partition("%")[0], int(door[1])))
        with contextlib.suppress(OSError):
            for _ in range(AT_ONCE):
                self._socket.recv(1)
        return found

    def close(self) -> None:
        self._socket.close()
