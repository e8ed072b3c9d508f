"""Translated connections taken from one namespace's conntrack into another's."""

import socket
import subprocess
from collections.abc import Iterator
from functools import partial

import pytest

from polpo.kernel import connections, netns
from polpo.testing.hosts import PREFIX, inside, reaches, sh

pytestmark = pytest.mark.netns
CLIENT, OLD, NEW, SERVER = (f"{PREFIX}{name}" for name in ("cc", "co", "cn", "cs"))
RULES = """
table ip t {
  chain pre { type nat hook prerouting priority dstnat; ip daddr 192.0.2.9 dnat to 10.0.0.2; }
  chain post { type nat hook postrouting priority srcnat;
    oifname "out" tcp dport 80 snat to 192.0.2.1:40000-40001
    oifname "out" snat to 192.0.2.1
  }
}
"""


def router(name: str) -> None:
    sh(f"ip netns add {name}")
    for device, address, peer, other in (
        ("in", "10.0.0.1/24", CLIENT, "10.0.0.2/24"),
        ("out", "192.0.2.1/24", SERVER, "192.0.2.7/24"),
    ):
        end = f"to-{name[-2:]}"
        sh(f"ip -n {name} link add {device} type veth peer name {end} netns {peer}")
        sh(f"ip -n {name} address add {address} dev {device}")
        sh(f"ip -n {peer} address add {other} dev {end}")
        sh(f"ip -n {peer} link set {end} up")
        sh(f"ip -n {name} link set {device} up")
    sh(f"ip -n {name} address add 192.0.2.9/32 dev out")
    inside(name, "sysctl -qw net.ipv4.ip_forward=1")
    enter = ["nsenter", f"--net=/run/netns/{name}", "nft", "-f", "-"]
    subprocess.run(enter, input=RULES, text=True, check=True)


def move() -> None:
    """What goes through the old router goes through the new one from now on."""
    for peer in (CLIENT, SERVER):
        sh(f"ip -n {peer} link set to-co down")
    sh(f"ip -n {CLIENT} route add default via 10.0.0.1")


@pytest.fixture
def routers() -> Iterator[None]:
    names = (CLIENT, SERVER, OLD, NEW)
    try:
        for name in (CLIENT, SERVER):
            sh(f"ip netns add {name}")
        router(OLD)
        sh(f"ip -n {CLIENT} route add default via 10.0.0.1")
        yield
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def connected(
    client: str, server: str, address: tuple[str, int], bound: tuple[str, int], source: str = ""
) -> tuple[socket.socket, socket.socket]:
    """A connection from the client to an address behind which the server is: both ends."""
    listening = netns.inside(server, lambda: socket.create_server(bound))
    with listening:
        listening.settimeout(30)
        own = (source, 5000) if source else None
        ours = netns.inside(client, lambda: socket.create_connection(address, 5, own))
        theirs, _ = listening.accept()
    for end in (ours, theirs):
        end.settimeout(30)
    return ours, theirs


def outward() -> tuple[socket.socket, socket.socket]:
    server = ("192.0.2.7", 80)
    return connected(CLIENT, SERVER, server, server, source="10.0.0.2")


def test_what_the_server_says_first_arrives_by_the_new_router(routers: None) -> None:
    """The client's port was translated to another: only conntrack knows to which."""
    ours, theirs = outward()
    with ours, theirs:
        assert theirs.getpeername()[1] in (40000, 40001)
        assert reaches(CLIENT, "192.0.2.7")
        dumped = netns.inside(OLD, connections.dump)
        router(NEW)
        restore = partial(connections.restore, dumped)
        assert netns.inside(NEW, restore) == 2, "TCP and the ping's"
        assert netns.inside(NEW, restore) == 0, "what is there stays"
        move()
        for said in (b"one", b"two"):
            theirs.sendall(said)
            assert ours.recv(10) == said
            ours.sendall(said)
            assert theirs.recv(10) == said


def test_without_them_it_would_not(routers: None) -> None:
    ours, theirs = outward()
    with ours, theirs:
        router(NEW)
        move()
        theirs.sendall(b"one")
        ours.settimeout(1)
        with pytest.raises(TimeoutError):
            ours.recv(10)


def test_connections_begun_outside_are_kept_as_well(routers: None) -> None:
    outer, inner = connected(SERVER, CLIENT, ("192.0.2.9", 22), ("10.0.0.2", 22))
    with outer, inner:
        dumped = netns.inside(OLD, connections.dump)
        router(NEW)
        assert netns.inside(NEW, partial(connections.restore, dumped)) == 1
        move()
        inner.sendall(b"who are you")
        assert outer.recv(20) == b"who are you"


@pytest.mark.parametrize("junk", [b"", b"\0", b"\0\0\0\x10junk", b"\0\0\0\x04junk" * 3])
def test_junk_adds_nothing(routers: None, junk: bytes) -> None:
    assert netns.inside(OLD, partial(connections.restore, junk)) == 0
