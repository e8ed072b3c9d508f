"""The sockets of all workers, opened and kept by control: what queues in them outlives workers."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from polpo.dns.server.plan import EVERYWHERE, Planned

WITHOUT_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)
BACKLOG = 1024
SO_RCVBUFFORCE = 33  # asm-generic/socket.h
RECEIVE_BUFFER_BYTES = 2 * 1024 * 1024  # a burst waits here; the kernel gives what it allows


class Opened(NamedTuple):
    """One address for one worker."""

    family: str
    udp: socket.socket | None
    tcp: socket.socket


class Listeners:
    """By server and worker, each pair in one SO_REUSEPORT group with its siblings."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str, int, int], list[Opened]] = {}

    def get(self, server: Planned, worker: int) -> list[Opened]:
        """Those that are there, or new ones. OSError says which address cannot be had."""
        key = (server.scheme, server.host, server.port, worker)
        if key not in self._open:
            self._open[key] = _open_all(server)
        return self._open[key]

    def close_others(self, servers: Iterable[Planned]) -> None:
        """Close what no server needs any more."""
        needed = {(s.scheme, s.host, s.port) for s in servers}
        for key in [key for key in self._open if key[:3] not in needed]:
            _close(self._open.pop(key))

    def close(self) -> None:
        self.close_others(())


def _open_all(server: Planned) -> list[Opened]:
    with contextlib.ExitStack() as stack:
        found = list(_open_each(server, stack))
        stack.pop_all()
    return found


def _open_each(server: Planned, stack: contextlib.ExitStack) -> Iterator[Opened]:
    hosts = ("0.0.0.0", "::") if server.host == EVERYWHERE else (server.host,)
    for host in hosts:
        try:
            udp = None
            if server.scheme == "dns":
                udp = stack.enter_context(_bound(host, server.port, socket.SOCK_DGRAM))
            tcp = stack.enter_context(_bound(host, server.port, socket.SOCK_STREAM))
        except OSError as failed:
            if host == "::" and failed.errno in WITHOUT_IPV6:
                continue
            words = f"cannot listen on {host} port {server.port}: {failed.strerror}"
            raise OSError(failed.errno, words) from failed
        yield Opened("2" if ":" in host else "1", udp, tcp)


def _bound(host: str, port: int, kind: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, kind)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_DGRAM:
            enlarge(sock)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        if kind == socket.SOCK_STREAM:
            sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def enlarge(sock: socket.socket) -> None:
    """As much as a burst takes, beyond net.core.rmem_max if we may."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)


def _close(opened: Iterable[Opened]) -> None:
    for one in opened:
        for sock in (one.udp, one.tcp):
            if sock is not None:
                sock.close()
