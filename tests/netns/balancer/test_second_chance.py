"""What comes to the active instance and is not its own: it may be its peer's."""

import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest
import pytest_asyncio

from polpo.dataplane.frames import checksum
from polpo.kernel import netns
from polpo.testing.balancers import CLIENT, HOMES, VIP, VIP6, BalancerCloud
from polpo.testing.hosts import HostUnderTest, inside, pings, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

SOURCES = {VIP: "10.7.0.20", VIP6: "fd07::14"}
PORT, STRAY = 80, 40000
ACK, RST = 0x10, 0x04
ETH_P_ALL = 3
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def raw(address: str, protocol: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return netns.inside(CLIENT, partial(socket.socket, family, socket.SOCK_RAW, protocol))


def send_ack(vip: str) -> None:
    """Of a connection that nobody has."""
    segment = struct.pack("!HHIIBBHHH", STRAY, PORT, 1, 1, 5 << 4, ACK, 1024, 0, 0)
    with raw(vip, socket.IPPROTO_TCP) as sock:
        if ":" in vip:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_CHECKSUM, 16)
        else:
            ends = socket.inet_aton(SOURCES[vip]) + socket.inet_aton(vip)
            pseudo = ends + struct.pack("!HH", socket.IPPROTO_TCP, len(segment))
            segment = segment[:16] + checksum(pseudo + segment) + segment[18:]
        sock.sendto(segment, (vip, 0))


def send_too_big(vip: str, port: int, sequence: int, mtu: int) -> None:
    """As a router would that can't pass on what the load balancer has sent to the client."""
    tcp = struct.pack("!HHI", PORT, port, sequence)
    if ":" in vip:
        ends = socket.inet_pton(socket.AF_INET6, vip) + socket.inet_pton(
            socket.AF_INET6, SOURCES[vip]
        )
        about = struct.pack("!IHBB", 6 << 28, 1300, socket.IPPROTO_TCP, 64) + ends + tcp
        with raw(vip, socket.IPPROTO_ICMPV6) as sock:
            sock.sendto(struct.pack("!BBHI", 2, 0, 0, mtu) + about, (vip, 0))
        return
    ends = socket.inet_aton(vip) + socket.inet_aton(SOURCES[vip])
    head = struct.pack("!BBHHHBBH", 0x45, 0, 1340, 1, 0x4000, 64, socket.IPPROTO_TCP, 0)
    message = struct.pack("!BBHHH", 3, 4, 0, 0, mtu) + head + ends + tcp
    with raw(vip, socket.IPPROTO_ICMP) as sock:
        sock.sendto(message[:2] + checksum(message) + message[4:], (vip, 0))


class Segments:
    """TCP segments seen on a device: (from port, to port, flags, sequence number after it)."""

    def __init__(self, name: str, device: str) -> None:
        kinds = (socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._socket = netns.inside(name, partial(socket.socket, *kinds))
        netns.inside(name, partial(self._socket.bind, (device, ETH_P_ALL)))
        self._socket.setblocking(False)
        self.seen: list[tuple[int, int, int, int]] = []

    def look(self) -> list[tuple[int, int, int, int]]:
        while True:
            try:
                packet = self._socket.recv(2000)
            except BlockingIOError:
                return self.seen
            if segment := parsed(packet):
                self.seen.append(segment)

    def close(self) -> None:
        self._socket.close()


def parsed(packet: bytes) -> tuple[int, int, int, int] | None:
    if packet[0] >> 4 == 4:
        protocol, start, end = packet[9], (packet[0] & 15) * 4, int.from_bytes(packet[2:4], "big")
    else:
        protocol, start, end = packet[6], 40, 40 + int.from_bytes(packet[4:6], "big")
    if protocol != socket.IPPROTO_TCP:
        return None
    source, to, sequence = struct.unpack_from("!HHI", packet, start)
    length = end - start - (packet[start + 12] >> 4) * 4
    return source, to, packet[start + 13], sequence + length


@contextmanager
def segments(name: str, device: str) -> Iterator[Segments]:
    found = Segments(name, device)
    try:
        yield found
    finally:
        found.close()


@pytest_asyncio.fixture(loop_scope="module")
async def active(cloud: BalancerCloud) -> HostUnderTest:
    """One that gives its peer a second chance."""
    found, _ = await cloud.settled()
    await until(lambda: "dup to" in inside(cloud.netns(found), "nft list ruleset"))
    for host in cloud.homes:  # each has spoken to the other
        peer = "169.254.0.4" if host.name == HOMES[3] else "169.254.0.3"
        await until(partial(pings, cloud.netns(host), peer), "they reach each other")
    return found


@pytest.mark.parametrize("vip", [VIP, VIP6])
async def test_a_packet_of_no_connection_goes_to_the_peer_once_and_is_reset(
    vip: str, cloud: BalancerCloud, active: HostUnderTest
) -> None:
    with (
        segments(CLIENT, "eth0") as seen,
        segments(cloud.netns(active), "transit0") as between,
    ):
        send_ack(vip)
        await until(lambda: any(s[:2] == (PORT, STRAY) for s in seen.look()), "a reset")
        answers = [s for s in seen.look() if s[:2] == (PORT, STRAY)]
        assert [flags & RST for _, _, flags, _ in answers] == [RST]
        passed = [s for s in between.look() if s[:2] == (STRAY, PORT)]
        assert len(passed) == 1, passed


@pytest.mark.parametrize("vip", [VIP, VIP6])
async def test_a_connection_goes_on_and_hears_of_the_paths_mtu_after_a_move(
    vip: str, cloud: BalancerCloud, active: HostUnderTest
) -> None:
    family = socket.AF_INET6 if ":" in vip else socket.AF_INET
    with netns.inside(CLIENT, partial(socket.socket, family, socket.SOCK_STREAM)) as client:
        client.settimeout(30.0)
        with segments(CLIENT, "eth0") as seen:
            client.connect((vip, PORT))
            client.sendall(REQUEST)
            assert b"200 OK" in client.recv(4000)
            port = client.getsockname()[1]
            now, before = await cloud.move()
            assert now is not before
            client.sendall(REQUEST)
            assert b"200 OK" in client.recv(4000), "the one before has answered"
            sequence = max(s[3] for s in seen.look() if s[:2] == (PORT, port))
        send_too_big(vip, port, sequence, 1300)

        def heard() -> bool:
            sockets = inside(cloud.netns(before), f"ss -Htin dport = :{port}")
            return "pmtu:1300" in sockets

        await until(heard, "the path's MTU is known where the connection is")
        client.sendall(REQUEST)
        assert b"200 OK" in client.recv(4000)
