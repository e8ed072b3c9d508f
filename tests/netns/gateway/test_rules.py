"""A gateway's rules by themselves, in a namespace without an agent: what passes in which state.

client 10.7.0.20 -- transit0 [router] external0 -- server 203.0.113.1
"""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial

import msgspec
import pytest

from polpo.agent.gateway import onward
from polpo.agent.gateway.ruleset import ruleset
from polpo.agent.pairs import transit
from polpo.kernel import conntrack, netns, nftables
from polpo.target.rows import Gateway
from polpo.testing.gateways import ROUTER, SERVER, instance
from polpo.testing.hosts import PREFIX, inside, pings, sh

pytestmark = pytest.mark.netns
CLIENT_NETNS, ROUTER_NETNS, SERVER_NETNS = (f"{PREFIX}{name}" for name in ("rc", "rr", "rs"))
CLIENT, CLIENT6, SERVER6, PORT = "10.7.0.20", "fd07::14", "2001:db8::1", 9000
PEER_MAC, CLIENT_MAC, MAC = (f"fa:16:3e:00:00:{last}" for last in ("02", "14", "05"))
ETH_P_ALL, OUTGOING = 3, 4
LONG_S, SHORT_S = 10.0, 0.3  # for what should come, and for what should not
ROW = msgspec.structs.replace(instance(3, PEER_MAC, "p"), routed=("fd07::/64", "10.9.0.0/24"))


class Router:
    """The namespace of a gateway. `active` and `standby` are what keepalived would do."""

    def __init__(self) -> None:
        inside(ROUTER_NETNS, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
        for version, via in ((4, "10.9.0.0/24"), (6, "fd07::/64")):
            peer = f"{transit.address(version, 4)} dev transit0"
            self._ip(f"neigh add {peer} lladdr {CLIENT_MAC}")  # it hears what is passed on
            self._ip(f"-{version} route add {via} dev transit0")
            self._ip(f"-{version} route add default via {peer} metric {onward.LAST_RESORT}")
        self.write(ROW)

    def _ip(self, words: str) -> None:
        sh(f"ip -n {ROUTER_NETNS} {words}")

    def write(self, row: Gateway) -> None:
        netns.inside(ROUTER_NETNS, partial(nftables.apply, ruleset(row)))

    def active(self) -> None:
        self._ip(f"address add {ROUTER}/24 dev external0")
        for address in ("2001:db8::5/64", "fe80::5/64"):
            self._ip(f"address add {address} dev external0 nodad")
        self._ip(f"route add default via {SERVER} dev external0")
        self._ip(f"-6 route add default via {SERVER6} dev external0 metric 1")

    def standby(self) -> None:
        self._ip("address flush dev external0")
        self._ip("-4 route flush dev external0")
        self._ip("-6 route flush dev external0")

    def known(self) -> list[conntrack.Connection]:
        """The connections of the flows below, which stay."""
        found: list[conntrack.Connection] = []

        def note(connection: conntrack.Connection) -> bool:
            found.append(connection)
            return False

        netns.inside(ROUTER_NETNS, partial(conntrack.forget, note))
        return [c for c in found if c.protocol == socket.IPPROTO_UDP]


@pytest.fixture
def router() -> Iterator[Router]:
    names = (CLIENT_NETNS, ROUTER_NETNS, SERVER_NETNS)
    for name in names:
        sh(f"ip netns add {name}")
    try:
        for device, peer in (("transit0", CLIENT_NETNS), ("external0", SERVER_NETNS)):
            sh(f"ip -n {ROUTER_NETNS} link add {device} type veth peer name eth0 netns {peer}")
        inner = ("169.254.0.3/24", "10.7.0.1/24", "fe80::3/64")
        end(ROUTER_NETNS, "transit0", "02:00:00:00:00:01", *inner)
        end(CLIENT_NETNS, "eth0", CLIENT_MAC, f"{CLIENT}/24", f"{CLIENT6}/64", "10.9.0.20/32")
        end(ROUTER_NETNS, "external0", MAC)
        end(SERVER_NETNS, "eth0", "02:00:00:00:00:02", f"{SERVER}/24", f"{SERVER6}/64")
        sh(f"ip -n {CLIENT_NETNS} route add default via 10.7.0.1")
        sh(f"ip -n {CLIENT_NETNS} -6 route add default via fe80::3 dev eth0")
        sh(f"ip -n {SERVER_NETNS} route add default via {ROUTER}")
        sh(f"ip -n {SERVER_NETNS} -6 route add default via 2001:db8::5")
        yield Router()
    finally:
        for name in names:
            sh(f"ip netns delete {name}")


def end(name: str, device: str, mac: str, *addresses: str) -> None:
    sh(f"ip -n {name} link set {device} address {mac} addrgenmode none up")
    for address in addresses:
        nodad = "nodad" if ":" in address else ""
        sh(f"ip -n {name} address add {address} dev {device} {nodad}")


class Flow:
    """Datagrams from a source port of its own; an IPv6 one is routed as it is."""

    def __init__(self, source: str = CLIENT, port: int = 5000) -> None:
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        made = partial(socket.socket, family, socket.SOCK_DGRAM)
        self._client, self._server = (netns.inside(n, made) for n in (CLIENT_NETNS, SERVER_NETNS))
        self._client.bind((source, port))
        server = (SERVER6 if ":" in source else SERVER, PORT)
        self._server.bind(server)
        self._client.connect(server)
        self.seen_as = ""

    def goes(self, patience_s: float = LONG_S) -> bool:
        self._client.send(b"there")
        self._server.settimeout(patience_s)
        with contextlib.suppress(TimeoutError):
            _, self._peer = self._server.recvfrom(10)
            self.seen_as = str(self._peer[0])
            return True
        return False

    def comes(self, patience_s: float = LONG_S) -> bool:
        self._server.sendto(b"back", self._peer)
        self._client.settimeout(patience_s)
        with contextlib.suppress(TimeoutError, ConnectionError):
            return self._client.recv(10) == b"back"
        return False

    def __enter__(self) -> "Flow":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self._server.close()


def test_what_is_to_be_translated_is_and_what_is_routed_passes(router: Router) -> None:
    router.active()
    for source, seen_as in ((CLIENT, ROUTER), (CLIENT6, CLIENT6), ("10.9.0.20", "10.9.0.20")):
        with Flow(source) as flow:
            assert flow.goes()
            assert flow.comes()
            assert flow.seen_as == seen_as
            assert flow.goes()
            assert flow.comes()


def test_a_connection_is_not_begun_untranslated(router: Router) -> None:
    router.active()
    router.write(msgspec.structs.replace(ROW, snat=()))
    with Flow() as flow:
        assert not flow.goes(SHORT_S)
        assert not flow.goes(SHORT_S)
    assert not router.known()


def test_nor_does_one_go_on_that_was(router: Router) -> None:
    """Somebody took the translation away for a moment."""
    router.active()
    inside(ROUTER_NETNS, "nft flush chain inet polpo translate_source")
    with Flow() as flow:
        assert flow.goes()
        assert flow.seen_as == CLIENT
        router.write(ROW)
        assert router.known()
        assert not flow.goes(SHORT_S)
    with Flow(port=5001) as another:
        assert another.goes()
        assert another.seen_as == ROUTER


@pytest.mark.parametrize("source", [CLIENT6, "10.9.0.20"])
def test_nor_one_that_is_routed_no_more(source: str, router: Router) -> None:
    router.active()
    with Flow(source) as flow:
        assert flow.goes()
        router.write(msgspec.structs.replace(ROW, routed=()))
        assert not flow.goes(SHORT_S)
        assert not flow.comes(SHORT_S)


@pytest.mark.parametrize(("spoofed", "to"), [("fd07::99", CLIENT6), ("10.9.0.99", "10.9.0.20")])
def test_sources_inside_do_not_come_from_outside(spoofed: str, to: str, router: Router) -> None:
    router.active()
    family = socket.AF_INET6 if ":" in to else socket.AF_INET
    made = partial(socket.socket, family, socket.SOCK_DGRAM)
    sh(f"ip -n {SERVER_NETNS} address add {spoofed} dev eth0 {'nodad' if ':' in to else ''}")
    with netns.inside(CLIENT_NETNS, made) as client:
        client.bind((to, PORT))
        client.settimeout(LONG_S)
        for source in (SERVER6 if ":" in to else SERVER, spoofed):
            with netns.inside(SERVER_NETNS, made) as server:
                server.bind((source, PORT))
                server.sendto(source.encode(), (to, PORT))
        assert client.recv(40).decode() in (SERVER, SERVER6)
        client.settimeout(SHORT_S)
        with pytest.raises(TimeoutError):
            client.recv(40)


def test_a_standby_is_deaf_whatever_it_knows(router: Router) -> None:
    """To connections from the time when it was active as well."""
    router.active()
    with Flow() as four, Flow(CLIENT6) as six:
        assert all(flow.goes() and flow.comes() for flow in (four, six))
        for address in (ROUTER, "2001:db8::5"):
            neighbour = f"neigh replace {address} dev eth0 lladdr {MAC} nud permanent"
            sh(f"ip -n {SERVER_NETNS} {neighbour}")
        assert all(flow.comes() for flow in (four, six))
        router.standby()
        assert not any(flow.comes(SHORT_S) for flow in (four, six))
        assert not pings(SERVER_NETNS, ROUTER)


def test_a_standby_passes_on_and_keeps_no_account(router: Router) -> None:
    with hears(CLIENT_NETNS) as ears, Flow() as four, Flow(CLIENT6) as six:
        assert not any(flow.goes(SHORT_S) for flow in (four, six))
        passed = [frame for frame in frames(ears) if b"there" in frame]
    assert any(socket.inet_aton(CLIENT) in frame for frame in passed)
    assert any(socket.inet_pton(socket.AF_INET6, CLIENT6) in frame for frame in passed)
    assert not router.known()


def test_a_standby_says_nothing(router: Router) -> None:
    with hears(SERVER_NETNS) as ears:
        for state in ("down", "up"):
            sh(f"ip -n {ROUTER_NETNS} link set external0 {state}")
        for command in (
            f"ping -c 1 -W 0.2 -I external0 {SERVER}",
            "ping -c 1 -W 0.2 ff02::1%external0",
        ):
            with contextlib.suppress(AssertionError):
                inside(ROUTER_NETNS, command)
        assert not frames(ears)


@contextlib.contextmanager
def hears(where: str) -> Iterator[socket.socket]:
    """All frames that come to eth0."""
    kind = partial(socket.socket, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    with netns.inside(where, kind) as sock:
        sock.bind(("eth0", ETH_P_ALL))
        sock.settimeout(0.3)
        yield sock


def frames(sock: socket.socket) -> list[bytes]:
    found = []
    with contextlib.suppress(TimeoutError):
        while True:
            frame, source = sock.recvfrom(2000)
            if source[2] != OUTGOING:
                found.append(frame)
    return found


CROWDED = """
import os, sys
from polpo.kernel import nftables, processes
processes.have_files()
kept = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
nftables.apply("table inet crowded {}")
sys.stdout.write(nftables.show("inet crowded"))
"""


def test_rules_are_read_and_written_however_many_files_the_agent_has_open() -> None:
    """libnftables ends the process when its own is the 1024th (seen with 150 load balancers)."""
    command = ["unshare", "--net", sys.executable, "-c", CROWDED]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("table inet crowded"), done
