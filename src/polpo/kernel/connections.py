"""Translated connections of a namespace, taken out of its conntrack and put into another's.

What is carried is what the kernel shows of each (nfnetlink_conntrack.h): its tuples, status,
timeout and protocol's state. IPv4 only: IPv6 is not translated. Call these inside the namespace.
"""

import contextlib
import errno
import socket
import struct
from collections.abc import Iterator

from polpo.kernel.conntrack import conntrack_socket
from polpo.kernel.netlink import F_CREATE, F_EXCL, attribute, attributes, u8

CT_NEW, CT_GET = 1 << 8 | 0, 1 << 8 | 1
TUPLE_ORIG, TUPLE_REPLY, STATUS, PROTOINFO, NAT_SRC, TIMEOUT, NAT_DST = 1, 2, 3, 4, 6, 7, 13
TUPLE_IP, TUPLE_PROTO = 1, 2
IP_SRC, IP_DST = 1, 2
PROTO_NUM, PROTO_SRC_PORT, PROTO_DST_PORT, ICMP_ID, ICMP_TYPE, ICMP_CODE = range(1, 7)
NAT_MINIP, NAT_MAXIP, NAT_PROTO = 1, 2, 3
PORT_MIN, PORT_MAX = 1, 2
PROTOINFO_TCP, TCP_STATE, TCP_FLAGS_ORIG, TCP_FLAGS_REPLY = 1, 1, 4, 5
SEEN_REPLY, ASSURED, CONFIRMED = 1 << 1, 1 << 2, 1 << 3
LIBERAL = bytes([0x08, 0x08])  # IP_CT_TCP_FLAG_BE_LIBERAL: its windows are not known here
ECHO = {8: 0, 0: 8}
NESTED = 0x8000
_NFGENMSG = struct.Struct("=BBH")
_HEAD = _NFGENMSG.pack(socket.AF_INET, 0, 0)
_LENGTH = struct.Struct("!I")
Attributes = dict[int, bytes]


def dump() -> bytes:
    """All that are translated, each as the kernel shows it, with its length before it."""
    with conntrack_socket() as netlink:
        found = netlink.dump(CT_GET, _HEAD)
    return b"".join(_LENGTH.pack(len(body)) + body for body in found if _is_translated(body))


def restore(dumped: bytes) -> int:
    """Add those that are not there; how many that was. What makes no sense is passed over."""
    added = 0
    with conntrack_socket() as netlink:
        for body in _pieces(dumped):
            request = _request(body)
            if request is None:
                continue
            try:
                netlink.write(CT_NEW, _HEAD + request, F_CREATE | F_EXCL)
            except OSError as e:
                if e.errno not in (errno.EEXIST, errno.EBUSY, errno.EINVAL):
                    raise
            else:
                added += 1
    return added


def _pieces(dumped: bytes) -> Iterator[bytes]:
    at = 0
    while at + _LENGTH.size <= len(dumped):
        (length,) = _LENGTH.unpack_from(dumped, at)
        at += _LENGTH.size
        yield dumped[at : at + length]
        at += length


def _is_translated(body: bytes) -> bool:
    found = attributes(body, _NFGENMSG.size)
    with contextlib.suppress(KeyError):
        return _ends(found[TUPLE_REPLY]) != _ends(_inverse(found[TUPLE_ORIG]))
    return False


def _request(body: bytes) -> bytes | None:
    """The attributes of a new connection like it; the kernel works out the reply's tuple."""
    found = attributes(body, _NFGENMSG.size)
    try:
        orig, reply = _ends(found[TUPLE_ORIG]), _ends(found[TUPLE_REPLY])
        plain = _ends(_inverse(found[TUPLE_ORIG]))
        status = int.from_bytes(found[STATUS], "big") & (SEEN_REPLY | ASSURED) | CONFIRMED
        parts = [
            attribute(TUPLE_ORIG | NESTED, found[TUPLE_ORIG]),
            attribute(TUPLE_REPLY | NESTED, _inverse(found[TUPLE_ORIG])),
            attribute(STATUS, status.to_bytes(4, "big")),
            attribute(TIMEOUT, found[TIMEOUT]),
        ]
        if (reply.destination, reply.to) != (plain.destination, plain.to):
            parts.append(_nat(NAT_SRC, reply.destination, reply.to))
        if (reply.source, reply.come) != (plain.source, plain.come):
            parts.append(_nat(NAT_DST, reply.source, reply.come))
        if orig.protocol == socket.IPPROTO_TCP:
            parts.append(_tcp(found[PROTOINFO]))
    except (KeyError, IndexError, ValueError):
        return None
    return b"".join(parts)


class _Ends:
    """A tuple's addresses and ports; of ICMP both ports are the identifier."""

    def __init__(self, addresses: Attributes, proto: Attributes) -> None:
        self.source, self.destination = addresses[IP_SRC], addresses[IP_DST]
        self.protocol = proto[PROTO_NUM][0]
        number = proto.get(ICMP_ID, b"")
        self.come = proto.get(PROTO_SRC_PORT, number)
        self.to = proto.get(PROTO_DST_PORT, number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Ends) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.source, self.destination, self.come, self.to))


def _ends(tuple_: bytes) -> _Ends:
    found = attributes(tuple_)
    return _Ends(attributes(found[TUPLE_IP]), attributes(found[TUPLE_PROTO]))


def _inverse(tuple_: bytes) -> bytes:
    """The tuple of replies, were there no translation."""
    found = attributes(tuple_)
    addresses, proto = attributes(found[TUPLE_IP]), attributes(found[TUPLE_PROTO])
    turned = attribute(IP_SRC, addresses[IP_DST]) + attribute(IP_DST, addresses[IP_SRC])
    layer4 = attribute(PROTO_NUM, proto[PROTO_NUM])
    if PROTO_SRC_PORT in proto:
        layer4 += attribute(PROTO_SRC_PORT, proto[PROTO_DST_PORT])
        layer4 += attribute(PROTO_DST_PORT, proto[PROTO_SRC_PORT])
    elif ICMP_ID in proto:
        kind = proto[ICMP_TYPE][0]
        layer4 += attribute(ICMP_ID, proto[ICMP_ID]) + u8(ICMP_TYPE, ECHO.get(kind, kind))
        layer4 += attribute(ICMP_CODE, proto[ICMP_CODE])
    return attribute(TUPLE_IP | NESTED, turned) + attribute(TUPLE_PROTO | NESTED, layer4)


def _nat(kind: int, address: bytes, port: bytes) -> bytes:
    body = attribute(NAT_MINIP, address) + attribute(NAT_MAXIP, address)
    if port:
        ports = attribute(PORT_MIN, port) + attribute(PORT_MAX, port)
        body += attribute(NAT_PROTO | NESTED, ports)
    return attribute(kind | NESTED, body)


def _tcp(protoinfo: bytes) -> bytes:
    state = attributes(attributes(protoinfo)[PROTOINFO_TCP])[TCP_STATE]
    body = attribute(TCP_STATE, state)
    for flags in (TCP_FLAGS_ORIG, TCP_FLAGS_REPLY):
        body += attribute(flags, LIBERAL)
    return attribute(PROTOINFO | NESTED, attribute(PROTOINFO_TCP | NESTED, body))
