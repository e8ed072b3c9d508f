"""Deletes devices without waiting until the kernel is rid of them.

A device that is deleted is in no list after half a millisecond, and RTM_DELLINK is said. Whoever
asked for it waits 10 to 30 ms more, until nobody can still be looking at it (rcu_barrier in
net/core/dev.c, netdev_run_todo). So a thread asks, and we go on when it is said.
"""

import os
import select
import socket
import struct
import threading

from polpo.kernel.events import LINK, NETLINK_ADD_MEMBERSHIP, NETLINK_NO_ENOBUFS
from polpo.kernel.links import RTM_DELLINK, delete_link
from polpo.kernel.netlink import SOL_NETLINK, Netlink, messages, route_socket

AT_ONCE = 64  # so many threads wait for the kernel at most

_INFO = struct.Struct("=BxHi")  # family, type, index
_places = threading.BoundedSemaphore(AT_ONCE)


def dismiss(index: int) -> None:
    """Returns when the device of this namespace, and a pair's other end, is in no list any more.
    OSError if the kernel refuses."""
    departure = _Departure(index)
    try:
        departure.begin()
        departure.wait()
    finally:
        departure.close()


class _Departure:
    def __init__(self, index: int) -> None:
        self._index, self._failed = index, list[OSError]()
        self._said = route_socket()
        self._said.bind((0, 0))
        self._said.setblocking(False)
        self._said.setsockopt(SOL_NETLINK, NETLINK_NO_ENOBUFS, 1)
        self._said.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, LINK)
        self._ended, self._end = os.pipe2(os.O_CLOEXEC)
        self._netlink = Netlink()  # made here: sockets belong to the namespace of who makes them

    def begin(self) -> None:
        _places.acquire()
        threading.Thread(target=self._delete, name="departure").start()

    def _delete(self) -> None:
        try:
            with self._netlink as netlink:
                delete_link(netlink, self._index)
        except OSError as error:
            self._failed.append(error)
        finally:
            os.close(self._end)
            _places.release()

    def wait(self) -> None:
        """For the one or the other: said, or asked and answered."""
        poll = select.poll()
        poll.register(self._said, select.POLLIN)
        poll.register(self._ended, select.POLLHUP)
        while True:
            ready = {handle for handle, _ in poll.poll()}
            if self._ended in ready or self._is_gone():
                break
        if self._failed:
            raise self._failed[0]

    def _is_gone(self) -> bool:
        found = messages(self._said.recv(1 << 16))
        return any(kind == RTM_DELLINK and self._is_it(body) for kind, _, _, body in found)

    def _is_it(self, body: bytes) -> bool:
        """A bridge's loss of a port is said by the same message, of another family."""
        family, _, index = _INFO.unpack_from(body)
        return bool(family == socket.AF_UNSPEC and index == self._index)

    def close(self) -> None:
        self._said.close()
        os.close(self._ended)
