"""DHCPv6's messages and options as bytes (RFC 8415, sections 8 and 21)."""

import struct
from collections.abc import Iterable, Iterator

import msgspec

from polpo.dataplane.frames import Malformed

CLIENT, SERVER, IA_NA, IA_TA, ADDRESS, WISHES, STATUS, RAPID, IA_PD = 1, 2, 3, 4, 5, 6, 13, 14, 25
NO_ADDRESSES, NO_BINDING, NOT_ON_LINK, USE_MULTICAST, NO_PREFIXES = 2, 3, 4, 5, 6

Option = tuple[int, bytes]


class Message(msgspec.Struct, frozen=True):
    """`options` in the order of the wire: some come more than once."""

    kind: int
    xid: bytes
    options: tuple[Option, ...]

    def first(self, code: int) -> bytes | None:
        return next((value for at, value in self.options if at == code), None)

    def all(self, code: int) -> list[bytes]:
        return [value for at, value in self.options if at == code]


class Association(msgspec.Struct, frozen=True):
    """An IA_NA: its number (4 bytes), and the addresses (16 bytes) that the client names."""

    number: bytes
    addresses: tuple[bytes, ...] = ()


def decode(payload: bytes) -> Message:
    """Raises Malformed."""
    if len(payload) < 4:
        raise Malformed
    return Message(payload[0], payload[1:4], tuple(options(payload[4:])))


def encode(message: Message) -> bytes:
    return bytes([message.kind]) + message.xid + joined(message.options)


def options(area: bytes) -> Iterator[Option]:
    """Raises Malformed."""
    at = 0
    while at < len(area):
        if at + 4 > len(area):
            raise Malformed
        code, size = struct.unpack_from("!HH", area, at)
        at += 4 + size
        if at > len(area):
            raise Malformed
        yield code, area[at - size : at]


def joined(found: Iterable[Option]) -> bytes:
    return b"".join(struct.pack("!HH", code, len(value)) + value for code, value in found)


def association(value: bytes) -> Association:
    """Of the value of an IA_NA. Raises Malformed."""
    if len(value) < 12:
        raise Malformed
    named = [inner for code, inner in options(value[12:]) if code == ADDRESS]
    if any(len(inner) < 24 for inner in named):
        raise Malformed
    return Association(number(value), tuple(inner[:16] for inner in named))


def number(value: bytes) -> bytes:
    """That of any association: 4 bytes. Raises Malformed."""
    if len(value) < 4:
        raise Malformed
    return value[:4]


def status(code: int, words: str) -> Option:
    return STATUS, struct.pack("!H", code) + words.encode()


def address(packed: bytes, lifetime_s: int) -> Option:
    """An address with its preferred and valid lifetime; 0 takes it away."""
    return ADDRESS, packed + struct.pack("!II", lifetime_s, lifetime_s)


def ia_na(iaid: bytes, lifetime_s: int, inner: Iterable[Option]) -> Option:
    """T1 and T2 are 0.5 and 0.8 of the lifetime (RFC 8415, 21.4)."""
    times = struct.pack("!II", lifetime_s // 2, lifetime_s * 4 // 5)
    return IA_NA, iaid + times + joined(inner)
