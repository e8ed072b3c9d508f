"""Listening TCP sockets in the namespace of the calling thread, where they stay."""

import contextlib
import errno
import socket
from collections.abc import Iterator

WAITING = 128
UNSENT_MS = 10_000  # data that nobody acknowledges for so long ends a connection
WITHOUT_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def listen(port: int) -> list[socket.socket]:
    """At every address there, of both families; of one, where the kernel has no other."""
    with contextlib.ExitStack() as opened:
        found = list(_open(port, opened))
        opened.pop_all()
        return found


def _open(port: int, opened: contextlib.ExitStack) -> Iterator[socket.socket]:
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            sock = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNSENT_MS)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((address, port))
        except OSError as e:
            if family == socket.AF_INET6 and e.errno in WITHOUT_IPV6:
                continue
            raise
        sock.listen(WAITING)
        sock.setblocking(False)
        yield sock
