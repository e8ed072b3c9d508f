"""BPF programs at both sides of devices: clsact and cls_bpf by netlink (linux/pkt_cls.h).

tcx would be simpler, but needs Linux 6.6.
"""

import struct

import msgspec

from polpo.kernel.netlink import (
    F_CREATE,
    F_EXCL,
    F_REPLACE,
    Netlink,
    attribute,
    attributes,
    number,
    string,
    text,
    u32,
)

RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC = 36, 37, 38
RTM_NEWTFILTER, RTM_DELTFILTER, RTM_GETTFILTER = 44, 45, 46
TC_H_CLSACT, CLSACT_HANDLE, INGRESS = 0xFFFFFFF1, 0xFFFF0000, 0xFFFFFFF2
EGRESS = 0xFFFFFFF3
TCA_KIND, TCA_OPTIONS = 1, 2
BPF_FD, BPF_NAME, BPF_FLAGS, BPF_ID = 6, 7, 8, 11
DIRECT_ACTION = 1
ETH_P_ALL = 0x0300  # 0x0003 in network order

_TC = struct.Struct("=BxxxiIII")  # family, index, handle, parent, info (preference, protocol)


class Filter(msgspec.Struct, frozen=True):
    """A cls_bpf filter; of other kinds `program` is 0 and the name empty."""

    preference: int
    handle: int
    kind: str
    name: str = ""
    program: int = 0


def dump_filters(netlink: Netlink, index: int, parent: int = INGRESS) -> list[bytes]:
    return netlink.dump(RTM_GETTFILTER, _TC.pack(0, index, 0, parent, 0))


def has_filters(netlink: Netlink, index: int) -> bool:
    """Anybody's, in either direction."""
    return any(parse_filters(dump_filters(netlink, index, at)) for at in (INGRESS, EGRESS))


def parse_filters(bodies: list[bytes]) -> list[Filter]:
    """Heads without a filter (handle 0) are left out."""
    return [f for f in map(_parse_filter, bodies) if f.handle]


def _parse_filter(body: bytes) -> Filter:
    _, _, handle, _, info = _TC.unpack_from(body)
    found = attributes(body, _TC.size)
    kind = string(found.get(TCA_KIND))
    options = attributes(found.get(TCA_OPTIONS, b"")) if kind == "bpf" else {}
    return Filter(
        info >> 16, handle, kind, string(options.get(BPF_NAME)), number(options.get(BPF_ID))
    )


def put_filter(
    netlink: Netlink,
    index: int,
    preference: int,
    handle: int,
    name: str,
    program_fd: int,
    parent: int = INGRESS,
) -> None:
    """Attach the program, or swap it in one step for the one that is there."""
    ensure_clsact(netlink, index)
    options = u32(BPF_FD, program_fd) + text(BPF_NAME, name) + u32(BPF_FLAGS, DIRECT_ACTION)
    head = _TC.pack(0, index, handle, parent, preference << 16 | ETH_P_ALL)
    body = head + text(TCA_KIND, "bpf") + attribute(TCA_OPTIONS, options)
    netlink.write(RTM_NEWTFILTER, body, F_CREATE | F_REPLACE)


def remove_filter(
    netlink: Netlink, index: int, preference: int, handle: int, parent: int = INGRESS
) -> None:
    body = _TC.pack(0, index, handle, parent, preference << 16 | ETH_P_ALL)
    netlink.write(RTM_DELTFILTER, body + text(TCA_KIND, "bpf"))


def ensure_clsact(netlink: Netlink, index: int) -> None:
    """There is one already if somebody else watches the device: it is shared."""
    body = _TC.pack(0, index, CLSACT_HANDLE, TC_H_CLSACT, 0) + text(TCA_KIND, "clsact")
    try:
        netlink.write(RTM_NEWQDISC, body, F_CREATE | F_EXCL)
    except FileExistsError:
        return


def remove_clsact(netlink: Netlink, index: int) -> None:
    netlink.write(RTM_DELQDISC, _TC.pack(0, index, CLSACT_HANDLE, TC_H_CLSACT, 0))
