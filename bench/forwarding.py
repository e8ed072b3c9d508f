"""The switch beside a Linux bridge with VXLAN: throughput and round trips, on one host and across.

The switch has 100 security group rules at every port and follows connections; the bridge has no
rules at all. Both have the same veths, namespaces and underlay, and take turns: A B A B ..., so
that whatever else the machine does falls on both; the ratio is the median of the turns' ratios.
Then the switch with limits that are never reached, in both directions, beside itself without.
Needs root and iperf3.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.dataplane.wire import PREFIX, Wire, inside
from tests.dataplane.wire import run as command

from polpo.target.rows import Limit, Rule

ROUNDS, SECONDS = 20, 1
FAR = Limit(400_000_000, 320_000_000)  # 400 Gbit/s: never reached, always counted
ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7))
while True:
    s.sendto(*s.recvfrom(100))
"""
ASK = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect((sys.argv[1], 7))
s.settimeout(1)
times = []
end = time.perf_counter() + float(sys.argv[2])
while time.perf_counter() < end:
    start = time.perf_counter_ns()
    s.send(b"x" * 64)
    s.recv(100)
    times.append(time.perf_counter_ns() - start)
print(sorted(times)[len(times) // 2] / 1000)
"""


class Place(Protocol):
    """Three workloads: the first and the second on one host, the third on another."""

    namespaces: list[str]
    addresses: list[str]

    def close(self) -> None: ...


class SwitchPlace:
    """polpo's switch."""

    addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3"]

    def __init__(self, directory: Path, tag: str = "", limit: Limit | None = None) -> None:
        self.wire, self.limit = Wire(directory, tag=tag), limit
        self.namespaces: list[str] = []

    def start(self) -> None:
        self.wire.start()
        self.wire.set_policy(1, hundred_rules())
        for number, host in ((1, 0), (2, 0), (3, 1)):
            limit = self.limit
            work = self.wire.plug(f"w{number}", host, number, ingress=limit, egress=limit)
            self.namespaces.append(work.namespace)
        self.wire.sync()

    def close(self) -> None:
        self.wire.close()


def hundred_rules() -> tuple[Rule, ...]:
    """49 kinds of traffic that the benchmark does not use, and the one that it does; both ways."""
    unused = [(6, 1000 + 7 * n, 1003 + 7 * n, f"10.{n}.0.0/16") for n in range(1, 49)]
    used = [(6, 5201, 5201, "10.0.0.0/23"), (17, 7, 7, "10.0.0.0/23")]
    return tuple(
        Rule(ingress=way, family=4, protocol=protocol, low=low, high=high, prefix=prefix)
        for way in (True, False)
        for protocol, low, high, prefix in unused + used
    )


class BridgePlace:
    """A bridge on each host, and a VXLAN device between them."""

    addresses = SwitchPlace.addresses

    def __init__(self) -> None:
        self.hosts = [f"{PREFIX}-b1", f"{PREFIX}-b2"]
        self.namespaces = [f"{PREFIX}-x{n}" for n in (1, 2, 3)]

    def start(self) -> None:
        for namespace in (*self.hosts, *self.namespaces):
            command("ip", "netns", "add", namespace)
        one, two = self.hosts
        ip(one, f"link add under type veth peer name under netns {two}")
        for host, own, other in ((one, 1, 2), (two, 2, 1)):
            ip(host, f"addr add 192.0.2.{own}/24 dev under")
            ip(host, "link set under mtu 1600 up")
            ip(host, "link add name br0 type bridge mcast_snooping 0")
            ip(host, "link set br0 up")
            vxlan = f"id 7 local 192.0.2.{own} remote 192.0.2.{other} dstport 4789 dev under"
            ip(host, f"link add vx mtu 1500 type vxlan {vxlan}")
            ip(host, "link set vx master br0 up")
        for number, host in ((1, one), (2, one), (3, two)):
            self._plug(number, host, self.namespaces[number - 1])

    def _plug(self, number: int, host: str, namespace: str) -> None:
        ip(host, f"link add v{number} mtu 1500 type veth peer name eth0 netns {namespace}")
        ip(host, f"link set v{number} master br0 up")
        ip(namespace, f"addr add 10.0.0.{number}/24 dev eth0")
        ip(namespace, "link set eth0 up")

    def close(self) -> None:
        for namespace in (*self.namespaces, *self.hosts):
            command("ip", "netns", "del", namespace, check=False)


def ip(namespace: str, words: str) -> None:
    command("ip", "-n", namespace, *words.split())


@contextmanager
def servers(place: Place) -> Iterator[None]:
    programs = (("iperf3", "-s"), ("python3", "-c", ECHO))
    started = [
        subprocess.Popen(["ip", "netns", "exec", space, *program], stdout=subprocess.DEVNULL)
        for space in place.namespaces[1:]
        for program in programs
    ]
    try:
        for space in place.namespaces[1:]:
            while not inside(space, "ss", "-Hltn", "sport", "= :5201"):
                time.sleep(0.05)
        yield
    finally:
        for server in started:
            server.kill()
            server.wait()


def throughput(place: Place, to: int) -> float:
    """Gbit/s of one TCP connection, its two ends on different CPUs."""
    client = ("iperf3", "-J", "-t", str(SECONDS), "-A", "0,1", "-c", place.addresses[to])
    said = json.loads(inside(place.namespaces[0], *client))
    return float(said["end"]["sum_received"]["bits_per_second"]) / 1e9


def round_trip(place: Place, to: int) -> float:
    """Median microseconds of a datagram of 64 bytes and its answer."""
    client = ("python3", "-c", ASK, place.addresses[to], str(SECONDS / 2))
    return float(inside(place.namespaces[0], *client))


Case = tuple[str, str, Callable[[Place, int], float], int]


def cases(what: str) -> tuple[Case, ...]:
    """Name, unit, measure, and which workload is the other end."""
    return (
        (f"{what}: throughput, one host", "Gbit/s", throughput, 1),
        (f"{what}: throughput, two hosts", "Gbit/s", throughput, 2),
        (f"{what}: round trip, one host", "us", round_trip, 1),
        (f"{what}: round trip, two hosts", "us", round_trip, 2),
    )


def run_case(ours: Place, peer: Place, peer_name: str, case: Case) -> dict[str, Any]:
    """One figure and the peer's; a ratio above 1 is better than the peer."""
    name, unit, measure, to = case
    for place in (ours, peer):
        measure(place, to)  # neighbours, flows, caches
    pairs = [(measure(ours, to), measure(peer, to)) for _ in range(ROUNDS)]
    value, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(ours / theirs for ours, theirs in pairs)
    if measure is round_trip:
        ratio = 1 / ratio
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "peer": peer_name,
        "peer_value": round(other, 3),
        "ratio": round(ratio, 3),
    }


class Startable(Place, Protocol):
    def start(self) -> None: ...


def compare(ours: Startable, peer: Startable, what: str, peer_name: str) -> list[dict[str, Any]]:
    """All cases, the two taking turns."""
    with ExitStack() as stack:
        for place in (ours, peer):
            stack.callback(place.close)
            place.start()
        stack.enter_context(servers(ours))
        stack.enter_context(servers(peer))
        return [run_case(ours, peer, peer_name, case) for case in cases(what)]


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="pt-dp-") as directory:
        ours, peer = SwitchPlace(Path(directory)), BridgePlace()
        figures = compare(ours, peer, "forwarding", "Linux bridge and VXLAN, no rules")
        limited, free = SwitchPlace(Path(directory), "l", FAR), SwitchPlace(Path(directory))
        return figures + compare(limited, free, "forwarding, limited", "the switch without limits")


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
