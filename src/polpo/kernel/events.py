"""What the kernel says unasked: links, filters, addresses, routes, and names of namespaces.

Nothing is decoded: an event is a reason to look, never a truth. Events of other namespaces are
heard as far as they have a veth into ours (NETLINK_LISTEN_ALL_NSID), so an address flushed
within a pod wakes the agent too.
"""

import ctypes
import os
import socket
from collections.abc import Sequence
from pathlib import Path

from polpo.kernel.netlink import SOL_NETLINK, route_socket

NETLINK_ADD_MEMBERSHIP, NETLINK_LISTEN_ALL_NSID, NETLINK_NO_ENOBUFS = 1, 8, 5
LINK, TRAFFIC_CONTROL = 1, 4
ADDRESSES, ROUTES = (5, 9), (7, 11)  # IPv4, IPv6
GROUPS = (LINK, TRAFFIC_CONTROL, *ADDRESSES, *ROUTES)
IN_CREATE, IN_DELETE, IN_MOVED = 0x100, 0x200, 0xC0
IN_NONBLOCK, IN_CLOEXEC = 0o4000, 0o2000000

_libc = ctypes.CDLL(None, use_errno=True)


def kernel_events() -> socket.socket:
    """A non-blocking socket, readable when something moved. Overflow is no loss: one looks."""
    sock = route_socket()
    sock.bind((0, 0))  # without a port of its own it would be taken for the sender
    sock.setblocking(False)
    sock.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
    sock.setsockopt(SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1)
    for group in GROUPS:
        sock.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
    return sock


class Changes:
    """Whether something has changed in the socket's namespace: a device, or whatever `groups` are
    about. Said before the change is acknowledged. `sock` may have been made in another one.
    """

    def __init__(self, sock: socket.socket | None = None, groups: Sequence[int] = (LINK,)) -> None:
        self._socket = sock or route_socket()
        self._socket.bind((0, 0))
        self._socket.setblocking(False)
        for group in groups:
            self._socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def any(self) -> bool:
        """Since last asked; also when there were too many to be kept."""
        try:
            return drain(self._socket.fileno()) > 0
        except OSError:
            return True

    def close(self) -> None:
        self._socket.close()


def name_events(directory: Path) -> int:
    """A non-blocking inotify handle, readable when a name in the directory came or went."""
    directory.mkdir(mode=0o755, exist_ok=True)
    handle: int = _libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
    mask = IN_CREATE | IN_DELETE | IN_MOVED
    if handle < 0 or _libc.inotify_add_watch(handle, os.fsencode(directory), mask) < 0:
        raise OSError(ctypes.get_errno(), f"cannot watch {directory}")
    return handle


def drain(handle: int) -> int:
    """Read away what is there; answers how many bytes."""
    total = 0
    try:
        while chunk := os.read(handle, 1 << 16):
            total += len(chunk)
    except BlockingIOError:
        return total
    return total
