"""What a workload's own stack does before a packet gets to the switch: source, next hop, frame.

It has configured what DHCP or the CNI plugin tells it: addresses with their prefixes, the subnets'
host routes, and their gateways.
"""

import struct
from collections.abc import Iterator
from ipaddress import ip_address, ip_network

import msgspec

from polpo.dataplane.frames import ICMP, ICMPV6, IPV4, IPV6, TCP, UDP
from polpo.model.network import Subnet
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot
from polpo.trace.values import Question

SOURCE_PORT = 49152
TTL = 64
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


class Sending(msgspec.Struct, frozen=True):
    """`next_hop` is the destination itself where it is on the link."""

    source: str
    next_hop: str
    prefix: str
    subnet: str  # id


def sending(snapshot: Snapshot, port: Port, to: str) -> Sending | None:
    """By the longest prefix; None if the workload has no address of the family, or no route."""
    found = (way for way in _ways(snapshot, port, to) if ip_address(to) in ip_network(way.prefix))
    return max(found, key=lambda way: ip_network(way.prefix).prefixlen, default=None)


def _ways(snapshot: Snapshot, port: Port, to: str) -> Iterator[Sending]:
    version = ip_address(to).version
    for fixed in port.fixed_ips:
        subnet = snapshot.get(Subnet, fixed.subnet_id)
        if subnet is None or subnet.ip_version != version:
            continue
        yield Sending(fixed.ip_address, to, subnet.cidr, subnet.id)
        for route in subnet.host_routes:
            yield Sending(fixed.ip_address, route.nexthop, route.destination, subnet.id)
        if subnet.gateway_ip:
            yield Sending(fixed.ip_address, subnet.gateway_ip, EVERYWHERE[version], subnet.id)


def frame(macs: bytes, source: str, question: Question) -> bytes:
    """`macs`: destination and source. The beginning of a connection, a datagram, an echo request.

    Checksums are left out, as only the model reads it.
    """
    body, ends = _body(question), _ends(source) + _ends(question.to)
    if ":" in question.to:
        head = struct.pack("!IHBB", 6 << 28, len(body), question.protocol, TTL)
        return macs + IPV6.to_bytes(2, "big") + head + ends + body
    length = 20 + len(body)
    head = struct.pack("!BBHHHBBH", 0x45, 0, length, 0, 0, TTL, question.protocol, 0)
    return macs + IPV4.to_bytes(2, "big") + head + ends + body


def _ends(text: str) -> bytes:
    return ip_address(text).packed


def _body(question: Question) -> bytes:
    ports = SOURCE_PORT, question.number
    if question.protocol == TCP:
        return struct.pack("!HHIIBBHHH", *ports, 0, 0, 0x50, 2, 0xFFFF, 0, 0)
    if question.protocol == UDP:
        return struct.pack("!HHHH", *ports, 8, 0)
    if question.protocol in (ICMP, ICMPV6):
        return bytes([128 if question.protocol == ICMPV6 else 8, *bytes(7)])
    return struct.pack("!HH", *ports) + bytes(8)
