"""Ethernet frames as the switch reads them, in plain Python. For the model, and for people."""

import struct

import msgspec

from polpo.dataplane.tables import ANY4, ANY6

MAPPED = ANY4[:12]
ARP, IPV4, IPV6, VLAN = 0x0806, 0x0800, 0x86DD, 0x8100
ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
WITH_PORTS = (TCP, UDP, 33, 132, 136)  # and DCCP, SCTP, UDP-Lite
FRAGMENT, AUTHENTICATION = 44, 51
ALL_NODES = bytes.fromhex("ff02") + bytes(13) + b"\1"
ALL_NODES_MAC = bytes.fromhex("333300000001")
EXTENSIONS = (0, 43, FRAGMENT, AUTHENTICATION, 60)
MOST_EXTENSIONS = 6


class Malformed(Exception):
    """The frame does not hold what its headers promise."""


class Frame(msgspec.Struct):
    """What the switch takes from a frame. `source` and `destination` are 16 bytes."""

    source_mac: bytes
    destination_mac: bytes
    ethertype: int
    source: bytes = b""
    destination: bytes = b""
    protocol: int = 0
    hop_limit: int = 0
    body: bytes = b""  # from layer 4 on
    fragment: tuple[bytes, int] | None = None  # identification and protocol, of fragments only
    later: bool = False  # a fragment that is not the first

    @property
    def multicast(self) -> bool:
        return bool(self.destination_mac[0] & 1)

    @property
    def icmp(self) -> bool:
        return self.protocol == (ICMP if self.ethertype == IPV4 else ICMPV6)


def parse(frame: bytes) -> Frame:
    """Raises Malformed."""
    parsed = parse_ethernet(frame)
    parse_packet(parsed, frame[14:])
    return parsed


def parse_ethernet(frame: bytes) -> Frame:
    """Of what is in the frame nothing is read yet. Raises Malformed."""
    parsed = Frame(frame[6:12], frame[:6], int.from_bytes(frame[12:14], "big"))
    if parsed.source_mac[0] & 1:
        raise Malformed
    return parsed


def parse_packet(parsed: Frame, packet: bytes) -> None:
    """Fills in what IP says. Raises Malformed."""
    if parsed.ethertype == IPV4:
        _parse_ipv4(parsed, packet)
    elif parsed.ethertype == IPV6:
        _parse_ipv6(parsed, packet)


def _parse_ipv4(parsed: Frame, packet: bytes) -> None:
    if len(packet) < 20:
        raise Malformed
    version, length, number, flags = struct.unpack("!BxH2sH", packet[:8])
    header = (version & 15) * 4
    if version >> 4 != 4 or header < 20 or not header <= length <= len(packet):
        raise Malformed
    parsed.hop_limit, parsed.protocol = packet[8], packet[9]
    parsed.source, parsed.destination = MAPPED + packet[12:16], MAPPED + packet[16:20]
    parsed.body = packet[header:]
    offset = flags & 0x1FFF
    if offset == 1 and parsed.protocol == TCP:
        raise Malformed
    parsed.later = offset > 0
    if parsed.later or flags & 0x2000:
        parsed.fragment = number + bytes(2), parsed.protocol


def _parse_ipv6(parsed: Frame, packet: bytes) -> None:
    if len(packet) < 40 or packet[0] >> 4 != 6:
        raise Malformed
    if 40 + int.from_bytes(packet[4:6], "big") > len(packet):
        raise Malformed
    parsed.protocol, parsed.hop_limit = packet[6], packet[7]
    parsed.source, parsed.destination = packet[8:24], packet[24:40]
    if MAPPED in (parsed.source[:12], parsed.destination[:12]):
        raise Malformed
    parsed.body = packet[40:]
    for _ in range(MOST_EXTENSIONS):
        if parsed.protocol not in EXTENSIONS or parsed.later:
            return
        _step_over(parsed)
    if not parsed.later:
        raise Malformed


def _step_over(parsed: Frame) -> None:
    header, kind = parsed.body[:8], parsed.protocol
    if len(header) < 8:
        raise Malformed
    parsed.protocol = header[0]
    size = (header[1] + 2) * 4 if kind == AUTHENTICATION else (header[1] + 1) * 8
    if kind == FRAGMENT:
        size = 8
        offset = int.from_bytes(header[2:4], "big")
        parsed.later = offset >> 3 > 0
        if parsed.later or offset & 1:
            parsed.fragment = header[4:8], header[0]
    parsed.body = parsed.body[size:]


class Transport(msgspec.Struct, frozen=True):
    """Layer 4, as far as policies and flows know it. `echo`: +1 asks, -1 answers."""

    protocol: int
    source_port: int = 0
    destination_port: int = 0
    kind: int = -1  # of ICMP
    code: int = 0
    echo: int = 0
    flags: int = 0  # of TCP


def transport_of(frame: Frame) -> Transport:
    """Of an unfragmented packet or a first fragment. Raises Malformed."""
    body, protocol = frame.body, frame.protocol
    if frame.icmp:
        return icmp_of(frame.ethertype == IPV6, protocol, body)
    if protocol not in WITH_PORTS:
        return Transport(protocol)
    if len(body) < (14 if protocol == TCP else 4):
        raise Malformed
    source, destination = struct.unpack("!HH", body[:4])
    flags = body[13] if protocol == TCP else 0
    return Transport(protocol, source, destination, flags=flags)


def icmp_of(six: bool, protocol: int, body: bytes) -> Transport:
    if len(body) < 8:
        raise Malformed
    ask, answer = (128, 129) if six else (8, 0)
    echo = (body[0] == ask) - (body[0] == answer)
    number = int.from_bytes(body[4:6], "big") if echo else 0
    return Transport(protocol, number, number, body[0], body[1], echo)


def embedded(six: bool, packet: bytes) -> tuple[bytes, bytes, Transport] | None:
    """Source, destination and layer 4 of the packet inside an ICMP error."""
    if six:
        protocol, source, destination, body = packet[6], packet[8:24], packet[24:40], packet[40:]
    else:
        protocol, body = packet[9], packet[(packet[0] & 15) * 4 :]
        source, destination = ANY4[:12] + packet[12:16], ANY4[:12] + packet[16:20]
        if int.from_bytes(packet[6:8], "big") & 0x1FFF:
            return None
    if len(body) < 8:
        return None
    if protocol in (1, ICMPV6):
        t = icmp_of(six, protocol, body)
        return (source, destination, t) if t.echo else None
    ports = protocol in WITH_PORTS
    numbers = [int.from_bytes(body[i : i + 2], "big") * ports for i in (0, 2)]
    return source, destination, Transport(protocol, *numbers)


def checksum(data: bytes) -> bytes:
    """RFC 1071."""
    data += bytes(len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")


def advertisement(asker: Frame, target: bytes, mac: bytes, router: bool = False) -> bytes:
    """The frame that answers a neighbour solicitation (RFC 4861 7.2.4)."""
    probe = asker.source == ANY6
    to_mac = ALL_NODES_MAC if probe else asker.source_mac
    to = ALL_NODES if probe else asker.source
    flags = 0x20000000 | (0 if probe else 0x40000000) | (0x80000000 if router else 0)
    body = bytes([136, 0, 0, 0]) + flags.to_bytes(4, "big") + target + b"\2\1" + mac
    pseudo = target + to + (32).to_bytes(4, "big") + bytes([0, 0, 0, ICMPV6])
    body = body[:2] + checksum(pseudo + body) + body[4:]
    head = bytes.fromhex("6000000000203aff")
    return to_mac + mac + b"\x86\xdd" + head + target + to + body
