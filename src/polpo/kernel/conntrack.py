"""Connections forgotten by conntrack of the calling thread's namespace (nfnetlink_conntrack.h).

The kernel finds them (CTA_FILTER in a dump, since Linux 5.8; in a deletion only since 6.8).
"""

import contextlib
import socket
import struct
from collections.abc import Mapping, Set
from ipaddress import IPv4Address

from polpo.kernel.netlink import Netlink, attribute, attributes, u32
from polpo.kernel.nftables import NETLINK_NETFILTER

CT_GET, CT_DELETE = 1 << 8 | 1, 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_*
CTA_TUPLE_ORIG, CTA_FILTER = 1, 25
CTA_TUPLE_IP, CTA_IP_V4_SRC, CTA_IP_V4_DST = 1, 1, 2
CTA_FILTER_ORIG_FLAGS, CTA_FILTER_REPLY_FLAGS = 1, 2
FLAG_IP_SRC, FLAG_IP_DST = 1 << 0, 1 << 1  # CTA_FILTER_F_*
NESTED = 0x8000
MANY = 4  # the kernel walks its whole table for each filter; more addresses are picked out here
_NFGENMSG = struct.Struct("=BBH")
_HEAD = _NFGENMSG.pack(socket.AF_INET, 0, 0)


def forget(sources: Set[IPv4Address], destinations: Set[IPv4Address]) -> None:
    """All connections that the sources have begun, and all that were begun to the destinations.

    As their originator named them, before translation.
    """
    ends = {CTA_IP_V4_SRC: sources, CTA_IP_V4_DST: destinations}
    if len(sources) + len(destinations) > MANY:
        return _forget_among(b"", ends)
    for kind, addresses in ends.items():
        for address in addresses:
            _forget_among(_filter(kind, address), {kind: {address}})
    return None


def forget_all() -> None:
    """Every IPv4 connection."""
    with conntrack_socket() as netlink:
        netlink.write(CT_DELETE, _HEAD)


def _filter(kind: int, address: IPv4Address) -> bytes:
    end = attribute(CTA_TUPLE_IP | NESTED, attribute(kind, address.packed))
    flag = FLAG_IP_SRC if kind == CTA_IP_V4_SRC else FLAG_IP_DST
    flags = u32(CTA_FILTER_ORIG_FLAGS, flag) + u32(CTA_FILTER_REPLY_FLAGS, 0)
    return attribute(CTA_TUPLE_ORIG | NESTED, end) + attribute(CTA_FILTER | NESTED, flags)


def _forget_among(request: bytes, ends: Mapping[int, Set[IPv4Address]]) -> None:
    packed = {kind: {address.packed for address in addresses} for kind, addresses in ends.items()}
    with conntrack_socket() as netlink:
        for found in netlink.dump(CT_GET, _HEAD + request):
            tuple_ = attributes(found, _NFGENMSG.size)[CTA_TUPLE_ORIG]
            end = attributes(attributes(tuple_)[CTA_TUPLE_IP])
            if any(end[kind] in addresses for kind, addresses in packed.items()):
                with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
                    netlink.write(CT_DELETE, _HEAD + attribute(CTA_TUPLE_ORIG | NESTED, tuple_))


def conntrack_socket() -> Netlink:
    """For the calling thread's namespace. Close it."""
    raw = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    return Netlink(socket.socket(socket.AF_NETLINK, raw, NETLINK_NETFILTER))
