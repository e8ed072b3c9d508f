"""Connections forgotten by conntrack of the calling thread's namespace (nfnetlink_conntrack.h).

The kernel finds them itself (CTA_FILTER, since Linux 5.8): one message an address, whatever there is.
"""

import socket
import struct
from ipaddress import IPv4Address

from polpo.kernel.netlink import Netlink, attribute, u32
from polpo.kernel.nftables import NETLINK_NETFILTER

CT_DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
CTA_TUPLE_ORIG, CTA_FILTER = 1, 25
CTA_TUPLE_IP, CTA_IP_V4_SRC, CTA_IP_V4_DST = 1, 1, 2
CTA_FILTER_ORIG_FLAGS, CTA_FILTER_REPLY_FLAGS = 1, 2
FLAG_IP_SRC, FLAG_IP_DST = 1 << 0, 1 << 1
NESTED = 0x8000
_NFGENMSG = struct.Struct("=BBH")


def forget(*, source: IPv4Address | None = None, destination: IPv4Address | None = None) -> None:
    """All connections whose originator is `source`, or said `destination` (before translation)."""
    kind, flag = (CTA_IP_V4_SRC, FLAG_IP_SRC) if source else (CTA_IP_V4_DST, FLAG_IP_DST)
    address = attribute(kind, (source or destination or IPv4Address(0)).packed)
    body = _NFGENMSG.pack(socket.AF_INET, 0, 0)
    body += attribute(CTA_TUPLE_ORIG | NESTED, attribute(CTA_TUPLE_IP | NESTED, address))
    flags = u32(CTA_FILTER_ORIG_FLAGS, flag) + u32(CTA_FILTER_REPLY_FLAGS, 0)
    body += attribute(CTA_FILTER | NESTED, flags)
    raw = socket.SOCK_RAW | socket.SOCK_CLOEXEC
    with Netlink(socket.socket(socket.AF_NETLINK, raw, NETLINK_NETFILTER)) as netlink:
        netlink.write(CT_DELETE, body)
