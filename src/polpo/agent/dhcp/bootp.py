"""DHCPv4's messages as bytes (RFC 2131 section 2, RFC 2132, RFC 3396)."""

import struct
from collections.abc import Iterator, Mapping

import msgspec

from polpo.dataplane.frames import Malformed

COOKIE = bytes([99, 130, 83, 99])
REQUEST, REPLY = 1, 2
PAD, OVERLOAD, END = 0, 52, 255
BROADCAST = 0x8000
NONE = bytes(4)
LEAST = 300  # of BOOTP (RFC 951): some relays and clients take no less

_HEAD = struct.Struct("!BBBB4sHH4s4s4s4s16s64s128s4s")


class Message(msgspec.Struct, frozen=True):
    """One message. Addresses are 4 bytes; `options` by code, in the order of sending."""

    op: int
    xid: bytes
    mac: bytes
    options: Mapping[int, bytes]
    seconds: int = 0
    broadcast: bool = False  # the client can't take a unicast before it has its address
    ciaddr: bytes = NONE
    yiaddr: bytes = NONE
    siaddr: bytes = NONE
    giaddr: bytes = NONE
    sname: bytes = b""
    file: bytes = b""


def decode(payload: bytes) -> Message:
    """Raises Malformed."""
    if len(payload) < _HEAD.size:
        raise Malformed
    fields = _HEAD.unpack_from(payload)
    op, hardware, size, _, xid, seconds, flags, ciaddr, yiaddr, siaddr, giaddr = fields[:11]
    mac, sname, file, cookie = fields[11:]
    if (op, hardware, size, cookie) not in ((REQUEST, 1, 6, COOKIE), (REPLY, 1, 6, COOKIE)):
        raise Malformed
    options = _options(payload[_HEAD.size :])
    overload = options.pop(OVERLOAD, b"\0")[-1:]
    for place, bit in ((file, 1), (sname, 2)):  # in this order (RFC 3396, section 5)
        if overload and overload[0] & bit:
            options = {**options, **_options(place)}
    return Message(
        op=op,
        xid=xid,
        mac=mac[:6],
        options=options,
        seconds=seconds,
        broadcast=bool(flags & BROADCAST),
        ciaddr=ciaddr,
        yiaddr=yiaddr,
        siaddr=siaddr,
        giaddr=giaddr,
        sname=sname.partition(b"\0")[0],
        file=file.partition(b"\0")[0],
    )


def encode(message: Message) -> bytes:
    """At least 300 bytes."""
    head = _HEAD.pack(
        message.op,
        1,
        6,
        0,
        message.xid,
        message.seconds,
        BROADCAST if message.broadcast else 0,
        message.ciaddr,
        message.yiaddr,
        message.siaddr,
        message.giaddr,
        message.mac,
        message.sname,
        message.file,
        COOKIE,
    )
    pieces = (piece for code, value in message.options.items() for piece in _pieces(code, value))
    return (head + b"".join(pieces) + bytes([END])).ljust(LEAST, b"\0")


def _options(area: bytes) -> dict[int, bytes]:
    """An option that comes in several pieces is their concatenation (RFC 3396)."""
    found: dict[int, bytes] = {}
    for code, value in _walk(area):
        found[code] = found.get(code, b"") + value
    return found


def _walk(area: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(area) and area[at] != END:
        if area[at] == PAD:
            at += 1
            continue
        size = area[at + 1] if at + 1 < len(area) else 256
        if at + 2 + size > len(area):
            raise Malformed
        yield area[at], area[at + 2 : at + 2 + size]
        at += 2 + size


def _pieces(code: int, value: bytes) -> Iterator[bytes]:
    """255 bytes are the most that fit in one."""
    for start in range(0, max(len(value), 1), 255):
        piece = value[start : start + 255]
        yield bytes([code, len(piece)]) + piece
