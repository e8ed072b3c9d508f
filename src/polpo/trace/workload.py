"""What a workload's own stack does before a packet gets to the switch: source, next hop, frame.

It has configured what DHCP or the CNI plugin tells it: addresses with their prefixes, the subnets'
host routes, and their gateways.
"""

import struct
from collections.abc import Iterator, Sequence
from ipaddress import IPv6Address, ip_address, ip_network

import msgspec

from polpo.dataplane import metadata
from polpo.dataplane.endpoints import link_local
from polpo.dataplane.frames import ICMP, ICMPV6, IPV4, IPV6, TCP, UDP, checksum
from polpo.dataplane.tables import pack_mac
from polpo.model.network import Subnet
from polpo.model.port import Port
from polpo.model.snapshot import Snapshot
from polpo.trace.values import Question

SOURCE_PORT = 49152
TTL = 64
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
BITS = {4: 32, 6: 128}


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
    found = [(fixed, snapshot.get(Subnet, fixed.subnet_id)) for fixed in port.fixed_ips]
    held = [(fixed.ip_address, s) for fixed, s in found if s and s.ip_version == version]
    for source, subnet in held:
        yield Sending(source, to, subnet.cidr, subnet.id)
        for route in subnet.host_routes:
            if _is_hop(route.nexthop, held):
                yield Sending(source, route.nexthop, route.destination, subnet.id)
        if subnet.gateway_ip and subnet.gateway_ip != source:
            yield Sending(source, subnet.gateway_ip, EVERYWHERE[version], subnet.id)
        if to in metadata.ADDRESSES:
            yield Sending(_on_link(port, source), to, f"{to}/{BITS[version]}", subnet.id)


def _on_link(port: Port, source: str) -> str:
    """What is spoken from to the metadata service, which is on every link."""
    return str(IPv6Address(link_local(pack_mac(port.mac_address)))) if ":" in source else source


def _is_hop(address: str, held: Sequence[tuple[str, Subnet]]) -> bool:
    """A stack takes no route by way of itself, or of what is not on a link."""
    own = {source for source, _ in held}
    on_link = any(ip_address(address) in ip_network(subnet.cidr) for _, subnet in held)
    return on_link and address not in own


def frame(
    macs: bytes, source: str, question: Question, data: bytes = b"", source_port: int = SOURCE_PORT
) -> bytes:
    """`macs`: destination and source. The beginning of a connection, a datagram, an echo request.

    With right checksums: it may be sent. `data` is what it ends with.
    """
    ends = ip_address(source).packed + ip_address(question.to).packed
    body = _summed(question, ends, _head(question, source_port, len(data)) + data)
    if ":" in question.to:
        head = struct.pack("!IHBB", 6 << 28, len(body), question.protocol, TTL)
        return macs + IPV6.to_bytes(2, "big") + head + ends + body
    length = 20 + len(body)
    head = struct.pack("!BBHHHBB", 0x45, 0, length, 0, 0, TTL, question.protocol)
    return macs + IPV4.to_bytes(2, "big") + head + checksum(head + ends) + ends + body


CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}


def _summed(question: Question, ends: bytes, body: bytes) -> bytes:
    """With the checksum of its protocol, if we know where that is."""
    at = CHECKSUM_AT.get(question.protocol)
    if at is None:
        return body
    pseudo = ends + struct.pack("!II", len(body), question.protocol)
    found = checksum((b"" if question.protocol == ICMP else pseudo) + body)
    if question.protocol == UDP and found == bytes(2):
        found = b"\xff\xff"  # 0 would mean that there is none
    return body[:at] + found + body[at + 2 :]


def _head(question: Question, source_port: int, data_bytes: int) -> bytes:
    ports = source_port, question.number
    if question.protocol == TCP:
        return struct.pack("!HHIIBBHHH", *ports, 0, 0, 0x50, 2, 0xFFFF, 0, 0)
    if question.protocol == UDP:
        return struct.pack("!HHHH", *ports, 8 + data_bytes, 0)
    if question.protocol in (ICMP, ICMPV6):
        kind = 128 if question.protocol == ICMPV6 else 8
        return struct.pack("!BBHHH", kind, 0, 0, source_port, 1)
    return struct.pack("!HH", *ports) + bytes(8)
