"""Frames by which an address says where it is: gratuitous ARP, unsolicited advertisement. Pure."""

from polpo.dataplane.frames import ALL_NODES, ALL_NODES_MAC, ICMPV6, MAPPED, checksum

EVERYBODY = b"\xff" * 6


def announcement(mac: bytes, address: bytes, router: bool = False) -> bytes:
    """What the owner of an address (16 bytes) says when it has come (RFC 5227, RFC 4861)."""
    if address.startswith(MAPPED):
        sender = address[12:]
        head = EVERYBODY + mac + bytes.fromhex("0806000108000604") + b"\0\1"
        return head + mac + sender + bytes(6) + sender
    flags = (0xA0000000 if router else 0x20000000).to_bytes(4, "big")
    body = bytes([136, 0, 0, 0]) + flags + address + b"\2\1" + mac
    pseudo = address + ALL_NODES + len(body).to_bytes(4, "big") + bytes([0, 0, 0, ICMPV6])
    body = body[:2] + checksum(pseudo + body) + body[4:]
    head = bytes.fromhex("60000000") + len(body).to_bytes(2, "big") + bytes([ICMPV6, 255])
    return ALL_NODES_MAC + mac + b"\x86\xdd" + head + address + ALL_NODES + body
