"""A netlink socket and the shape of its messages (linux/netlink.h), by the standard library.

Why not pyroute2: its import costs 0.5 s, its sockets run an event loop of their own inside ours,
and it decodes each link for 1 ms, where the loop wants to see that nothing has changed for next
to nothing. `dump` therefore answers undecoded bodies: equal bytes, equal state.
See docs/decisions/0020.
"""

import os
import socket
import struct
from collections.abc import Iterator
from types import TracebackType

from polpo.runtime import crash

NETLINK_ROUTE = 0
SOL_NETLINK = 270
NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK = 11, 12
F_REQUEST, F_ACK, F_DUMP = 0x1, 0x4, 0x300
F_REPLACE, F_EXCL, F_CREATE = 0x100, 0x200, 0x400
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLMSGERR_ATTR_MSG = 1
F_CAPPED, F_DUMP_INTERRUPTED = 0x100, 0x10
ATTEMPTS = 3  # at a dump that others keep changing; the next event has us look again

_HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE = struct.Struct("=HH")  # length, type


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + b"\0" * (-length % 4)


def text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode() + b"\0")


def u8(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=B", value))


def u32(kind: int, value: int) -> bytes:
    return attribute(kind, struct.pack("=I", value))


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """Attribute type -> value; of repeated ones the last."""
    found: dict[int, bytes] = {}
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind & 0x3FFF] = data[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    return found


def without(body: bytes, offset: int, kinds: frozenset[int]) -> bytes:
    """The body less some of its attributes: those that change all the time."""
    kept, start = [body[:offset]], offset
    while offset + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if length < _ATTRIBUTE.size:
            break
        after = offset + ((length + 3) & ~3)
        if kind in kinds:
            kept.append(body[start:offset])
            start = after
        offset = after
    return b"".join((*kept, body[start:]))


def string(value: bytes | None) -> str:
    return (value or b"").rstrip(b"\0").decode(errors="replace")


def number(value: bytes | None) -> int:
    return int.from_bytes(value or b"", "little" if struct.pack("=H", 1)[0] else "big")


class Netlink:
    """Requests to the kernel's routing side, one at a time, each answered before the next."""

    def __init__(self, sock: socket.socket | None = None) -> None:
        """`sock` may have been made in another network namespace (see netns.netlink_in)."""
        self._socket = sock or route_socket()
        self._socket.settimeout(5.0)  # the kernel answers at once or something is badly wrong
        self._socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self._socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
        self._sequence = 0
        self._interrupted = False

    def write(self, kind: int, body: bytes, flags: int = 0) -> None:
        """Have the kernel change something; OSError with the kernel's own words if it refuses."""
        crash.point()
        self._send(kind, body, F_REQUEST | F_ACK | flags)
        for _ in self._answers():
            pass

    def get(self, kind: int, body: bytes) -> bytes:
        """The body of the one object that is asked for."""
        self._send(kind, body, F_REQUEST | F_ACK)
        (found,) = list(self._answers())
        return found

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """The bodies of all objects of a kind, undecoded. Read again if they changed meanwhile."""
        for _ in range(ATTEMPTS):
            self._send(kind, body, F_REQUEST | F_DUMP)
            self._interrupted = False
            found = list(self._answers())
            if not self._interrupted:
                break
        return found

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Netlink":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, kind: int, body: bytes, flags: int) -> None:
        self._sequence += 1
        length = _HEADER.size + len(body)
        self._socket.send(_HEADER.pack(length, kind, flags, self._sequence, 0) + body)

    def _answers(self) -> Iterator[bytes]:
        while True:
            data = self._socket.recv(1 << 18)
            for kind, sequence, flags, body in messages(data):
                if sequence != self._sequence:
                    continue  # left over from a request that was given up
                self._interrupted |= bool(flags & F_DUMP_INTERRUPTED)
                if kind == NLMSG_ERROR:
                    return _raise_if_refused(body, flags)
                if kind == NLMSG_DONE:
                    return None
                yield body


def route_socket() -> socket.socket:
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_ROUTE)


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """(type, sequence, flags, body) of each message in what one read gave."""
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        if length < _HEADER.size:
            break
        yield kind, sequence, flags, data[offset + _HEADER.size : offset + length]
        offset += (length + 3) & ~3


def _raise_if_refused(body: bytes, flags: int) -> None:
    (code,) = struct.unpack_from("=i", body)
    if code == 0:
        return
    (length,) = struct.unpack_from("=I", body, 4)
    start = 20 if flags & F_CAPPED else 4 + length
    words = string(attributes(body, start).get(NLMSGERR_ATTR_MSG))
    raise OSError(-code, words or os.strerror(-code))
