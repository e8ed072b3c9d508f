"""UDP and ICMPv6 in Ethernet frames, taken apart and put together (RFC 768, 791, 8200, 4443).

Checksums of what is asked are not looked at: a guest that leaves them to its network card sends
frames where they are not there yet (CHECKSUM_PARTIAL). Answers have theirs.
"""

import struct

import msgspec

from polpo.dataplane.frames import ICMPV6, IPV4, IPV6, UDP, Malformed, checksum, parse

LEAST = 14 + 20 + 8
HOPS = 255


class Question(msgspec.Struct, frozen=True):
    """What a port asked. Addresses are 4 or 16 bytes; `payload` is UDP's, or the ICMPv6 message."""

    mac: bytes
    source: bytes
    destination: bytes
    payload: bytes
    solicits: bool = False  # ICMPv6

    @property
    def family(self) -> int:
        return 4 if len(self.source) == 4 else 6


def question(frame: bytes, length: int) -> Question:
    """`length` is what the frame had on the wire. Raises Malformed."""
    if not LEAST <= length <= len(frame):
        raise Malformed
    parsed = parse(frame[:length])
    if parsed.ethertype not in (IPV4, IPV6) or parsed.fragment:
        raise Malformed
    cut = 12 if parsed.ethertype == IPV4 else 0
    source, destination = parsed.source[cut:], parsed.destination[cut:]
    if parsed.protocol == ICMPV6 and parsed.ethertype == IPV6:
        size = int.from_bytes(frame[18:20], "big") - (length - 54 - len(parsed.body))
        body = parsed.body[: max(size, 0)]
        return Question(parsed.source_mac, source, destination, body, solicits=True)
    if parsed.protocol != UDP:
        raise Malformed
    return Question(parsed.source_mac, source, destination, _udp_payload(parsed.body))


def _udp_payload(body: bytes) -> bytes:
    size = int.from_bytes(body[4:6], "big")
    if len(body) < 8 or not 8 <= size <= len(body):
        raise Malformed
    return body[8:size]


def udp(
    macs: tuple[bytes, bytes], ends: tuple[bytes, bytes], ports: bytes, payload: bytes
) -> bytes:
    """A frame. Pairs are (source, destination); `ports` both numbers as they are on the wire."""
    size = (8 + len(payload)).to_bytes(2, "big")
    body = _summed(ports + size + bytes(2) + payload, 6, UDP, *ends)
    return _framed(macs, ends, UDP, body)


def icmpv6(macs: tuple[bytes, bytes], ends: tuple[bytes, bytes], message: bytes) -> bytes:
    """A frame; bytes 2 and 3 of the message are for the checksum."""
    return _framed(macs, ends, ICMPV6, _summed(message, 2, ICMPV6, *ends))


def _summed(body: bytes, at: int, protocol: int, source: bytes, destination: bytes) -> bytes:
    """With its checksum at the place for it; 0 would mean that there is none (RFC 768)."""
    pseudo = source + destination + struct.pack("!II", len(body), protocol)
    found = checksum(pseudo + body)
    return body[:at] + (found if any(found) else b"\xff\xff") + body[at + 2 :]


def _framed(
    macs: tuple[bytes, bytes], ends: tuple[bytes, bytes], protocol: int, body: bytes
) -> bytes:
    source, destination = macs
    if len(ends[0]) == 4:
        start = struct.pack("!BBHIBB", 0x45, 0, 20 + len(body), 0, 64, protocol)
        head = start + checksum(start + b"".join(ends)) + b"".join(ends)
        return destination + source + b"\x08\x00" + head + body
    head = struct.pack("!IHBB", 6 << 28, len(body), protocol, HOPS) + b"".join(ends)
    return destination + source + b"\x86\xdd" + head + body
