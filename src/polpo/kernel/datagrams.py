"""Datagrams in batches: recvmmsg(2) and sendmmsg(2) on one socket, answers in place of questions.

A batch is one buffer of slots. What was received in a slot is answered there: who sent it, and to
which of our addresses (IP_PKTINFO, on sockets bound to all of them), stay in the slot's header and
are used as they are for the answer. Headers that answers do not need are left out by moving others
over them; all headers are made new from a pristine copy before the next reception.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Sequence
from functools import cache
from typing import Any

SLOT_BYTES = 1280  # a query is far smaller; answers of more than this are sent one by one
MANY = 8  # so many at once that more have come meanwhile: it is quicker to look than to wait
BATCHES_AT_ONCE = 8  # of one socket, before others have their turn
HEADER_BYTES = 64  # struct mmsghdr: msghdr (56), msg_len, padding
NAME_BYTES = 28  # sockaddr_in6, the larger
CONTROL_BYTES = 64
_MSG_DONTWAIT = 0x40
_MSG_TRUNC = 0x20
IPV6_RECVPKTINFO, IPV6_PKTINFO, IP_PKTINFO = 49, 50, 8


# Peer (sockaddr) and destination (control message) of a datagram that waits for its answer.
Envelope = tuple[bytes, bytes]


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class Header(ctypes.Structure):
    """struct mmsghdr of 64-bit Linux."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iov_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
        ("padding", ctypes.c_int),
        ("length", ctypes.c_uint32),
    ]


class Batch:
    """Up to `slots` datagrams of a socket, received, answered and sent together.

    `memory` holds slot i at i * slot_bytes; `lengths[i]` is set to the answer's length by `put`.
    """

    def __init__(self, sock: socket.socket, slots: int = 64, slot_bytes: int = SLOT_BYTES) -> None:
        self._slot_bytes = slot_bytes
        self._descriptor = sock.fileno()
        self._family = sock.family
        self._name_bytes = name_bytes(sock)
        self.slots = slots
        self.memory = bytearray(slots * slot_bytes)
        self._names = bytearray(slots * NAME_BYTES)
        self._control = bytearray(slots * CONTROL_BYTES)
        self._iovecs = (Iovec * slots)()
        self._headers = (Header * slots)()
        self._informed = is_wildcard(sock) and _ask_for_destination(sock)
        self._point()
        self._views()

    def _point(self) -> None:
        memory, names, control = map(address_of, (self.memory, self._names, self._control))
        for index in range(self.slots):
            iovec, header = self._iovecs[index], self._headers[index]
            iovec.base = memory + index * self._slot_bytes
            iovec.length = self._slot_bytes
            header.name = names + index * NAME_BYTES
            header.name_length = self._name_bytes
            header.iov, header.iov_count = ctypes.addressof(iovec), 1
            if self._informed:
                header.control = control + index * CONTROL_BYTES
                header.control_length = CONTROL_BYTES

    def _views(self) -> None:
        self.view = memoryview(self.memory)
        self._names_view = memoryview(self._names)
        self._header_bytes = memoryview(self._headers).cast("B")
        self._iovec_bytes = memoryview(self._iovecs).cast("B")
        self._pristine_headers = bytes(self._header_bytes)
        self._pristine_iovecs = bytes(self._iovec_bytes)
        words = self._header_bytes.cast("I")
        self._received = words[14::16]
        self._flags = words[12::16]
        self.lengths = self._iovec_bytes.cast("Q")[1::2]
        place = 16 if self._family == socket.AF_INET else 32
        self._interfaces = memoryview(self._control)[place:].cast("B")

    def forget_names(self) -> None:
        """Of a connected socket: everything goes to, and comes from, one peer."""
        for header in self._headers:
            header.name, header.name_length = None, 0
        self._pristine_headers = bytes(self._header_bytes)

    def receive(self, *, refused_is_an_error: bool = False) -> list[int]:
        """The lengths of what has come; empty if nothing has. One cut off has length 0."""
        self._header_bytes[:] = self._pristine_headers
        self._iovec_bytes[:] = self._pristine_iovecs
        count = library().recvmmsg(self._descriptor, self._headers, self.slots, _MSG_DONTWAIT, None)
        if count < 0:
            _check(refused_is_an_error)
            return []
        lengths = self._received[:count].tolist()
        if self._informed:
            self._forget_interfaces(count)
        if self._slot_bytes in lengths:
            flags = self._flags[:count].tolist()
            lengths = [0 if flags[i] & _MSG_TRUNC else n for i, n in enumerate(lengths)]
        return lengths

    def put(self, index: int, after_id: bytes) -> None:
        """Answer slot `index`: the bytes go behind the ID that is there."""
        at = index * self._slot_bytes + 2
        end = len(after_id) + 2
        self.view[at : at + end - 2] = after_id
        self.lengths[index] = end

    def send(self, count: int, unanswered: list[int]) -> int:
        """Send the first `count` slots but those (ascending) that have no answer. How many went."""
        if unanswered:
            count = self._close_up(count, unanswered)
        return send_all(self._descriptor, self._headers, self._header_bytes, count)

    def peer(self, index: int) -> tuple[str, int]:
        """Who sent slot `index`: address and port."""
        at = index * NAME_BYTES
        return peer_of(bytes(self._names[at : at + self._name_bytes]))

    def envelope(self, index: int) -> Envelope:
        """What is needed to answer slot `index` later."""
        at = index * NAME_BYTES
        name = self._names_view[at : at + self._name_bytes].tobytes()
        if not self._informed:
            return name, b""
        at = index * CONTROL_BYTES
        return name, bytes(self._control[at : at + self._headers[index].control_length])

    def envelopes(self, indexes: Sequence[int]) -> list[Envelope]:
        """Those of several slots."""
        if self._informed:
            return [self.envelope(index) for index in indexes]
        names, width = bytes(self._names), self._name_bytes
        places = [index * NAME_BYTES for index in indexes]
        return [(names[at : at + width], b"") for at in places]

    def _close_up(self, count: int, unanswered: list[int]) -> int:
        headers = self._header_bytes
        left_out = set(unanswered)
        to = 0
        for index in range(count):
            if index not in left_out:
                if to != index:
                    headers[to * 64 : to * 64 + 64] = headers[index * 64 : index * 64 + 64]
                to += 1
        return to

    def _forget_interfaces(self, count: int) -> None:
        """Answers go by the route, not out of the interface that the question came in by."""
        zero = b"\0\0\0\0"
        for at in range(0, count * CONTROL_BYTES, CONTROL_BYTES):
            self._interfaces[at : at + 4] = zero


def peer_of(name: bytes) -> tuple[str, int]:
    """Address and port of a sockaddr_in or sockaddr_in6."""
    port = name[2] << 8 | name[3]
    if len(name) == 16:
        return socket.inet_ntop(socket.AF_INET, name[4:8]), port
    return socket.inet_ntop(socket.AF_INET6, name[8:24]), port


def send_one(sock: socket.socket, envelope: Envelope, message: bytes) -> None:
    """Send one datagram of any length. What cannot be sent now is dropped, as networks do."""
    name, control = envelope
    data = ctypes.create_string_buffer(message, len(message))
    named = ctypes.create_string_buffer(name, len(name))
    controlled = ctypes.create_string_buffer(control, len(control) or 1)
    iovec = Iovec(ctypes.addressof(data), len(message))
    header = Header()
    header.name, header.name_length = ctypes.addressof(named), len(name)
    header.iov, header.iov_count = ctypes.addressof(iovec), 1
    if control:
        header.control, header.control_length = ctypes.addressof(controlled), len(control)
    library().sendmsg(sock.fileno(), ctypes.byref(header), _MSG_DONTWAIT)


def send_all(descriptor: int, headers: Any, header_bytes: memoryview, count: int) -> int:
    """The messages of the first `count` headers, which this may move. How many went."""
    sent = 0
    while sent < count:
        done = library().sendmmsg(
            descriptor, ctypes.byref(headers, sent * HEADER_BYTES), count - sent, _MSG_DONTWAIT
        )
        if done <= 0:
            if ctypes.get_errno() in {errno.EAGAIN, errno.ENOBUFS}:
                return sent  # full: a datagram may be lost, and the asker asks again
            count -= 1  # this one cannot be sent (no route, a port that is shut): the next
            header_bytes[sent * HEADER_BYTES : count * HEADER_BYTES] = bytes(
                header_bytes[(sent + 1) * HEADER_BYTES : (count + 1) * HEADER_BYTES]
            )
            continue
        sent += done
    return sent


def name_bytes(sock: socket.socket) -> int:
    """Of its family's sockaddr."""
    return 16 if sock.family == socket.AF_INET else NAME_BYTES


def is_wildcard(sock: socket.socket) -> bool:
    return sock.getsockname()[0] in {"0.0.0.0", "::"}


def _ask_for_destination(sock: socket.socket) -> bool:
    if sock.family == socket.AF_INET:
        sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
    return True


def address_of(buffer: bytearray) -> int:
    return ctypes.addressof((ctypes.c_char * len(buffer)).from_buffer(buffer))


def _check(refused_is_an_error: bool) -> None:
    """Nothing there and answers of ICMP to what we sent before are no errors of the reception."""
    number = ctypes.get_errno()
    quiet = {errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH}
    if number not in quiet or (refused_is_an_error and number == errno.ECONNREFUSED):
        raise OSError(number, os.strerror(number))


@cache
def library() -> Any:
    library = ctypes.CDLL(None, use_errno=True)
    number, pointer = ctypes.c_int, ctypes.c_void_p
    library.recvmmsg.argtypes = [number, pointer, ctypes.c_uint, number, pointer]
    library.sendmmsg.argtypes = [number, pointer, ctypes.c_uint, number]
    library.sendmsg.argtypes = [number, pointer, number]
    library.sendmsg.restype = ctypes.c_ssize_t
    return library
