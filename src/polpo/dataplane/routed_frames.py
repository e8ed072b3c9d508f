"""What routers write: packets on their way, errors, answers to pings."""

from polpo.dataplane.frames import ICMP, ICMPV6, IPV6, TCP, UDP, Frame, Transport, checksum
from polpo.dataplane.tables import ROUTED, Drop

HEADER, QUOTED, HOP_LIMIT = 14, 128, 64
KINDS = {  # type and code, of IPv4 and of IPv6
    Drop.TIME_EXCEEDED: ((11, 0), (3, 0)),
    Drop.TOO_BIG: ((3, 4), (2, 0)),
    Drop.NO_ROUTE: ((3, 0), (1, 0)),
    Drop.UNREACHABLE: ((3, 1), (1, 3)),
    Drop.FOR_ROUTER: ((3, 2), (1, 4)),
}
PORT_UNREACHABLE = (3, 3), (1, 4)
NOT_TOLD = {False: (3, 4, 5, 11, 12), True: range(128)}  # errors, and redirects, by family
SOURCES = {False: (0, *range(224, 256)), True: (255,)}  # first bytes of what is not one host


def is_routed(source_mac: bytes) -> bool:
    """Whether a router of another host says that it has routed this."""
    return source_mac.startswith(ROUTED)


def voice(router: int) -> bytes:
    """The source MAC, between hosts, of what this router has routed."""
    return ROUTED + router.to_bytes(3, "big")


def forwarded(raw: bytes, macs: bytes, routers: int) -> bytes:
    """The frame with other MACs (destination, source), having passed so many routers."""
    if raw[12:14] == IPV6.to_bytes(2, "big"):
        return macs + raw[12:21] + bytes([raw[21] - routers]) + raw[22:]
    new = bytes([raw[22] - routers]) + raw[23:24]
    return macs + raw[12:22] + new + amended(raw[24:26], raw[22:24], new) + raw[26:]


def amended(old_sum: bytes, old: bytes, new: bytes) -> bytes:
    """The checksum after one word of what it is about has changed (RFC 1624)."""
    total = (~_number(old_sum) & 0xFFFF) + (~_number(old) & 0xFFFF) + _number(new)
    for _ in range(2):
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def echoed(raw: bytes, frame: Frame) -> bytes:
    """The answer to an echo request."""
    at = len(raw) - len(frame.body)
    six = frame.ethertype == IPV6
    icmp = bytes([129 if six else 0]) + raw[at + 1 : at + 2]
    said = icmp + amended(raw[at + 2 : at + 4], raw[at : at + 2], icmp) + raw[at + 4 :]
    macs = frame.source_mac + frame.destination_mac
    if six:
        head = raw[12:21] + bytes([HOP_LIMIT])
        return macs + head + frame.destination + frame.source + raw[54:at] + said
    ttl = bytes([HOP_LIMIT]) + raw[23:24]
    head = raw[12:22] + ttl + amended(raw[24:26], raw[22:24], ttl)
    return macs + head + raw[30:34] + raw[26:30] + raw[34:at] + said


def is_told(frame: Frame, t: Transport) -> bool:
    """Errors are about what a single host has sent, and not about errors."""
    six = frame.ethertype == IPV6
    first = frame.source[0] if six else frame.source[12]
    if frame.later or first in SOURCES[six] or not any(frame.source):
        return False
    return not (frame.icmp and t.kind in NOT_TOLD[six])


def told(raw: bytes, frame: Frame, t: Transport, reason: Drop, speaker: bytes, mtu: int) -> bytes:
    """The ICMP error from the router that is called `speaker` in the network that it came by."""
    six = frame.ethertype == IPV6
    reachable = reason in (Drop.FOR_ROUTER, Drop.NO_BACKEND) and t.protocol in (TCP, UDP)
    kind = (PORT_UNREACHABLE if reachable else KINDS[reason])[six]
    body = bytes([*kind, 0, 0]) + mtu.to_bytes(4, "big") + raw[HEADER : HEADER + QUOTED]
    macs = frame.source_mac + frame.destination_mac + raw[12:14]
    if six:
        pseudo = speaker + frame.source + len(body).to_bytes(4, "big") + bytes([0, 0, 0, ICMPV6])
        head = b"\x60\0\0\0" + len(body).to_bytes(2, "big") + bytes([ICMPV6, HOP_LIMIT])
        return macs + head + speaker + frame.source + _summed(body, pseudo)
    ends = speaker[12:] + frame.source[12:]
    head = b"\x45\0" + (20 + len(body)).to_bytes(2, "big") + bytes([0, 0, 0, 0, HOP_LIMIT, ICMP])
    return macs + head + checksum(head + ends) + ends + _summed(body)


def _summed(body: bytes, pseudo: bytes = b"") -> bytes:
    return body[:2] + checksum(pseudo + body) + body[4:]
