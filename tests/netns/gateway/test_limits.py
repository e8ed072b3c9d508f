"""QoS of floating IPs: what is over a limit is dropped, both ways; others are not touched."""

import contextlib
import socket
from collections.abc import AsyncIterator
from functools import partial
from typing import TypeAlias

import pytest
import pytest_asyncio

from polpo.agent.gateway.limits import LEAST_BUCKET
from polpo.kernel import netns
from polpo.target.forwarding import Forwarding
from polpo.target.rows import FloatingLimits, Limit
from polpo.testing.gateways import OUTSIDE, SERVER, GatewayCloud
from polpo.testing.hosts import pings, reaches, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

A, B, FORWARDED = "203.0.113.10", "203.0.113.11", "203.0.113.20"
SLOW = Limit(1, 0)  # 1 kbit/s: while a test lasts there is but the bucket
SIZE, SENT, PORT = 1000, 200, 9000
FITS = LEAST_BUCKET // (SIZE + 28)
MORE = 20  # passes in 160 s
EXPEDITED = 46
Socket: TypeAlias = socket.socket


class Scene:
    """Workloads 10 and 11 have floating IPs, 12 has a forwarded port."""

    def __init__(self, cloud: GatewayCloud, workloads: dict[int, str]) -> None:
        self.cloud, self.workloads = cloud, workloads

    async def limit(self, *limits: FloatingLimits) -> None:
        """And wait until it is in the kernel of both."""
        await self.cloud.change(limits=limits)
        revision, statuses = self.cloud.controller.revision, self.cloud.controller.statuses
        await until(lambda: all(statuses[h.name].revision >= revision for h in self.cloud.homes))

    @contextlib.asynccontextmanager
    async def limited(self, *limits: FloatingLimits) -> AsyncIterator[None]:
        await self.limit(*limits)
        try:
            yield
        finally:
            await self.limit()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(cloud: GatewayCloud) -> Scene:
    workloads = {n: await cloud.workload(n) for n in (10, 11, 12)}
    await cloud.change(
        floating=((A, "10.7.0.10"), (B, "10.7.0.11")),
        forwardings=(Forwarding(FORWARDED, "udp", PORT, PORT, "10.7.0.12", PORT),),
    )
    await until(lambda: pings(OUTSIDE, A) and pings(OUTSIDE, B))
    return Scene(cloud, workloads)


def datagrams(where: str) -> Socket:
    """Has PORT, and room for all that is sent."""
    sock = netns.inside(where, partial(socket.socket, socket.AF_INET, socket.SOCK_DGRAM))
    sock.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)  # SO_RCVBUFFORCE
    sock.bind(("", PORT))
    return sock


def passed(sender: Socket, receiver: Socket, to: tuple[str, int], least: int) -> int:
    """How many of SENT datagrams come."""
    for _ in range(SENT):
        sender.sendto(bytes(SIZE), to)
    count = 0
    with contextlib.suppress(TimeoutError):
        while count < SENT:
            receiver.settimeout(10.0 if count < least else 0.5)
            receiver.recv(SIZE)
            count += 1
    return count


def between(sender: str, receiver: str, to: str, least: int = FITS) -> int:
    with datagrams(sender) as out, datagrams(receiver) as come:
        return passed(out, come, (to, PORT), least)


def limited(count: int) -> bool:
    return FITS <= count <= FITS + MORE


async def test_what_a_floating_ip_receives(scene: Scene) -> None:
    async with scene.limited(FloatingLimits(A, ingress=SLOW)):
        assert limited(between(OUTSIDE, scene.workloads[10], A))
        assert between(scene.workloads[11], scene.workloads[10], A, 0) <= MORE, "whoever sends it"
        assert between(OUTSIDE, scene.workloads[11], B, SENT) == SENT, "others may"
        assert between(scene.workloads[10], OUTSIDE, SERVER, SENT) == SENT, "the other way is free"


async def test_what_a_floating_ip_sends(scene: Scene) -> None:
    async with scene.limited(FloatingLimits(A, egress=SLOW)):
        assert limited(between(scene.workloads[10], OUTSIDE, SERVER))
        assert between(scene.workloads[10], scene.workloads[11], B, 0) <= MORE, "wherever it goes"
        assert between(scene.workloads[11], OUTSIDE, SERVER, SENT) == SENT, "others may"
        assert between(OUTSIDE, scene.workloads[10], A, SENT) == SENT, "the other way is free"


async def test_forwarded_ports_of_a_floating_ip(scene: Scene) -> None:
    async with scene.limited(FloatingLimits(FORWARDED, SLOW, SLOW)):
        with datagrams(OUTSIDE) as client, datagrams(scene.workloads[12]) as server:
            assert limited(passed(client, server, (FORWARDED, PORT), FITS))
            assert limited(passed(server, client, (SERVER, PORT), FITS))
        assert reaches(scene.workloads[12], SERVER), "what it begins itself it sends as the router"


async def test_a_limit_that_changes_leaves_the_others_as_they_are(scene: Scene) -> None:
    own, workload = FloatingLimits(A, ingress=SLOW), scene.workloads[10]
    async with scene.limited(own):
        assert limited(between(OUTSIDE, workload, A))
        await scene.limit(FloatingLimits(B, SLOW, SLOW), own)
        await scene.limit(FloatingLimits(B, Limit(2, 0), SLOW, EXPEDITED), own)
        assert between(OUTSIDE, workload, A, 0) <= MORE
        await scene.limit(own)
        assert between(OUTSIDE, workload, A, 0) <= MORE
        await scene.limit(FloatingLimits(A, ingress=Limit(2, 0)))
        assert limited(between(OUTSIDE, workload, A)), "another limit begins anew"


async def test_a_thousand_limits(scene: Scene) -> None:
    many = [
        FloatingLimits(f"203.0.{128 + n // 250}.{n % 250 + 1}", SLOW, Limit(n + 1, 0))
        for n in range(1000)
    ]
    async with scene.limited(*many, FloatingLimits(A, ingress=SLOW)):
        assert limited(between(OUTSIDE, scene.workloads[10], A))
        assert between(OUTSIDE, scene.workloads[11], B, SENT) == SENT


async def test_a_connection_gets_what_its_limit_allows(scene: Scene) -> None:
    """Also where the kernel makes one packet of many: it fits into any bucket."""
    quick, workload = Limit(400, 1), scene.workloads[10]
    async with scene.limited(FloatingLimits(A, quick, quick)):
        with (
            netns.inside(workload, lambda: socket.create_server(("", PORT))) as server,
            netns.inside(OUTSIDE, socket.socket) as client,
        ):
            client.connect((A, PORT))
            with server.accept()[0] as accepted:
                assert exchanged(client, accepted) == VOLUME
                assert exchanged(accepted, client) == VOLUME


VOLUME = 150_000  # 50,000 bytes a second, and three quarters of a second more at once


def exchanged(sender: Socket, receiver: Socket) -> int:
    """Bytes that came of VOLUME."""
    sender.settimeout(30.0)
    receiver.settimeout(30.0)
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * VOLUME)
    sender.sendall(bytes(VOLUME))
    count = 0
    while count < VOLUME and (data := receiver.recv(1 << 16)):
        count += len(data)
    return count


async def test_what_a_floating_ip_sends_is_marked(scene: Scene) -> None:
    async with scene.limited(FloatingLimits(A, dscp=EXPEDITED), FloatingLimits(B, dscp=10)):
        assert mark(scene.workloads[10]) == EXPEDITED
        assert mark(scene.workloads[11]) == 10
        assert mark(scene.workloads[12]) == 0
    assert mark(scene.workloads[10]) == 0


def mark(workload: str) -> int:
    """DSCP of what it sends, as seen outside."""
    with datagrams(workload) as out, datagrams(OUTSIDE) as come:
        come.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        come.settimeout(10.0)
        out.sendto(b"x", (SERVER, PORT))
        _, ancillary, _, _ = come.recvmsg(10, 100)
        ((_, _, tos),) = ancillary
        return tos[0] >> 2
