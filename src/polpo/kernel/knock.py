"""Whether somebody listens at a UDP port: the kernel there says so only if not (RFC 1122, 4.1.3.1).

An empty datagram is sent. ICMP says that the port, or the host, can't be reached; silence and any
answer say that it can.
"""

import socket


class Knock:
    """A socket in the namespace in which it was made; `handle` is readable when there is word."""

    def __init__(self, address: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._where = address, port

    @property
    def handle(self) -> int:
        return self._socket.fileno()

    def ask(self) -> bool:
        """False where it can't even be sent."""
        self.is_refused()  # word of the time before
        try:
            self._socket.connect(self._where)
            self._socket.send(b"")
        except OSError:
            return False
        return True

    def is_refused(self) -> bool:
        """By what has come since last asked; answers are read away."""
        try:
            while True:
                self._socket.recv(1)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def close(self) -> None:
        self._socket.close()
