"""Workloads on two hosts, with their own kernels' stacks, through the switch."""

import subprocess
import time
from collections.abc import Callable

import pytest
from tests.dataplane.wire import ANY, Wire, Workload

from polpo.dataplane.tables import Drop, unpack_address, unpack_mac
from polpo.target.rows import GroupSet, Pair, Rule

pytestmark = pytest.mark.netns
OUT = tuple(rule for rule in ANY if not rule.ingress)
WEB = (*OUT, Rule(ingress=True, family=4, protocol=6, low=80, high=80))
SERVER = """
import contextlib, socket
server = socket.create_server(("", 80))
while True:
    client, _ = server.accept()
    with contextlib.suppress(OSError):  # a client that was cut off resets its connection
        while data := client.recv(100):
            client.send(data)
"""
GRATUITOUS = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("eth0", 0))
s.send(bytes.fromhex(sys.argv[1]))
"""


def eventually(true: Callable[[], bool], seconds: float = 30) -> bool:
    """Polls until it is true, or the time is up."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def serve(work: Workload) -> "subprocess.Popen[bytes]":
    server = subprocess.Popen(["ip", "netns", "exec", work.namespace, "python3", "-c", SERVER])
    listening = "ss", "-Hltn", "sport", "= :80"
    assert eventually(lambda: bool(work.run(*listening)))
    return server


def connects(work: Workload, address: str) -> bool:
    script = f"import socket; socket.create_connection(('{address}', 80), 1)"
    return (
        subprocess.run(
            ["ip", "netns", "exec", work.namespace, "python3", "-c", script], capture_output=True
        ).returncode
        == 0
    )


def test_workloads_reach_each_other_on_one_host_and_across(wire: Wire) -> None:
    wire.set_policy(1, ANY)
    a, b, c = wire.plug("a", 0, 1), wire.plug("b", 0, 2), wire.plug("c", 1, 3)
    wire.sync()
    for here, there in ((a, b), (a, c), (c, b)):
        for address in (there.v4, there.v6):
            assert here.pings(address)
            assert here.pings(address, "-s", "4000"), "in fragments"
            assert here.pings(address, "-s", "1400", "-M", "do")
    reasons = wire.hosts[0].drops().keys() | wire.hosts[1].drops().keys()
    assert reasons <= {Drop.UNKNOWN_PORT, Drop.UNKNOWN_VTEP}, "before the tables were filled"


def test_hosts_with_an_ipv6_underlay(tmp_path_factory: pytest.TempPathFactory) -> None:
    wire = Wire(tmp_path_factory.mktemp("six"), ("2001:db8::1", "2001:db8::2"))
    try:
        wire.start()
        wire.set_policy(1, ANY)
        a, c = wire.plug("a", 0, 1), wire.plug("c", 1, 3)
        wire.sync()
        assert a.pings(c.v4)
        assert c.pings(a.v6)
    finally:
        wire.close()


def test_only_what_a_rule_allows_comes_in_and_answers_go_out(wire: Wire) -> None:
    wire.set_policy(1, OUT)
    wire.set_policy(2, WEB)
    a, b, c = wire.plug("a", 0, 1), wire.plug("b", 0, 2, policy=2), wire.plug("c", 1, 3)
    wire.sync()
    server = serve(b)
    try:
        assert connects(a, b.v4)
        assert connects(c, b.v4)
        assert not a.pings(b.v4)
        assert b.pings(a.v4) is False, "a lets nothing in"
        assert wire.hosts[0].drops()[Drop.INGRESS_POLICY] >= 2
    finally:
        server.kill()
        server.wait()


@pytest.mark.parametrize("where", [0, 1], ids=["one host", "two hosts"])
def test_a_removed_rule_cuts_its_connections_within_a_second(wire: Wire, where: int) -> None:
    wire.set_policy(1, OUT)
    wire.set_policy(2, WEB)
    a, b = wire.plug("a", where, 1), wire.plug("b", 0, 2, policy=2)
    wire.sync()
    server = serve(b)
    script = (
        "import socket, time\n"
        f"s = socket.create_connection(('{b.v4}', 80), 2)\n"
        "s.settimeout(2)\n"
        "while True:\n"
        "    s.send(b'x'); s.recv(1); print('.', flush=True); time.sleep(0.02)\n"
    )
    client = subprocess.Popen(
        ["ip", "netns", "exec", a.namespace, "python3", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        assert client.stdout
        assert client.stdout.readline()
        wire.move_policy(b, 1)
        client.wait(30)  # its read timed out: nothing came back any more
        wire.move_policy(b, 2)
        assert eventually(lambda: connects(a, b.v4)), "a new connection, once it is allowed again"
    finally:
        client.stdout and client.stdout.close()
        for process in (client, server):
            process.kill()
            process.wait()


def test_a_member_that_leaves_its_group_is_cut_off(wire: Wire) -> None:
    friends = (*OUT, Rule(ingress=True, family=4, group="friends"))
    wire.set_policy(1, OUT)
    wire.set_policy(2, friends)
    wire.rows = [GroupSet(number=5, groups=("friends",))]
    a, b = wire.plug("a", 1, 1, groups=5), wire.plug("b", 0, 2, policy=2)
    wire.sync()
    assert a.pings(b.v4)
    a.groups = 0
    wire.sync()
    assert eventually(lambda: not a.pings(b.v4))


@pytest.mark.parametrize("virtual", ["", "00:00:5e:00:01:07"], ids=["own MAC", "virtual MAC"])
def test_an_allowed_address_moves_by_gratuitous_arp(wire: Wire, virtual: str) -> None:
    vip = "10.0.0.100"
    wire.set_policy(1, ANY)
    macs = virtual or "02:00:00:00:00:01", virtual or "02:00:00:00:00:02"
    a = wire.plug("a", 0, 1, pairs=(Pair(macs[0], f"{vip}/32"),))
    b = wire.plug("b", 1, 2, pairs=(Pair(macs[1], f"{vip}/32"),))
    c, d = wire.plug("c", 0, 3), wire.plug("d", 1, 4)
    wire.sync()
    for owner, mac in ((a, macs[0]), (b, macs[1]), (a, macs[0])):
        take(owner, vip, mac)
        assert eventually(lambda: c.pings(vip) and d.pings(vip)), owner.row.id
        known = wire.hosts[1].switch.tables["moved"].read()
        said = [(unpack_address(key[8:]), unpack_mac(value[:6])) for key, value in known.items()]
        assert said == [(vip, mac)]
        owner.run("ip", "addr", "del", f"{vip}/24", "dev", "eth0")


def take(work: Workload, vip: str, mac: str) -> None:
    """Takes an address, with a MAC of its own, and tells everybody, as keepalived does."""
    work.run("ip", "-4", "addr", "flush", "dev", "eth0")
    work.run("ip", "link", "set", "eth0", "address", mac)
    work.run("ip", "addr", "add", f"{vip}/24", "dev", "eth0")
    work.run("python3", "-c", GRATUITOUS, gratuitous(mac, vip))


def gratuitous(mac: str, address: str) -> str:
    sender = mac.replace(":", ""), bytes(map(int, address.split("."))).hex()
    packed = "".join(sender)
    return f"ffffffffffff{sender[0]}08060001080006040001{packed}000000000000{sender[1]}"


def test_a_stranger_cannot_claim_an_address(wire: Wire) -> None:
    wire.set_policy(1, ANY)
    a, b, c = wire.plug("a", 0, 1), wire.plug("b", 1, 2), wire.plug("c", 0, 3)
    wire.sync()
    a.run("python3", "-c", GRATUITOUS, gratuitous(a.row.mac, b.v4))
    assert wire.hosts[0].drops()[Drop.SPOOFED_NEIGHBOUR] == 1
    assert c.pings(b.v4)


@pytest.mark.parametrize("where", [0, 1], ids=["one host", "two hosts"])
def test_bulk_tcp_and_large_udp_pass_whole(wire: Wire, where: int) -> None:
    wire.set_policy(1, ANY)
    a, b = wire.plug("a", 0, 1), wire.plug("b", where, 2)
    wire.sync()
    server = subprocess.Popen(
        ["ip", "netns", "exec", b.namespace, "iperf3", "-s"], stdout=subprocess.DEVNULL
    )
    try:
        assert eventually(lambda: bool(b.run("ss", "-Hltn", "sport", "= :5201")))
        for options in (("-n", "20M"), ("-n", "20M", "-R"), ("-6", "-n", "5M")):
            target = b.v6 if "-6" in options else b.v4
            a.run("iperf3", "-c", target, *options)
        a.run("iperf3", "-c", b.v4, "-u", "-l", "8000", "-b", "20M", "-n", "1M")
    finally:
        server.kill()
        server.wait()


def test_the_counters_are_the_workloads_own(wire: Wire) -> None:
    wire.set_policy(1, ANY)
    a, b = wire.plug("a", 0, 1), wire.plug("b", 0, 2)
    wire.sync()
    assert a.pings(b.v4)
    counted = wire.hosts[0].switch.tables["counters"].sum()
    ifindex = wire.hosts[0].plugs["a"].ifindex.to_bytes(4, "little")
    packets_in, bytes_in, packets_out, bytes_out, *_ = counted[ifindex]
    assert packets_in >= 1
    assert bytes_in >= 98
    assert packets_out >= 1
    assert bytes_out >= 98
