"""Echo requests of ICMP, and who answered them (RFC 792, RFC 4443)."""

import contextlib
import os
import socket
import struct

from polpo.dataplane.frames import checksum

AT_ONCE = 64
"""Answers in one reading: who sends many does not keep everything else waiting."""
_ECHO = struct.Struct("!BBHHH")  # type, code, checksum, identifier, sequence number
_REQUEST, _REPLY = {4: 8, 6: 128}, {4: 0, 6: 129}


class Echo:
    """A raw socket in the namespace in which it was made; `handle` is readable when there is more.

    `version` is IP's, 4 or 6. Needs CAP_NET_RAW.
    """

    def __init__(self, version: int) -> None:
        family, protocol = (
            (socket.AF_INET, socket.IPPROTO_ICMP)
            if version == 4
            else (socket.AF_INET6, socket.IPPROTO_ICMPV6)
        )
        self._version, self._identifier = version, os.getpid() & 0xFFFF
        self._socket = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)

    @property
    def handle(self) -> int:
        return self._socket.fileno()

    def ask(self, address: str) -> None:
        """Where it can't be sent, nobody will answer."""
        request = _ECHO.pack(_REQUEST[self._version], 0, 0, self._identifier, 1)
        if self._version == 4:  # of ICMPv6 the kernel makes the checksum
            request = request[:2] + checksum(request) + request[4:]
        with contextlib.suppress(OSError):
            self._socket.sendto(request, (address, 0))

    def answered(self) -> set[str]:
        """Who has answered since last asked; the first of them if there are many."""
        found: set[str] = set()
        with contextlib.suppress(BlockingIOError):
            for _ in range(AT_ONCE):
                packet, sender = self._socket.recvfrom(256)
                body = packet[(packet[0] & 15) * 4 :] if self._version == 4 else packet
                if len(body) < _ECHO.size:
                    continue
                kind, _, _, identifier, _ = _ECHO.unpack_from(body)
                if kind == _REPLY[self._version] and identifier == self._identifier:
                    found.add(str(sender[0]).partition("%")[0])
        return found

    def close(self) -> None:
        self._socket.close()
