"""Packets to and from services, rewritten: as the client wrote and reads them, and the backend."""

import msgspec

from polpo.dataplane.frames import IPV6, TCP, UDP, Frame, Transport
from polpo.dataplane.routed_frames import amended

SOURCE = {False: (26, 30), True: (22, 38)}
DESTINATION = {False: (30, 34), True: (38, 54)}
HEADER_SUM = 24
"""Of IPv4."""


class Guest(msgspec.Struct, frozen=True):
    """A client that is at no port: its address, the device it came by, both ends of its frames."""

    address: bytes
    device: int
    macs: bytes = b""
    """Where answers go, and from whom."""


class Turn(msgspec.Struct, frozen=True):
    """What a client calls the other end of its flow, and the port that it has itself.

    `client` is the client's end as the backend knows it: address (16 bytes) and port.
    """

    address: bytes
    port: int
    client_port: int
    client: tuple[bytes, int] = (b"", 0)
    guest: Guest | None = None

    def names(self, other: "Turn") -> bool:
        """It is about the same flow."""
        return self._ends() == other._ends()

    def _ends(self) -> tuple[bytes, int, int, bytes]:
        own = self.guest.address if self.guest else b""
        return self.address, self.port, self.client_port, own


class Rewriting:
    """A frame whose ends are being changed, with the checksums that this concerns."""

    def __init__(self, raw: bytes, frame: Frame) -> None:
        self.raw, self.frame = bytearray(raw), frame
        self.six = frame.ethertype == IPV6
        self.body = len(raw) - len(frame.body)

    def put(self, at: int, new: bytes, *sums: int) -> None:
        for total in sums:
            for i in range(0, len(new), 2):
                old, word = bytes(self.raw[at + i : at + i + 2]), new[i : i + 2]
                self.raw[total : total + 2] = amended(self._sum(total), old, word)
        self.raw[at : at + len(new)] = new

    def _sum(self, at: int) -> bytes:
        return bytes(self.raw[at : at + 2])

    def end(self, source: bool, address: bytes, port: int, protocol: int) -> None:
        """Another source or destination of a packet of TCP or UDP."""
        start, stop = (SOURCE if source else DESTINATION)[self.six]
        sums = () if self.six else (HEADER_SUM,)
        total = self.body + (6 if protocol == UDP else 16)
        summed = not self.frame.later and not (protocol == UDP and self._sum(total) == b"\0\0")
        of_ports = (total,) if summed else ()
        self.put(start, address[start - stop :], *sums, *of_ports)
        if not self.frame.later:
            at = self.body + (0 if source else 2)
            self.put(at, port.to_bytes(2, "big"), *of_ports)
        if summed and protocol == UDP and self._sum(total) == b"\0\0":
            self.raw[total : total + 2] = b"\xff\xff"

    def quote(self, backend: bytes, turn: Turn) -> None:
        """An ICMP error: what it quotes is what the client has sent."""
        self._quoted_end(False, turn.address)
        self._quoted_ports(turn.client_port, turn.port)
        if turn.guest:
            self._quoted_end(True, turn.guest.address)
            self._own_end(False, turn.guest.address)
        if self.frame.source == backend:
            self._own_end(True, turn.address)

    def complaint(self, t: Transport, inner: bool) -> None:
        """An ICMP error about what a service has sent: about what the backend has, and to it."""
        backend = self.frame.destination
        self._quoted_end(True, backend)
        self._quoted_ports(t.destination_port, t.source_port)
        self._own_end(False, backend)
        if inner:
            self._quoted_end(False, self.frame.source)
            self._own_end(True, self.frame.source)

    def _quoted_ports(self, source: int, destination: int) -> None:
        ip, total = self.body + 8, self.body + 2
        ports = ip + (40 if self.six else (self.raw[ip] & 15) * 4)
        self.put(ports, source.to_bytes(2, "big"), total)
        self.put(ports + 2, destination.to_bytes(2, "big"), total)

    def _own_end(self, source: bool, address: bytes) -> None:
        """Of the error itself."""
        start, stop = (SOURCE if source else DESTINATION)[self.six]
        self.put(start, address[start - stop :], self.body + 2 if self.six else HEADER_SUM)

    def _quoted_end(self, source: bool, address: bytes) -> None:
        ip, (start, stop) = self.body + 8, (SOURCE if source else DESTINATION)[self.six]
        total = self.body + 2 if self.six else ip + 10
        self.put(ip + start - 14, address[start - stop :], total)


def turned(raw: bytes, frame: Frame, t: Transport) -> bytes:
    """A client's packet as its backend gets it; `frame` and `t` say who that is."""
    rewriting = Rewriting(raw, frame)
    rewriting.end(False, frame.destination, t.destination_port, t.protocol)
    rewriting.end(True, frame.source, t.source_port, t.protocol)
    return bytes(rewriting.raw)


def error_turned(raw: bytes, frame: Frame, t: Transport, inner: bool) -> bytes:
    """A client's error as its backend gets it. `inner`: a guest has another address there."""
    rewriting = Rewriting(raw, frame)
    rewriting.complaint(t, inner)
    return bytes(rewriting.raw)


def with_source(raw: bytes, frame: Frame, t: Transport, address: bytes, port: int) -> bytes:
    rewriting = Rewriting(raw, frame)
    rewriting.end(True, address, port, t.protocol)
    return bytes(rewriting.raw)


def with_destination(raw: bytes, frame: Frame, t: Transport, address: bytes, port: int) -> bytes:
    rewriting = Rewriting(raw, frame)
    rewriting.end(False, address, port, t.protocol)
    return bytes(rewriting.raw)


def turned_back(raw: bytes, frame: Frame, t: Transport, turn: Turn) -> bytes:
    """What comes from a backend, as the client gets it: from the service that it knows."""
    rewriting = Rewriting(raw, frame)
    if t.protocol not in (TCP, UDP):
        rewriting.quote(frame.source, turn)
        return bytes(rewriting.raw)
    rewriting.end(True, turn.address, turn.port, t.protocol)
    client = turn.guest.address if turn.guest else frame.destination
    rewriting.end(False, client, turn.client_port, t.protocol)
    return bytes(rewriting.raw)
