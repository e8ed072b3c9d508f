"""Connections forgotten by conntrack of the calling thread's namespace (nfnetlink_conntrack.h).

The kernel finds those of an address (CTA_FILTER in a dump, since Linux 5.8; in a deletion only
since 6.8), the caller says which of them are wrong.
"""

import contextlib
import socket
import struct
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address
from typing import NamedTuple

from polpo.kernel.netlink import Netlink, attribute, attributes, u32
from polpo.kernel.nftables import NETLINK_NETFILTER

CT_GET, CT_DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_*
CTA_TUPLE_ORIG, CTA_TUPLE_REPLY, CTA_FILTER = 1, 2, 25
CTA_TUPLE_IP, CTA_TUPLE_PROTO = 1, 2
CTA_IP_V4_SRC, CTA_IP_V4_DST, CTA_IP_V6_SRC, CTA_IP_V6_DST = 1, 2, 3, 4
CTA_PROTO_NUM, CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT = 1, 2, 3
CTA_FILTER_ORIG_FLAGS, CTA_FILTER_REPLY_FLAGS = 1, 2
FLAG_IP_SRC, FLAG_IP_DST = 1 << 0, 1 << 1  # CTA_FILTER_F_*
NESTED = 0x8000
_NFGENMSG = struct.Struct("=BBH")
_TUPLE = "8x 4x4s 4x4s 4x 4xB3x 4xH2x 4xH2x"  # as the kernel lays out IPv4 and ports: 52 bytes
_PLAIN = struct.Struct("!" + 2 * _TUPLE)
_PLAIN_LENGTH = struct.pack("=H", _PLAIN.size // 2)


class Connection(NamedTuple):
    """As its originator named it, and as what it is answered: the difference is translation.

    Addresses are packed, `port` is where it leads to and `answers_port` where that is inside; 0
    without ports.
    """

    protocol: int
    source: bytes
    destination: bytes
    port: int
    answers: bytes  # who does
    answers_port: int
    answered: bytes  # to whom


Wrong = Callable[[Connection], bool]


def forget_all() -> None:
    """Every IPv4 connection."""
    with conntrack_socket() as netlink:
        netlink.write(CT_DELETE, _head(socket.AF_INET))


def forget(wrong: Wrong) -> None:
    """Those of all, of both families, that are wrong."""
    for family in (socket.AF_INET, socket.AF_INET6):
        _forget(wrong, _head(family))


def forget_of(
    wrong: Wrong, sources: Iterable[IPv4Address], destinations: Iterable[IPv4Address]
) -> None:
    """Those that are wrong of what the sources have begun, or was begun to the destinations.

    The kernel walks its whole table for each of the addresses.
    """
    for source in sources:
        _forget(wrong, _head(socket.AF_INET) + _filter(CTA_IP_V4_SRC, FLAG_IP_SRC, source))
    for destination in destinations:
        _forget(wrong, _head(socket.AF_INET) + _filter(CTA_IP_V4_DST, FLAG_IP_DST, destination))


def conntrack_socket() -> Netlink:
    """For the calling thread's namespace. Close it."""
    raw = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    return Netlink(socket.socket(socket.AF_NETLINK, raw, NETLINK_NETFILTER))


def parse(body: bytes) -> Connection:
    """Most are of one layout: they are taken apart at once, 40 times as fast."""
    orig, reply = body[4:6], body[56:58]
    if body[0] == socket.AF_INET and orig == reply == _PLAIN_LENGTH:
        unpacked = _PLAIN.unpack_from(body, _NFGENMSG.size)
        source, destination, protocol, _, port, answers, answered, _, answers_port, _ = unpacked
        return Connection(protocol, source, destination, port, answers, answers_port, answered)
    found = attributes(body, _NFGENMSG.size)
    protocol, source, destination, _, port = _tuple(found[CTA_TUPLE_ORIG])
    _, answers, answered, answers_port, _ = _tuple(found[CTA_TUPLE_REPLY])
    return Connection(protocol, source, destination, port, answers, answers_port, answered)


def _tuple(data: bytes) -> tuple[int, bytes, bytes, int, int]:
    """Protocol, addresses, ports: whose it is and to whom it goes."""
    found = attributes(data)
    ends, layer4 = attributes(found[CTA_TUPLE_IP]), attributes(found[CTA_TUPLE_PROTO])
    source, destination = (
        (ends[CTA_IP_V4_SRC], ends[CTA_IP_V4_DST])
        if CTA_IP_V4_SRC in ends
        else (ends[CTA_IP_V6_SRC], ends[CTA_IP_V6_DST])
    )
    ports = (layer4.get(kind, b"") for kind in (CTA_PROTO_SRC_PORT, CTA_PROTO_DST_PORT))
    own, peers = (int.from_bytes(port, "big") for port in ports)
    return layer4[CTA_PROTO_NUM][0], source, destination, own, peers


def _head(family: int) -> bytes:
    return _NFGENMSG.pack(family, 0, 0)


def _filter(kind: int, flag: int, address: IPv4Address) -> bytes:
    end = attribute(CTA_TUPLE_IP | NESTED, attribute(kind, address.packed))
    flags = u32(CTA_FILTER_ORIG_FLAGS, flag) + u32(CTA_FILTER_REPLY_FLAGS, 0)
    return attribute(CTA_TUPLE_ORIG | NESTED, end) + attribute(CTA_FILTER | NESTED, flags)


def _forget(wrong: Wrong, request: bytes) -> None:
    with conntrack_socket() as netlink:
        for found in netlink.dump(CT_GET, request):
            if wrong(parse(found)):
                orig = attributes(found, _NFGENMSG.size)[CTA_TUPLE_ORIG]
                name = found[: _NFGENMSG.size] + attribute(CTA_TUPLE_ORIG | NESTED, orig)
                with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                    netlink.write(CT_DELETE, name)
