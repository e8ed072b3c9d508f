"""A packet that is followed is seen where it passes, at veths and taps, and is sent once."""

import fcntl
import os
import struct
from functools import partial

import pytest
from msgspec.structs import replace

from polpo.dataplane.tables import pack_mac
from polpo.kernel import netns as namespaces
from polpo.kernel.taps import IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, TUNSETIFF
from polpo.target.probe_row import Probe
from polpo.testing.hosts import Cloud, HostUnderTest, eventually, inside, until
from polpo.trace.values import Question
from polpo.trace.workload import frame

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]
ENDING = bytes(range(16))


def open_tap(host: HostUnderTest, name: str) -> int:
    """As a virtual machine's monitor does: only then has it a carrier."""
    request = struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR)

    def attach() -> int:
        tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        fcntl.ioctl(tap, TUNSETIFF, request)
        return tap

    return namespaces.inside(host.netns, attach)


class Packet:
    """The beginning of a connection between ports of two hosts, with the probe that follows it.

    No answer quotes it: a datagram would come back in an ICMP error.
    """

    def __init__(self, cloud: Cloud, sender: str, receiver: str) -> None:
        self.cloud = cloud
        a, b = cloud.controller.ports[sender], cloud.controller.ports[receiver]
        ask = Question(sender, b.leases[0].address, 6, 9)
        macs = pack_mac(b.mac) + pack_mac(a.mac)
        self.frame = frame(macs, a.leases[0].address, ask, ENDING).hex()
        self.row = Probe(sender[:8], ENDING.hex(), (sender, receiver))
        self.sender = sender

    async def follow(self, first: HostUnderTest, second: HostUnderTest) -> None:
        """Both look for it, and then the first one sends it."""
        await self.write(first, second, self.row, self.row)
        armed = replace(self.row, armed=True)
        await self.write(first, second, replace(armed, sender=self.sender, frame=self.frame), armed)

    async def write(
        self, first: HostUnderTest, second: HostUnderTest, one: Probe, two: Probe
    ) -> None:
        controller = self.cloud.controller
        controller.probes = {first.name: [one], second.name: [two]}
        revision = await controller.write()
        for host in (first, second):
            await eventually(partial(has_reached, host, revision), f"{host.name} is at {revision}")

    async def seen(self, host: HostUnderTest, *places: str) -> None:
        wanted = sorted([self.row.id, place] for place in places)

        async def found() -> bool:
            status = await host.status()
            return [list(s) for s in status.get("sighted", ())] == wanted

        await eventually(found, f"{host.name} has seen {places}")


async def has_reached(host: HostUnderTest, revision: int) -> bool:
    return int((await host.status())["revision"]) >= revision


async def test_a_packet_from_a_veth_to_a_tap_and_back(cloud: Cloud) -> None:
    await cloud.a.started()
    await cloud.b.started()
    veth, _ = await cloud.wired(cloud.a, 40)
    tap = cloud.controller.add_port(41)
    assert (await cloud.b.ask(do="plug", port=tap, tap="probe0"))["ok"]
    handle = open_tap(cloud.b, "probe0")
    try:
        show = "ip link show probe0"  # before Linux has seen the carrier it drops all
        await until(lambda: "state UP" in inside(cloud.b.netns, show), "the tap has its carrier")
        there = Packet(cloud, veth, tap)
        await there.follow(cloud.a, cloud.b)
        await there.seen(cloud.a, "sent", "out")
        await there.seen(cloud.b, "in", f"to/{tap}")
        back = Packet(cloud, tap, veth)
        await back.follow(cloud.b, cloud.a)
        await back.seen(cloud.b, "sent", "out")
        await back.seen(cloud.a, "in", f"to/{veth}")
    finally:
        os.close(handle)


async def test_why_packets_are_dropped_meanwhile_is_told(cloud: Cloud) -> None:
    veth, _ = await cloud.wired(cloud.a, 42)
    other, _ = await cloud.wired(cloud.b, 43)
    packet = Packet(cloud, veth, other)
    strange = bytearray.fromhex(packet.frame)
    strange[:6] = bytes.fromhex("02aabbccddee")
    packet.frame = strange.hex()
    await packet.follow(cloud.a, cloud.b)
    await packet.seen(cloud.a, "sent", "dropped/unknown_destination")
    await packet.seen(cloud.b)


async def test_an_agent_that_is_restarted_does_not_send_it_again(cloud: Cloud) -> None:
    veth, _ = await cloud.wired(cloud.a, 44)
    other, _ = await cloud.wired(cloud.b, 45)
    packet = Packet(cloud, veth, other)
    await packet.follow(cloud.a, cloud.b)
    await packet.seen(cloud.b, "in", f"to/{other}")
    await cloud.a.kill()
    await cloud.a.started()
    await eventually(partial(has_reached, cloud.a, cloud.controller.revision), "a is back")
    assert not (await cloud.a.status()).get("sighted")


async def test_what_is_followed_no_more_is_forgotten(cloud: Cloud) -> None:
    ears = sockets(cloud.a)
    cloud.controller.probes = {}
    revision = await cloud.controller.write()
    await eventually(partial(has_reached, cloud.a, revision), "a is there")
    assert not (await cloud.a.status()).get("sighted")
    await until(lambda: sockets(cloud.a) < ears, "nobody listens any more")


def sockets(host: HostUnderTest) -> int:
    """That hear frames on the host's devices: nobody else's come and go."""
    return len(inside(host.netns, "cat /proc/net/packet").splitlines())
