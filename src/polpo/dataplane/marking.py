"""How a port's DSCP gets into a packet (RFC 2474), in plain Python: for the switch's model."""

import struct

from polpo.dataplane.frames import IPV4, IPV6


def marked(frame: bytes, dscp: int) -> bytes:
    """An IP packet's frame with the DSCP; its ECN, and what is no IP packet, is left alone."""
    head, ethertype, packet = frame[:14], int.from_bytes(frame[12:14], "big"), frame[14:]
    if ethertype == IPV4:
        return head + _marked4(packet, dscp)
    return head + _marked6(packet, dscp) if ethertype == IPV6 else frame


def _marked4(packet: bytes, dscp: int) -> bytes:
    tos = dscp << 2 | packet[1] & 3
    (before,) = struct.unpack("!H", packet[10:12])
    total = (~before & 0xFFFF) + (~packet[1] & 0xFFFF) + tos
    for _ in range(2):
        total = (total & 0xFFFF) + (total >> 16)
    return (
        packet[:1] + bytes([tos]) + packet[2:10] + struct.pack("!H", ~total & 0xFFFF) + packet[12:]
    )


def _marked6(packet: bytes, dscp: int) -> bytes:
    (first,) = struct.unpack("!I", packet[:4])
    ecn = first >> 20 & 3
    return struct.pack("!I", first & 0xF00FFFFF | (dscp << 2 | ecn) << 20) + packet[4:]
