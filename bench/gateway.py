"""Gateways: new connections through SNAT beside plain nftables, failover, many floating IPs.

Two hosts with a gateway and a third one with the client, each with a real agent, as namespaces.
The peer of SNAT is a Linux bridge and a router namespace with the same veths and macvlan, and one
`snat` rule; both take turns. An outage is what a client that asks every 5 ms measures.
Needs root and keepalived.
"""

import asyncio
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from polpo.testing.gateways import OUTSIDE, SERVER, GatewayCloud, Probe, gateway_cloud
from polpo.testing.hosts import PREFIX, UNDERLAY, HostUnderTest, eventually, inside, pings, sh

TIMES, ROUNDS, SECONDS = 20, 60, 0.3
PORT = 5000
VXLAN_PORT = 4790  # the switch has 4789
FLOATING = 1000
ACCEPT = f"""
import socket
s = socket.create_server(("", {PORT}), backlog=1024)
print("ready", flush=True)
while True: s.accept()[0].close()
"""
CONNECT = """
import socket, struct, sys, time
reset = struct.pack("ii", 1, 0)  # nothing lingers, so that ports do not run out
end, count = time.perf_counter() + float(sys.argv[3]), 0
while time.perf_counter() < end:
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    count += 1
print(count)
"""
PEER = """
table ip peer {
  chain post {
    type nat hook postrouting priority srcnat;
    oifname "external0" snat to 203.0.113.99
  }
}
"""
Harm = Callable[[GatewayCloud, HostUnderTest], None]


class PlainRouter:
    """A client behind a bridge, and a namespace with one SNAT rule behind another, or the same one:
    between hosts is a VXLAN. The uplink is that of the router's host.
    """

    client, router = f"{PREFIX}x", f"{PREFIX}y"

    def start(self, at: HostUnderTest, router_at: HostUnderTest) -> None:
        for host in {at, router_at}:
            sh(f"ip -n {host.netns} link add peer0 type bridge mcast_snooping 0")
            sh(f"ip -n {host.netns} link set peer0 up")
        for host, other in ((at, router_at), (router_at, at)) if at is not router_at else ():
            ends = f"local {host.address} remote {other.address} dstport {VXLAN_PORT}"
            sh(f"ip -n {host.netns} link add peer1 type vxlan id 9 {ends}")
            sh(f"ip -n {host.netns} link set peer1 master peer0 up")
        for host, name, device in ((at, self.client, "eth0"), (router_at, self.router, "in0")):
            end = f"{device}-peer"
            sh(f"ip netns add {name}")
            sh(f"ip -n {host.netns} link add {end} type veth peer name {device} netns {name}")
            sh(f"ip -n {host.netns} link set {end} master peer0 up")
        sh(
            f"ip -n {router_at.netns} link add external0 link eth1 netns {self.router}"
            " type macvlan mode bridge"
        )
        for name, device, address in (
            (self.client, "eth0", "10.8.0.2/24"),
            (self.router, "in0", "10.8.0.1/24"),
            (self.router, "external0", "203.0.113.99/24"),
        ):
            sh(f"ip -n {name} address add {address} dev {device}")
            sh(f"ip -n {name} link set {device} up")
        sh(f"ip -n {self.client} route add default via 10.8.0.1")
        inside(self.router, "sysctl -qw net.ipv4.ip_forward=1")
        enter = ["nsenter", f"--net=/run/netns/{self.router}", "nft", "-f", "-"]
        subprocess.run(enter, input=PEER, text=True, check=True)

    def close(self, *hosts: HostUnderTest) -> None:
        for name in (self.client, self.router):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
        for host, device in itertools.product(hosts, ("peer1", "peer0")):
            command = ["ip", "-n", host.netns, "link", "del", device]
            subprocess.run(command, check=False, capture_output=True)


def connections(client: str) -> float:
    """TCP connections a second, opened one after the other."""
    enter = ["nsenter", f"--net=/run/netns/{client}", sys.executable, "-c", CONNECT]
    said = subprocess.run(
        [*enter, SERVER, str(PORT), str(SECONDS)], capture_output=True, text=True, check=True
    )
    return int(said.stdout) / SECONDS


@contextmanager
def accepting() -> Iterator[None]:
    """A server outside that closes what it accepts."""
    enter = ["nsenter", f"--net=/run/netns/{OUTSIDE}", sys.executable, "-c", ACCEPT]
    server = subprocess.Popen(enter, stdout=subprocess.PIPE)
    try:
        assert server.stdout
        server.stdout.readline()
        yield
    finally:
        server.kill()
        server.wait()


async def snat(cloud: GatewayCloud) -> list[dict[str, Any]]:
    """From the gateway's own host, and from another one, as most workloads are."""
    active, standby = await cloud.settled()
    near, far = await cloud.workload(20, active), await cloud.workload(21, cloud.c)
    return [
        beside_plain(near, "on the gateway's host", cloud.c, cloud.c),
        beside_plain(far, "from another host", cloud.c, standby),
    ]


def beside_plain(
    ours: str, where: str, at: HostUnderTest, router_at: HostUnderTest
) -> dict[str, Any]:
    peer = PlainRouter()
    with ExitStack() as stack:
        stack.enter_context(accepting())
        stack.callback(peer.close, at, router_at)
        peer.start(at, router_at)
        for client in (ours, peer.client):
            connections(client)
        pairs = [(connections(ours), connections(peer.client)) for _ in range(ROUNDS)]
    value, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(mine / theirs for mine, theirs in pairs)
    name = f"gateway: connections through SNAT {where}"
    beside = "Linux bridge (and VXLAN), one nftables snat rule"
    return figure(name, value, "1/s", peer=beside, peer_value=round(other), ratio=round(ratio, 3))


def figure(name: str, value: float, unit: str, **more: Any) -> dict[str, Any]:
    nothing = {"peer": None, "peer_value": None, "ratio": None}
    return {"name": name, "value": round(value, 3), "unit": unit, **nothing, **more}


def kill(cloud: GatewayCloud, host: HostUnderTest) -> None:
    for name in ("keepalived.pid", "vrrp.pid"):
        os.kill(int((cloud.files(host) / name).read_text()), signal.SIGKILL)


def pull(cloud: GatewayCloud, host: HostUnderTest) -> None:
    cloud.uplink(host, "down")


def lose(cloud: GatewayCloud, host: HostUnderTest) -> None:
    sh(f"ip -n {UNDERLAY} link set to-{host.name} down")
    cloud.uplink(host, "down")


def mend(cloud: GatewayCloud, host: HostUnderTest) -> None:
    sh(f"ip -n {UNDERLAY} link set to-{host.name} up")
    cloud.uplink(host, "up")


async def outage(cloud: GatewayCloud, client: str, harm: Harm) -> tuple[float, float]:
    """Seconds without an answer: of datagrams, and of one TCP connection, which lives."""
    active, _ = await cloud.settled()
    await eventually(lambda: answers(client), "traffic")
    await asyncio.sleep(1.2)  # Linux tells of links that come and go once a second
    probes = [Probe(client, kind, SERVER) for kind in ("udp", "tcp")]
    harm(cloud, active)
    assert all(probe.answers_again() for probe in probes)
    seen = [probe.end()["outage_s"] for probe in probes]
    mend(cloud, active)
    return seen[0], seen[1]


async def answers(client: str) -> bool:
    return pings(client, SERVER)


async def failover(cloud: GatewayCloud, client: str) -> list[dict[str, Any]]:
    found = []
    for what, harm in (("keepalived killed", kill), ("uplink cut", pull), ("host lost", lose)):
        seen = [await outage(cloud, client, harm) for _ in range(TIMES)]
        for kind, times in zip(("datagrams", "TCP"), zip(*seen, strict=True), strict=True):
            name = f"gateway: outage, {what}, {kind}"
            found.append(figure(f"{name}, median of {TIMES}", statistics.median(times), "s"))
            found.append(figure(f"{name}, worst of {TIMES}", max(times), "s"))
    return found


async def restart(cloud: GatewayCloud, client: str) -> dict[str, Any]:
    """The agent of the active one is killed and comes back: nothing may be lost."""
    active, _ = await cloud.settled()
    probe = Probe(client, "udp", SERVER)
    await active.kill()
    await active.started()
    assert probe.answers_again()
    return figure("gateway: outage, agent killed and back, datagrams", probe.end()["outage_s"], "s")


async def many(cloud: GatewayCloud) -> dict[str, Any]:
    """From the controller's revision to the last of them answering a ping from outside."""
    addresses = [f"203.0.{128 + n // 250}.{n % 250 + 1}" for n in range(FLOATING)]
    inside(OUTSIDE, "ip route add 203.0.128.0/20 dev switch")
    began = time.perf_counter()
    await cloud.change(floating=tuple((address, "10.7.0.10") for address in addresses))
    for address in (addresses[0], addresses[-1]):
        while not await asyncio.to_thread(answers_at_once, address):
            pass  # in a thread: the controller is in this process, and must not be kept waiting
    took = time.perf_counter() - began
    return figure(f"gateway: {FLOATING} floating IPs from nothing", took, "s")


def answers_at_once(address: str) -> bool:
    enter = ["nsenter", f"--net=/run/netns/{OUTSIDE}", "ping", "-n", "-c1", "-W0.05", address]
    return subprocess.run(enter, capture_output=True, check=False).returncode == 0


async def measure(folder: Path) -> list[dict[str, Any]]:
    async with gateway_cloud(folder) as cloud:
        client = await cloud.workload(10)
        steps: list[Callable[[], Awaitable[Any]]] = [
            lambda: many(cloud),
            lambda: restart(cloud, client),
        ]
        found = await snat(cloud)
        found += [await step() for step in steps]
        await cloud.change(floating=())
        return found + await failover(cloud, client)


def run() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="pt-gw-") as folder:
        return asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    json.dump(run(), sys.stdout, indent=2)
