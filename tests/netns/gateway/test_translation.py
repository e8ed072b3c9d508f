"""SNAT, floating IPs, port forwardings and IPv6, seen by those who speak: who has called me?"""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from functools import partial

import pytest
import pytest_asyncio

from polpo.kernel import netns
from polpo.target.forwarding import Forwarding
from polpo.testing.gateways import OUTSIDE, ROUTER, ROUTER6, SERVER, SERVER6, GatewayCloud, Probe
from polpo.testing.hosts import inside, pings, reaches, sh, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

FLOATING = {10: "203.0.113.10", 11: "203.0.113.11"}
FORWARDED = "203.0.113.20"
ETH_P_ALL = 3


class Scene:
    """Workloads 10 and 11 have floating IPs, 12 and 13 have none; 12 has forwarded ports."""

    def __init__(self, cloud: GatewayCloud, workloads: dict[int, str]) -> None:
        self.cloud, self.workloads = cloud, workloads

    async def reached(self) -> None:
        """Both homes have done all that their rows say, also to connections that there were."""
        revision, statuses = self.cloud.controller.revision, self.cloud.controller.statuses
        await until(lambda: all(statuses[h.name].revision >= revision for h in self.cloud.homes))

    async def changed(self, address: str, works: bool) -> None:
        await until(lambda: pings(OUTSIDE, address) is works, f"{address}: {works}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(cloud: GatewayCloud) -> Scene:
    places = {10: cloud.a, 11: cloud.b, 12: cloud.c, 13: cloud.c}
    workloads = {n: await cloud.workload(n, host) for n, host in places.items()}
    await cloud.change(
        floating=tuple((address, f"10.7.0.{n}") for n, address in FLOATING.items()),
        forwardings=(
            Forwarding(FORWARDED, "tcp", 8000, 8002, "10.7.0.12", 80),
            Forwarding(FORWARDED, "udp", 53, 53, "10.7.0.13", 53),
        ),
    )
    await until(lambda: all(pings(OUTSIDE, address) for address in FLOATING.values()))
    return Scene(cloud, workloads)


def who_called(
    caller: str, address: str, port: int, callee: str, at: int | None = None
) -> tuple[str, str]:
    """Opens a connection; (who the callee sees, who the caller sees)."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with contextlib.ExitStack() as closing:
        server = closing.enter_context(
            netns.inside(callee, lambda: socket.create_server(("", at or port), family=family))
        )
        server.settimeout(30)
        client = closing.enter_context(netns.inside(caller, partial(socket.socket, family)))
        client.settimeout(30)
        client.connect((address, port))
        answering, seen = server.accept()
        answering.close()
        return str(seen[0]), str(client.getpeername()[0])


@contextlib.contextmanager
def outside_hears() -> Iterator[socket.socket]:
    """All frames on the outside's switch."""
    kind = partial(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    with netns.inside(OUTSIDE, kind) as sock:
        sock.bind(("switch", ETH_P_ALL))
        sock.setblocking(False)
        yield sock


def sources(sock: socket.socket) -> set[str]:
    """Of the IPv4 packets that it has heard."""
    found = set()
    with contextlib.suppress(BlockingIOError):
        while frame := sock.recv(2000):
            if frame[12:14] == b"\x08\x00":
                found.add(socket.inet_ntoa(frame[26:30]))
    return found


def ping(words: str) -> str:
    """From outside; what it says, whether it is answered or not."""
    enter = f"nsenter --net=/run/netns/{OUTSIDE} ping -n {words}"
    done = subprocess.run(enter.split(), capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


async def test_without_a_floating_ip_one_speaks_as_the_router(scene: Scene) -> None:
    for number in (12, 13):
        assert who_called(scene.workloads[number], SERVER, 5000, OUTSIDE)[0] == ROUTER


async def test_with_one_one_speaks_as_it_wherever_one_runs(scene: Scene) -> None:
    for number, floating in FLOATING.items():
        assert who_called(scene.workloads[number], SERVER, 5000, OUTSIDE)[0] == floating
        seen = who_called(OUTSIDE, floating, 5000, scene.workloads[number])
        assert seen == (SERVER, floating)


@pytest.mark.parametrize(("caller", "seen"), [(11, FLOATING[11]), (13, ROUTER), (10, FLOATING[10])])
async def test_floating_ips_are_reached_from_inside(caller: int, seen: str, scene: Scene) -> None:
    """From one that has one, from one that has none, and one's own."""
    callee = scene.workloads[10]
    assert who_called(scene.workloads[caller], FLOATING[10], 5000, callee) == (seen, FLOATING[10])


async def test_forwarded_ports_in_their_order_and_no_others(scene: Scene) -> None:
    for offset in (0, 1, 2):
        called = who_called(OUTSIDE, FORWARDED, 8000 + offset, scene.workloads[12], 80 + offset)
        assert called == (SERVER, FORWARDED)
    assert who_called(scene.workloads[13], FORWARDED, 8000, scene.workloads[12], 80)[0] == ROUTER
    with netns.inside(OUTSIDE, socket.socket) as sock:
        sock.settimeout(1)
        with pytest.raises(TimeoutError):  # silence, and no reset
            sock.connect((FORWARDED, 8003))


async def test_forwarded_datagrams_come_back(scene: Scene) -> None:
    datagram = partial(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
    with (
        netns.inside(scene.workloads[13], datagram) as server,
        netns.inside(OUTSIDE, datagram) as client,
    ):
        server.bind(("", 53))
        for sock in (server, client):
            sock.settimeout(30)
        client.sendto(b"who?", (FORWARDED, 53))
        asked, peer = server.recvfrom(100)
        server.sendto(asked + b" I", peer)
        assert client.recvfrom(100) == (b"who? I", (FORWARDED, 53))


async def test_ipv6_passes_as_it_is_both_ways(scene: Scene) -> None:
    workload = scene.workloads[12]
    assert who_called(workload, SERVER6, 5000, OUTSIDE) == ("fd07::c", SERVER6)
    assert who_called(OUTSIDE, "fd07::c", 5000, workload) == (SERVER6, "fd07::c")
    assert reaches(OUTSIDE, ROUTER6)
    assert reaches(OUTSIDE, ROUTER)


async def test_addresses_inside_are_neither_reached_nor_seen_outside(scene: Scene) -> None:
    inside(OUTSIDE, f"ip route add 10.7.0.0/24 via {ROUTER}")
    try:
        with outside_hears() as ears:
            assert not pings(OUTSIDE, "10.7.0.12")
            await scene.cloud.change(snat=())
            await until(lambda: not pings(scene.workloads[13], SERVER), "no SNAT any more")
            await scene.reached()
            assert reaches(OUTSIDE, FLOATING[10])
            assert reaches(scene.workloads[11], SERVER)
            assert not any(source.startswith("10.7.") for source in sources(ears))
    finally:
        inside(OUTSIDE, "ip route del 10.7.0.0/24")
        await scene.cloud.change(snat=("10.7.0.0/24",))
    await until(lambda: pings(scene.workloads[13], SERVER))


async def test_a_source_inside_does_not_come_from_outside(scene: Scene) -> None:
    """Neither as IPv4 nor as IPv6, whoever sends it."""
    inside(OUTSIDE, "ip address add 10.7.0.13/32 dev switch")
    inside(OUTSIDE, "ip address add fd07::d/128 dev switch nodad")
    try:
        for own, to in (("10.7.0.13", FLOATING[10]), ("fd07::d", "fd07::a")):
            assert "100% packet loss" in ping(f"-c 2 -i 0.2 -W 1 -I {own} {to}")
    finally:
        inside(OUTSIDE, "ip address del 10.7.0.13/32 dev switch")
        inside(OUTSIDE, "ip address del fd07::d/128 dev switch")


async def test_a_packet_that_is_too_large_is_told_so_through_translation(scene: Scene) -> None:
    assert "mtu = 1400" in ping(f"-c 1 -W 20 -M do -s 1452 {FLOATING[10]}")


async def test_a_floating_ip_that_goes_takes_its_connections_with_it(scene: Scene) -> None:
    probe = Probe(scene.workloads[11], "udp", SERVER)
    pairs = tuple((address, f"10.7.0.{n}") for n, address in FLOATING.items())
    with netns.inside(OUTSIDE, partial(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)) as sock:
        sock.bind((SERVER, 5000))
        sock.settimeout(30)
        with netns.inside(
            scene.workloads[11], partial(socket.socket, socket.AF_INET, socket.SOCK_DGRAM)
        ) as client:
            client.connect((SERVER, 5000))
            client.send(b"1")
            assert sock.recvfrom(10)[1][0] == FLOATING[11]
            await scene.cloud.change(floating=pairs[:1])
            try:
                await scene.changed(FLOATING[11], False)
                await scene.reached()
                client.send(b"2")
                assert sock.recvfrom(10)[1][0] == ROUTER, "the same connection, judged anew"
                assert probe.answers_again()
            finally:
                await scene.cloud.change(floating=pairs)
                probe.end()
    await scene.changed(FLOATING[11], True)


async def test_the_standby_is_deaf_to_what_a_switch_floods_to_it(scene: Scene) -> None:
    """Frames for the router's MAC are sent down the standby's own cable."""
    _, other = await scene.cloud.settled()
    mac = scene.cloud.controller.gateways["a"][0].external_mac
    sh(f"ip -n {OUTSIDE} link set up-{other.name} nomaster")
    sh(f"ip -n {OUTSIDE} address add 203.0.113.66/32 dev up-{other.name}")
    try:
        for to in (FLOATING[10], ROUTER):
            sh(f"ip -n {OUTSIDE} route add {to}/32 dev up-{other.name} src 203.0.113.66")
            sh(f"ip -n {OUTSIDE} neigh add {to} lladdr {mac} dev up-{other.name}")
            assert not pings(OUTSIDE, to)
    finally:
        sh(f"ip -n {OUTSIDE} address del 203.0.113.66/32 dev up-{other.name}")
        sh(f"ip -n {OUTSIDE} neigh flush dev up-{other.name} nud permanent")
        for to in (FLOATING[10], ROUTER):
            inside(OUTSIDE, f"ip route flush {to}/32")
        sh(f"ip -n {OUTSIDE} link set up-{other.name} master switch")


async def test_a_thousand_floating_ips(scene: Scene) -> None:
    many = tuple(
        (f"203.0.{128 + n // 250}.{n % 250 + 1}", f"10.7.0.{n % 3 + 10}") for n in range(997)
    )
    inside(OUTSIDE, "ip route add 203.0.128.0/20 dev switch")
    pairs = tuple((address, f"10.7.0.{n}") for n, address in FLOATING.items())
    try:
        await scene.cloud.change(floating=pairs + many[:10])
        await scene.changed(many[9][0], True)
        await scene.cloud.change(floating=pairs + many)
        await scene.changed(many[-1][0], True)
        assert all(reaches(OUTSIDE, address) for address, _ in many[::100])
    finally:
        await scene.cloud.change(floating=pairs)
    await scene.changed(many[-1][0], False)
    inside(OUTSIDE, "ip route del 203.0.128.0/20")
