"""What routers outside say of a packet comes back to who sent it: its size, its time to live.

workloads (MTU 1400) -- gateway -- 203.0.113.1 -- link of MTU 1280 -- far: 198.51.100.1
"""

import socket
import subprocess
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from polpo.kernel import netns
from polpo.testing.gateways import OUTSIDE, ROUTER6, SERVER, SERVER6, GatewayCloud
from polpo.testing.hosts import PREFIX, inside, pings, sh, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

FAR_NETNS, NARROW, PORT = f"{PREFIX}far", 1280, 9000
FAR, FAR6 = "198.51.100.1", "2001:db8:f::1"
FLOATING = "203.0.113.10"
PLAIN, HOLDER = f"{PREFIX}w12", f"{PREFIX}w10"
INNER, INNER6 = "10.7.0.25", "fd07::f"  # the instances inside: .252 and .253
BOTH = pytest.mark.parametrize("workload", [PLAIN, HOLDER], ids=["SNAT", "floating IP"])


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def scene(cloud: GatewayCloud) -> AsyncIterator[None]:
    for number in (10, 12):
        await cloud.workload(number)
    await cloud.change(floating=((FLOATING, "10.7.0.10"),))
    try:
        _make_far()
        await until(lambda: pings(PLAIN, FAR) and pings(HOLDER, FAR) and pings(PLAIN, FAR6))
        yield
    finally:
        sh(f"ip netns delete {FAR_NETNS}")


def _make_far() -> None:
    sh(f"ip netns add {FAR_NETNS}")
    sh(f"ip -n {OUTSIDE} link add narrow type veth peer name eth0 netns {FAR_NETNS}")
    for name, device, host in ((OUTSIDE, "narrow", 2), (FAR_NETNS, "eth0", 1)):
        sh(f"ip -n {name} address add 198.51.100.{host}/24 dev {device}")
        sh(f"ip -n {name} address add 2001:db8:f::{host}/64 dev {device} nodad")
        sh(f"ip -n {name} link set {device} up mtu {NARROW}")
    sh(f"ip -n {FAR_NETNS} route add default via 198.51.100.2")
    sh(f"ip -n {FAR_NETNS} -6 route add default via 2001:db8:f::2")
    inside(OUTSIDE, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
    for each in ("ipv4.icmp_ratelimit", "ipv6.icmp.ratelimit"):  # tests ask faster than people
        inside(OUTSIDE, f"sysctl -qw net.{each}=0")


def said(where: str, command: str) -> str:
    """What a command prints, whether it succeeds or not."""
    enter = f"nsenter --net=/run/netns/{where} {command}"
    done = subprocess.run(enter.split(), capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def forget_paths(where: str) -> None:
    """What is known of their MTU."""
    inside(where, "ip route flush cache")
    inside(where, "ip -6 route flush cache")


@BOTH
async def test_what_is_too_large_for_a_link_outside_is_told(workload: str) -> None:
    forget_paths(workload)
    told = said(workload, f"ping -n -c 1 -W 20 -M do -s 1352 {FAR}")
    assert f"From {SERVER} icmp_seq=1 Frag needed and DF set (mtu = {NARROW})" in told
    told = said(workload, f"ping -n -c 1 -W 20 -M do -s 1332 {FAR6}")
    assert f"From {SERVER6} icmp_seq=1 Packet too big: mtu={NARROW}" in told


@BOTH
@pytest.mark.parametrize("address", [FAR, FAR6])
async def test_a_connection_finds_its_way_through(address: str, workload: str) -> None:
    """TCP begins with segments for an MTU of 1400; the far end hears all of them."""
    forget_paths(workload)
    sent = bytes(range(256)) * 1000
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listen = partial(socket.create_server, ("", PORT), family=family)
    with (
        netns.inside(FAR_NETNS, listen) as server,
        netns.inside(workload, partial(socket.socket, family)) as client,
    ):
        client.settimeout(30)
        client.connect((address, PORT))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * len(sent))
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        accepted, _ = server.accept()
        with accepted:
            accepted.settimeout(30)
            assert b"".join(iter(partial(accepted.recv, 1 << 16), b"")) == sent


async def test_a_floating_ip_tells_the_far_end_of_its_own_links_mtu() -> None:
    """And what comes to it through the narrow link, in fragments, arrives."""
    await until(lambda: pings(FAR_NETNS, FLOATING))
    assert "1 received" in said(FAR_NETNS, f"ping -n -c 1 -W 20 -s 3000 {FLOATING}")
    assert "mtu = 1400" in said(OUTSIDE, f"ping -n -c 1 -W 20 -M do -s 1400 {FLOATING}")


@BOTH
async def test_a_packet_that_dies_outside_is_told(workload: str) -> None:
    told = said(workload, f"ping -n -c 1 -W 20 -t 2 {FAR}")
    assert f"From {SERVER} icmp_seq=1 Time to live exceeded" in told
    told = said(workload, f"ping -n -c 1 -W 20 -t 2 {FAR6}")
    assert f"From {SERVER6} icmp_seq=1 Time exceeded: Hop limit" in told


@BOTH
async def test_the_gateway_and_what_is_behind_it_is_seen_on_the_path(workload: str) -> None:
    forget_paths(workload)
    four, six = (said(workload, f"tracepath -n {to}") for to in (FAR, FAR6))
    for told, hops in ((four, (INNER, SERVER, FAR)), (six, (INNER6, SERVER6, FAR6))):
        for number, hop in enumerate(hops, start=1):
            assert f" {number}:  {hop}" in told, told
        assert f"pmtu {NARROW}" in told
        assert "reached" in told


async def test_the_gateway_is_seen_from_outside() -> None:
    """As the floating IP where it is about one, for its word is translated as the packets are."""
    told = said(FAR_NETNS, f"tracepath -n {FLOATING}")
    for hop in (" 1:  198.51.100.2", f" 2:  {FLOATING}", f" 3:  {FLOATING}"):
        assert hop in told, told
    told = said(FAR_NETNS, "tracepath -n fd07::c")
    for hop in (" 1:  2001:db8:f::2", f" 2:  {ROUTER6}", " 3:  fd07::c"):
        assert hop in told, told
