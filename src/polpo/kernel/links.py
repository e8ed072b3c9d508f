"""Devices by netlink (linux/if_link.h): veth pairs, VXLAN, macvlan, VLAN, and their settings."""

import errno
import ipaddress
import socket
import struct

import msgspec

from polpo.kernel.netlink import (
    F_CREATE,
    F_EXCL,
    Netlink,
    attribute,
    attributes,
    number,
    string,
    text,
    u8,
    u32,
    without,
)

RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK = 16, 17, 18
IFF_UP, IFF_NOARP = 1, 0x80
ADDRESS, IFNAME, MTU, LINK, TXQLEN, LINKINFO, IFALIAS, GROUP = 1, 3, 4, 5, 13, 18, 20, 27
NET_NS_FD, EXT_MASK, CARRIER = 28, 29, 33
INFO_KIND, INFO_DATA = 1, 2
VETH_INFO_PEER = 1
MACVLAN_MODE, MACVLAN_MODE_VEPA, MACVLAN_MODE_BRIDGE = 1, 2, 4
VLAN_ID = 1
VXLAN_LOCAL, VXLAN_LEARNING, VXLAN_PORT, VXLAN_LOCAL6, VXLAN_COLLECT_METADATA = 4, 7, 15, 17, 25
COUNTERS = frozenset((7, 23))  # IFLA_STATS, IFLA_STATS64
SKIP_STATISTICS = 1 << 3  # leaves out some more, nested deeper

_INFO = struct.Struct("=BxHiII")  # family, type, index, flags, change


class Vxlan(msgspec.Struct, frozen=True):
    """What polpo asks of its VXLAN device. `local` is the underlay address."""

    port: int
    local: str
    metadata: bool = True
    learning: bool = False


class Link(msgspec.Struct, frozen=True):
    """A device as the kernel has it.

    `peer` is the index of a veth's other end, or of what a macvlan or VLAN is on; each in its
    own namespace. `mode` is of a macvlan, `vlan` a VLAN's id. `carrier`: up, and the cable is in.
    Without `arp` no MAC is asked for.
    """

    index: int
    name: str
    kind: str
    up: bool
    mtu: int
    mac: str
    alias: str
    group: int
    peer: int
    vxlan: Vxlan | None = None
    mode: int = 0
    vlan: int = 0
    arp: bool = True
    carrier: bool = False


def dump_links(netlink: Netlink) -> list[bytes]:
    """Without counters, which would make every dump differ from the last."""
    request = _INFO.pack(0, 0, 0, 0, 0) + u32(EXT_MASK, SKIP_STATISTICS)
    return [without(x, _INFO.size, COUNTERS) for x in netlink.dump(RTM_GETLINK, request)]


def get_link(netlink: Netlink, name: str) -> Link:
    """The device of that name. OSError if there is none."""
    request = _INFO.pack(0, 0, 0, 0, 0) + text(IFNAME, name) + u32(EXT_MASK, SKIP_STATISTICS)
    return parse_link(netlink.get(RTM_GETLINK, request))


def parse_link(body: bytes) -> Link:
    _, _, index, flags, _ = _INFO.unpack_from(body)
    found = attributes(body, _INFO.size)
    info = attributes(found.get(LINKINFO, b""))
    kind = string(info.get(INFO_KIND))
    data = info.get(INFO_DATA, b"")
    return Link(
        index=index,
        name=string(found.get(IFNAME)),
        kind=kind,
        up=bool(flags & IFF_UP),
        mtu=number(found.get(MTU)),
        mac=found.get(ADDRESS, b"").hex(":"),
        alias=string(found.get(IFALIAS)),
        group=number(found.get(GROUP)),
        peer=number(found.get(LINK)),
        vxlan=_parse_vxlan(data) if kind == "vxlan" else None,
        mode=number(attributes(data).get(MACVLAN_MODE)) if kind == "macvlan" else 0,
        vlan=number(attributes(data).get(VLAN_ID)) if kind == "vlan" else 0,
        arp=not flags & IFF_NOARP,
        carrier=bool(number(found.get(CARRIER))),
    )


def _parse_vxlan(data: bytes) -> Vxlan:
    found = attributes(data)
    local = found.get(VXLAN_LOCAL) or found.get(VXLAN_LOCAL6) or bytes(4)
    return Vxlan(
        port=int.from_bytes(found.get(VXLAN_PORT, b""), "big"),
        local=str(ipaddress.ip_address(local)),
        metadata=bool(number(found.get(VXLAN_COLLECT_METADATA))),
        learning=bool(number(found.get(VXLAN_LEARNING))),
    )


def add_veth(
    netlink: Netlink, name: str, group: int, mtu: int, peer_netns: int, device: str, mac: str
) -> None:
    """A pair in one request: our end here, down; the other in `peer_netns` (an open handle)."""
    peer = _INFO.pack(0, 0, 0, 0, 0) + text(IFNAME, device) + u32(MTU, mtu)
    peer += attribute(ADDRESS, _mac(mac)) + u32(NET_NS_FD, peer_netns) + u32(TXQLEN, 1000)
    ours = text(IFNAME, name) + u32(GROUP, group) + u32(MTU, mtu) + u32(TXQLEN, 1000)
    _add(netlink, ours, "veth", attribute(VETH_INFO_PEER, peer))


def add_vxlan(netlink: Netlink, name: str, group: int, mtu: int, vxlan: Vxlan) -> None:
    """The tunnel device: who gets a packet is told by the switch with each packet."""
    local = ipaddress.ip_address(vxlan.local)
    data = attribute(VXLAN_LOCAL if local.version == 4 else VXLAN_LOCAL6, local.packed)
    data += attribute(VXLAN_PORT, struct.pack("!H", vxlan.port))
    data += u8(VXLAN_LEARNING, vxlan.learning) + u8(VXLAN_COLLECT_METADATA, vxlan.metadata)
    _add(netlink, text(IFNAME, name) + u32(GROUP, group) + u32(MTU, mtu), "vxlan", data)


def add_macvlan(
    netlink: Netlink, name: str, index: int, on: int, mtu: int, mac: str, target_netns: int
) -> None:
    """In another namespace (an open handle), on the device with index `on` of this one.

    In VEPA mode: frames for its MAC from others on the same device go out. Down.
    Its own index is the caller's choice, because Linux takes a device with the index of the one it
    is on (which is in another namespace) for one that is on none, and says the loss of its carrier
    up to a second later (net/core/link_watch.c, linkwatch_urgent_event).
    """
    settings = text(IFNAME, name) + u32(LINK, on) + u32(MTU, mtu) + attribute(ADDRESS, _mac(mac))
    settings += u32(NET_NS_FD, target_netns) + u32(TXQLEN, 1000)
    _add(netlink, settings, "macvlan", u32(MACVLAN_MODE, MACVLAN_MODE_VEPA), index)


def set_macvlan_mode(netlink: Netlink, index: int, mode: int) -> None:
    info = text(INFO_KIND, "macvlan") + attribute(INFO_DATA, u32(MACVLAN_MODE, mode))
    body = _INFO.pack(socket.AF_UNSPEC, 0, index, 0, 0) + attribute(LINKINFO, info)
    netlink.write(RTM_NEWLINK, body)


def add_vlan(netlink: Netlink, name: str, group: int, on: int, vlan: int) -> None:
    """A device for the frames with this 802.1Q tag of the device with index `on`. Down."""
    settings = text(IFNAME, name) + u32(GROUP, group) + u32(LINK, on)
    _add(netlink, settings, "vlan", attribute(VLAN_ID, struct.pack("=H", vlan)))


def add_holder(netlink: Netlink, name: str) -> None:
    """A device that holds addresses and leads nowhere. Down. In a kernel that has no dummy devices
    it is a bridge without ports."""
    try:
        _add(netlink, text(IFNAME, name), "dummy", b"")
    except OSError as failed:
        if failed.errno != errno.EOPNOTSUPP:
            raise
        _add(netlink, text(IFNAME, name), "bridge", b"")


def _add(netlink: Netlink, settings: bytes, kind: str, data: bytes, index: int = 0) -> None:
    info = attribute(LINKINFO, text(INFO_KIND, kind) + attribute(INFO_DATA, data))
    body = _INFO.pack(socket.AF_UNSPEC, 0, index, 0, 0) + settings + info
    netlink.write(RTM_NEWLINK, body, F_CREATE | F_EXCL)


def set_link(
    netlink: Netlink,
    index: int,
    *,
    up: bool | None = None,
    arp: bool | None = None,
    mtu: int | None = None,
    mac: str | None = None,
    alias: str | None = None,
    name: str | None = None,
) -> None:
    """Change what is given of one device."""
    settings = u32(MTU, mtu) if mtu is not None else b""
    settings += attribute(ADDRESS, _mac(mac)) if mac is not None else b""
    settings += text(IFALIAS, alias) if alias is not None else b""
    settings += text(IFNAME, name) if name is not None else b""
    flags = (IFF_UP if up else 0) | (IFF_NOARP if arp is False else 0)
    change = (0 if up is None else IFF_UP) | (0 if arp is None else IFF_NOARP)
    netlink.write(RTM_NEWLINK, _INFO.pack(0, 0, index, flags, change) + settings)


def delete_link(netlink: Netlink, index: int) -> None:
    netlink.write(RTM_DELLINK, _INFO.pack(0, 0, index, 0, 0))


def _mac(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))
