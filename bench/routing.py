"""Routing between two networks beside Linux's: throughput and round trips, on one host and across.

Ours: the switch, as in bench/forwarding.py, with 100 rules at every port. The peer: a bridge for
each network, VXLAN between the hosts, and a router in a namespace on the client's host, no rules:
the shortest way that Linux has. The two take turns. Needs root and iperf3.
"""

import tempfile
from pathlib import Path
from typing import Any

from tests.dataplane.wire import PREFIX, VNI, Wire
from tests.dataplane.wire import run as command

from bench.forwarding import compare, hundred_rules, ip

ADDRESSES = ["10.0.0.1", "10.0.1.2", "10.0.1.3"]


class SwitchPlace:
    """polpo's switch: the client in one network, the other two workloads in another."""

    addresses = ADDRESSES

    def __init__(self, directory: Path) -> None:
        self.wire = Wire(directory)
        self.namespaces: list[str] = []

    def start(self) -> None:
        self.wire.start()
        self.wire.set_policy(1, hundred_rules())
        for number, host, vni in ((1, 0, VNI), (2, 0, VNI + 1), (3, 1, VNI + 1)):
            work = self.wire.plug(f"w{number}", host, number, vni=vni)
            self.namespaces.append(work.namespace)
        self.wire.route()
        self.wire.sync()

    def close(self) -> None:
        self.wire.close()


class RouterPlace:
    """Two bridges and a router's namespace on the first host; the second network on both hosts."""

    addresses = ADDRESSES

    def __init__(self) -> None:
        self.hosts = [f"{PREFIX}-b1", f"{PREFIX}-b2"]
        self.router = f"{PREFIX}-rt"
        self.namespaces = [f"{PREFIX}-x{n}" for n in (1, 2, 3)]

    def start(self) -> None:
        for namespace in (*self.hosts, self.router, *self.namespaces):
            command("ip", "netns", "add", namespace)
        one, two = self.hosts
        ip(one, f"link add under type veth peer name under netns {two}")
        for host, own, other in ((one, 1, 2), (two, 2, 1)):
            ip(host, f"addr add 192.0.2.{own}/24 dev under")
            ip(host, "link set under mtu 1600 up")
            for bridge in ("br0", "br1"):
                ip(host, f"link add name {bridge} type bridge mcast_snooping 0")
                ip(host, f"link set {bridge} up")
            vxlan = f"id 7 local 192.0.2.{own} remote 192.0.2.{other} dstport 4789 dev under"
            ip(host, f"link add vx mtu 1500 type vxlan {vxlan}")
            ip(host, "link set vx master br1 up")
        for net in (0, 1):
            self._plug(f"r{net}", one, net, self.router, f"10.0.{net}.254")
        command("ip", "netns", "exec", self.router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        for number, host, net in ((1, one, 0), (2, one, 1), (3, two, 1)):
            space = self.namespaces[number - 1]
            self._plug(f"v{number}", host, net, space, ADDRESSES[number - 1])
            ip(space, f"route add default via 10.0.{net}.254")

    def _plug(self, device: str, host: str, net: int, namespace: str, address: str) -> None:
        end = f"eth{net}"
        ip(host, f"link add {device} mtu 1500 type veth peer name {end} netns {namespace}")
        ip(host, f"link set {device} master br{net} up")
        ip(namespace, f"addr add {address}/24 dev {end}")
        ip(namespace, f"link set {end} up")

    def close(self) -> None:
        for namespace in (*self.namespaces, self.router, *self.hosts):
            command("ip", "netns", "del", namespace, check=False)


def run() -> list[dict[str, Any]]:
    peer = "Linux bridges, VXLAN, a router's namespace, no rules"
    with tempfile.TemporaryDirectory(prefix="pt-dp-") as directory:
        return compare(SwitchPlace(Path(directory)), RouterPlace(), "routing", peer)
