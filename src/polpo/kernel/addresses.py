"""Addresses and routes of one device by netlink (linux/if_addr.h, rtnetlink.h).

Both carry who made them: a *protocol* number (IFA_PROTO, since Linux 5.18, and rtm_protocol).
Reads answer only what carries PROTOCOL; what others put on the device is theirs.
"""

import ipaddress
import socket
import struct

import msgspec

from polpo.kernel.netlink import (
    F_CREATE,
    F_REPLACE,
    Netlink,
    attribute,
    attributes,
    number,
    u8,
    u32,
)

RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR = 20, 21, 22
RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE = 24, 25, 26
PROTOCOL = 112  # "p"; free in iproute2's rt_protos and rt_addrprotos
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS, IFA_PROTO = 1, 2, 8, 11
IFA_F_NODAD = 0x02
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_PRIORITY = 1, 4, 5, 6
IP6_RT_PRIO_USER = 1024  # what the kernel makes of no metric, IPv6 only
RT_TABLE_MAIN, RTN_UNICAST, RTNH_F_ONLINK = 254, 1, 4
SCOPE_UNIVERSE, SCOPE_LINK = 0, 253

_ADDRESS = struct.Struct("=BBBBi")  # family, prefix length, flags, scope, index
_ROUTE = struct.Struct("=BBBBBBBBI")  # family, dst, src, tos, table, protocol, scope, type, flags


class Route(msgspec.Struct, frozen=True, order=True):
    """`via` None means that the destination is on the link; metric 0 is the family's default."""

    destination: str
    via: str | None
    metric: int = 0


def dump_addresses(netlink: Netlink, index: int) -> list[bytes]:
    return netlink.dump(RTM_GETADDR, _ADDRESS.pack(0, 0, 0, 0, index))


def dump_routes(netlink: Netlink, index: int, protocol: int = PROTOCOL) -> list[bytes]:
    """Ours of the main table (everybody's for protocol 0); the kernel filters."""
    found: list[bytes] = []
    for family in (socket.AF_INET, socket.AF_INET6):
        body = _ROUTE.pack(family, 0, 0, 0, RT_TABLE_MAIN, protocol, 0, 0, 0) + u32(RTA_OIF, index)
        found += netlink.dump(RTM_GETROUTE, body)
    return found


def destinations(netlink: Netlink, index: int) -> frozenset[str]:
    """The prefixes that have a route by the device, whoever made it."""
    return frozenset(route.destination for route in parse_routes(dump_routes(netlink, index, 0)))


def parse_addresses(bodies: list[bytes]) -> frozenset[str]:
    """Ours, as address/length."""
    return frozenset(a for a in map(_parse_address, bodies) if a is not None)


def everybody(netlink: Netlink) -> list[str]:
    """All addresses of this network namespace but loopback's, without lengths."""
    found = [attributes(body, _ADDRESS.size) for body in dump_addresses(netlink, 0)]
    texts = [ipaddress.ip_address(a.get(IFA_LOCAL) or a[IFA_ADDRESS]) for a in found]
    return [str(address) for address in texts if not address.is_loopback]


def holders(netlink: Netlink, address: str) -> set[int]:
    """The devices that have the address."""
    bodies = dump_addresses(netlink, 0)
    return {_ADDRESS.unpack_from(body)[4] for body in bodies if holds([body], address)}


def holds(bodies: list[bytes], address: str) -> bool:
    """Whether the address is among them, whoever put it there."""
    packed = ipaddress.ip_address(address).packed
    found = (attributes(body, _ADDRESS.size) for body in bodies)
    return any(packed in (a.get(IFA_LOCAL), a.get(IFA_ADDRESS)) for a in found)


def _parse_address(body: bytes) -> str | None:
    _, length, _, _, _ = _ADDRESS.unpack_from(body)
    found = attributes(body, _ADDRESS.size)
    if number(found.get(IFA_PROTO)) != PROTOCOL:
        return None
    return f"{ipaddress.ip_address(found.get(IFA_LOCAL) or found[IFA_ADDRESS])}/{length}"


def parse_routes(bodies: list[bytes]) -> frozenset[Route]:
    return frozenset(map(_parse_route, bodies))


def _parse_route(body: bytes) -> Route:
    family, length, *_ = _ROUTE.unpack_from(body)
    found = attributes(body, _ROUTE.size)
    zero = bytes(4 if family == socket.AF_INET else 16)
    destination = ipaddress.ip_address(found.get(RTA_DST, zero))
    via = found.get(RTA_GATEWAY)
    metric = number(found.get(RTA_PRIORITY))
    if family == socket.AF_INET6 and metric == IP6_RT_PRIO_USER:
        metric = 0
    next_hop = str(ipaddress.ip_address(via)) if via else None
    return Route(f"{destination}/{length}", next_hop, metric)


def add_address(netlink: Netlink, index: int, address: str) -> None:
    """Replaces; without duplicate address detection: the switch lets nobody else use it."""
    netlink.write(RTM_NEWADDR, _address(index, address), F_CREATE | F_REPLACE)


def delete_address(netlink: Netlink, index: int, address: str) -> None:
    netlink.write(RTM_DELADDR, _address(index, address))


def _address(index: int, address: str) -> bytes:
    interface = ipaddress.ip_interface(address)
    packed, length = interface.ip.packed, interface.network.prefixlen
    head = _ADDRESS.pack(_family(interface.version), length, 0, SCOPE_UNIVERSE, index)
    body = head + attribute(IFA_LOCAL, packed) + attribute(IFA_ADDRESS, packed)
    return body + u32(IFA_FLAGS, IFA_F_NODAD) + u8(IFA_PROTO, PROTOCOL)


def add_route(netlink: Netlink, index: int, route: Route) -> None:
    netlink.write(RTM_NEWROUTE, _route(index, route), F_CREATE | F_REPLACE)


def delete_route(netlink: Netlink, index: int, route: Route) -> None:
    netlink.write(RTM_DELROUTE, _route(index, route))


def _route(index: int, route: Route) -> bytes:
    network = ipaddress.ip_network(route.destination)
    family, length = _family(network.version), network.prefixlen
    scope = SCOPE_UNIVERSE if route.via or network.version == 6 else SCOPE_LINK
    flags = RTNH_F_ONLINK if route.via else 0
    head = _ROUTE.pack(family, length, 0, 0, RT_TABLE_MAIN, PROTOCOL, scope, RTN_UNICAST, flags)
    body = head + attribute(RTA_DST, network.network_address.packed) + u32(RTA_OIF, index)
    if route.via:
        body += attribute(RTA_GATEWAY, ipaddress.ip_address(route.via).packed)
    if route.metric:
        body += u32(RTA_PRIORITY, route.metric)
    return body


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def addresses_of(device: str) -> list[str]:
    """All addresses of a device, whoever put them there, without those of the link (fe80::)."""
    with Netlink() as netlink:
        bodies = dump_addresses(netlink, socket.if_nametoindex(device))
    found = (attributes(body, _ADDRESS.size) for body in bodies)
    addresses = (ipaddress.ip_address(a.get(IFA_LOCAL) or a[IFA_ADDRESS]) for a in found)
    return [
        str(address) for address in addresses if not address.is_link_local or address.version == 4
    ]
