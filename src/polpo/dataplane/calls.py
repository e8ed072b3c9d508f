"""Connections to the metadata service, as the switch's model has them."""

from typing import NamedTuple

from polpo.dataplane.frames import IPV6, TCP, Frame, Transport
from polpo.dataplane.metadata import MAC, PACKED, PORT, caller
from polpo.dataplane.routed_frames import amended
from polpo.dataplane.tables import pack_mac

HEADERS = {False: 34, True: 54}
SOURCE = {False: slice(26, 30), True: slice(22, 38)}
DESTINATION = {False: slice(30, 34), True: slice(38, 54)}
CHECKSUM = 16  # where it is in TCP


class Caller(NamedTuple):
    """Who it is within its network, and whom it spoke to."""

    address: bytes
    mac: bytes
    spoken_to: bytes


CallerKey = tuple[int, int, bool]
"""ifindex, port of the caller's end, IPv6"""


def calls(frame: Frame, t: Transport, raw: bytes) -> bool:
    """Whether a packet is for the service: plain HTTP, without options and extension headers."""
    whole = not frame.fragment and len(raw) - len(frame.body) == HEADERS[frame.ethertype == IPV6]
    http = t.protocol == TCP and t.destination_port == PORT
    return http and whole and frame.destination in PACKED and not frame.multicast


def called(raw: bytes, six: bool, ifindex: int) -> bytes:
    """The packet as it comes to the service."""
    moved = _with_end(raw, SOURCE[six], six, caller(ifindex, six))
    return pack_mac(MAC) + moved[6:]


def answered(raw: bytes, six: bool, to: Caller) -> bytes:
    """The service's answer as it comes to who asked."""
    moved = _with_end(raw, DESTINATION[six], six, to.address if six else to.address[12:])
    return to.mac + to.spoken_to + moved[12:]


def _with_end(raw: bytes, end: slice, six: bool, new: bytes) -> bytes:
    at, old = HEADERS[six] + CHECKSUM, raw[end]
    sums = (at,) if six else (at, 24)
    packet = bytearray(raw)
    for start in sums:
        for i in range(0, len(old), 2):
            packet[start : start + 2] = amended(
                bytes(packet[start : start + 2]), old[i : i + 2], new[i : i + 2]
            )
    packet[end] = new
    return bytes(packet)
