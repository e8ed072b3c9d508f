"""Frames, written by hand."""

import ipaddress
import struct

from polpo.dataplane.frames import checksum

ARP, V4, V6 = 0x0806, 0x0800, 0x86DD
BROADCAST = "ff:ff:ff:ff:ff:ff"


def mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))


def packed(address: str) -> bytes:
    return ipaddress.ip_address(address).packed


def eth(source: str, destination: str, ethertype: int, payload: bytes) -> bytes:
    return mac(destination) + mac(source) + struct.pack("!H", ethertype) + payload


def ip(
    source: str,
    destination: str,
    protocol: int,
    body: bytes,
    *,
    number: int = 1,
    offset: int = 0,
    more: bool = False,
    hops: int = 255,
    tos: int = 0,
) -> bytes:
    """IPv4 or IPv6 as the addresses are; a fragment if there is an offset (in 8 bytes) or more."""
    s, d = ipaddress.ip_address(source).packed, ipaddress.ip_address(destination).packed
    if len(s) == 4:
        flags = offset | (0x2000 if more else 0)
        head = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(body), number, flags, hops, protocol, 0)
        return head + s + d + body
    if offset or more:
        body = struct.pack("!BBHI", protocol, 0, offset << 3 | more, number) + body
        protocol = 44
    return struct.pack("!IHBB", 6 << 28 | tos << 20, len(body), protocol, hops) + s + d + body


def frame(
    source: tuple[str, str], destination: tuple[str, str], protocol: int, body: bytes, **fields: int
) -> bytes:
    """An IP packet in a frame, between two (MAC, address)."""
    ethertype = V6 if ":" in source[1] else V4
    packet = ip(source[1], destination[1], protocol, body, **fields)  # type: ignore[arg-type]
    return eth(source[0], destination[0], ethertype, packet)


def tcp(source: int, destination: int, flags: int = 2) -> bytes:
    return struct.pack("!HHIIBBHHH", source, destination, 1, 1, 0x50, flags, 100, 0, 0)


def udp(source: int, destination: int, data: bytes = b"") -> bytes:
    return struct.pack("!HHHH", source, destination, 8 + len(data), 0) + data


def icmp(kind: int, code: int = 0, number: int = 9, data: bytes = b"") -> bytes:
    return struct.pack("!BBHHH", kind, code, 0, number, 1) + data


def complaint(got: bytes, source: tuple[str, str], to_mac: str) -> bytes:
    """What somebody says of a packet that was too big: to who has sent it, who is at `to_mac`."""
    six = got[12:14] == b"\x86\xdd"
    sender = ipaddress.ip_address(got[22:38] if six else got[26:30])
    kind = (2, 0) if six else (3, 4)
    body = struct.pack("!BBHI", *kind, 0, 1280) + got[14:]
    return summed(frame(source, (to_mac, str(sender)), 58 if six else 1, body))


def arp(
    source: str, asks: bool, sender: tuple[str, str], target: tuple[str, str], to: str = BROADCAST
) -> bytes:
    """`sender` and `target` are (MAC, address)."""
    body = struct.pack("!HHBBH", 1, V4, 6, 4, 1 if asks else 2)
    for hardware, address in (sender, target):
        body += mac(hardware) + ipaddress.ip_address(address).packed
    return eth(source, to, ARP, body)


def nd(kind: int, target: str, option: str = "", code: int = 0) -> bytes:
    """Solicitation (135) or advertisement (136), with a link-layer address option or without."""
    body = struct.pack("!BBHI", kind, code, 0, 0) + ipaddress.ip_address(target).packed
    return body + (bytes([1 if kind == 135 else 2, 1]) + mac(option) if option else b"")


def summed(whole: bytes) -> bytes:
    """The frame with right checksums of IPv4 and ICMP; other protocols' stay as they are."""
    six = whole[12:14] == b"\x86\xdd"
    at = 54 if six else 14 + (whole[14] & 15) * 4
    head, body = whole[:at], whole[at:]
    if not six:
        plain = whole[14:24] + bytes(2) + whole[26:at]
        head = whole[:24] + checksum(plain) + whole[26:at]
    if whole[20 if six else 23] == (58 if six else 1):
        ends = whole[22:54] + struct.pack("!IBBBB", len(body), 0, 0, 0, 58) if six else b""
        body = body[:2] + checksum(ends + body[:2] + bytes(2) + body[4:]) + body[4:]
    return head + body


def whole(given: bytes) -> bool:
    """Whether all its checksums are right: IPv4's, and those of TCP, UDP and ICMP."""
    six = given[12:14] == b"\x86\xdd"
    at = 54 if six else 14 + (given[14] & 15) * 4
    protocol, body = given[20 if six else 23], given[at:]
    pseudo = given[22:54] if six else given[26:34]
    pseudo += struct.pack("!II", len(body), protocol)
    summed = checksum((b"" if protocol == 1 else pseudo) + body)
    return summed == bytes(2) and (six or checksum(given[14:at]) == bytes(2))
