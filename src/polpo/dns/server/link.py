"""What control and a worker tell each other: frames over a pair of sockets.

A frame is a length (4 bytes), a kind (1 byte) and what the kind says, in msgpack but for feeds,
whose message is the plugin's own: two bytes for the block, one for the length of the plugin's name.
What handlers tell their feeds has the same form.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from polpo.dns.corefile.block import ServerBlock

CONFIGURE, FEED, STARTED, ROWS, STOP, FED, TOLD = b"c", b"f", b"s", b"r", b"x", b"e", b"t"


class Sockets(msgspec.Struct, frozen=True):
    """The inherited descriptors of one address. `family`: "1" IPv4, "2" IPv6, as CoreDNS has it."""

    family: str
    udp: int  # -1: none
    tcp: int


class Server(msgspec.Struct, frozen=True):
    """What answers at one port: which blocks, on which sockets."""

    label: str  # "dns://:53"
    scheme: str
    sockets: list[Sockets]
    zones: dict[bytes, list[int]]  # the zone's wire form: indexes of blocks, several with views


class Configuration(msgspec.Struct, frozen=True):
    """All that a worker has to know to begin."""

    blocks: list[ServerBlock]
    servers: list[Server]
    user: int = -1  # whom it becomes; -1: stays who it is
    group: int = -1
    succession: str = ""  # polpo.dns.server.succession


def frame(kind: bytes, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(4, "big") + kind + payload


def feed_frame(block: int, plugin: str, message: bytes, kind: bytes = FEED) -> bytes:
    name = plugin.encode()
    return frame(kind, block.to_bytes(2, "big") + bytes((len(name),)) + name + message)


def read_feed(payload: bytes) -> tuple[int, str, bytes]:
    end = 3 + payload[2]
    return int.from_bytes(payload[:2], "big"), payload[3:end].decode(), payload[end:]


class Frames:
    """Bytes in pieces to frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def take(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        buffer = self._buffer
        buffer += data
        at = 0
        while at + 5 <= len(buffer):
            end = at + 5 + int.from_bytes(buffer[at : at + 4], "big")
            if end > len(buffer):
                break
            yield bytes(buffer[at + 4 : at + 5]), bytes(buffer[at + 5 : end])
            at = end
        del buffer[:at]
