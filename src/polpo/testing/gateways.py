"""A router's gateway on two hosts, workloads on a third, and an outside: real agents, one cloud.

The workloads are in the router's transit network itself, with 169.254.0.2 as their router, so that
nothing but the gateways and the switch's learning is between them and the outside.
"""

import json
import select
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from polpo.agent.ownership import function_netns
from polpo.kernel import netns
from polpo.target import rows
from polpo.testing import pid_files, probe
from polpo.testing.controller import Controller
from polpo.testing.hosts import (
    CONTROLLER,
    PREFIX,
    UNDERLAY,
    HostUnderTest,
    eventually,
    sh,
)

VNI = 7
OUTSIDE = f"{PREFIX}o"
SERVER, SERVER6 = "203.0.113.1", "2001:db8::1"
ROUTER, ROUTER6 = "203.0.113.5", "2001:db8::5"
HOSTS = {"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3"}
HOMES = ("a", "b")


def instance(number: int, peer_mac: str, port: str) -> rows.Gateway:
    """Instance 3 begins as the active one."""
    return rows.Gateway(
        router="r",
        vni=VNI,
        port=port,
        instance=number,
        peer_mac=peer_mac,
        priority=200 if number == 3 else 150,
        physical_network="physnet1",
        mtu=1500,
        external_mac="fa:16:3e:ee:00:01",
        external=(f"{ROUTER}/24", f"{ROUTER6}/64"),
        next_hops=(SERVER, SERVER6),
        snat=("10.7.0.0/24",),
        routed=("fd07::/64",),
    )


class GatewayCloud:
    """`a` and `b` have the gateway, `c` the workloads; `outside` is a namespace with a bridge."""

    def __init__(self, controller: Controller, hosts: dict[str, HostUnderTest]) -> None:
        self.controller, self.hosts = controller, hosts
        self.a, self.b, self.c = hosts["a"], hosts["b"], hosts["c"]
        self.homes = tuple(hosts[name] for name in HOMES)

    def netns(self, host: HostUnderTest) -> str:
        """The namespace of the gateway on that host."""
        return function_netns(host.name, VNI)

    def files(self, host: HostUnderTest) -> Path:
        """Where keepalived's files are."""
        return host.runtime / "gateways" / str(VNI)

    async def change(self, *hosts: HostUnderTest, **fields: Any) -> None:
        """Fields of the rows of these hosts; of both if none is named."""
        for name in [host.name for host in hosts] or HOMES:
            (row,) = self.controller.gateways[name]
            self.controller.gateways[name] = [msgspec.structs.replace(row, **fields)]
        await self.controller.write()

    async def workload(self, number: int, host: HostUnderTest | None = None) -> str:
        """10.7.0.<number> and fd07::<number>; its namespace."""
        port = self.controller.add_port(number)
        name = f"{PREFIX}w{number}"
        await (host or self.c).plug(port, name)
        return name

    async def is_active(self, host: HostUnderTest) -> bool:
        return VNI in (await host.status()).get("active", ())

    async def active(self) -> list[HostUnderTest]:
        """By the agents' word, of those that run."""
        return [host for host in self.homes if host.running and await self.is_active(host)]

    async def settled(self) -> tuple[HostUnderTest, HostUnderTest]:
        """(the active, the other), when there is exactly one active and no error."""
        found: list[HostUnderTest] = []

        async def one() -> bool:
            said = {host: await host.status() for host in self.homes}
            found[:] = [host for host, s in said.items() if VNI in s.get("active", ())]
            return len(found) == 1 and not any(s.get("error") for s in said.values())

        await eventually(one, "one of two active")
        return found[0], next(host for host in self.homes if host is not found[0])

    def keepalived(self, host: HostUnderTest) -> int:
        """Its pid; 0 while there is none."""
        return pid_files.noted(self.files(host) / "keepalived.pid")

    def uplink(self, host: HostUnderTest, state: str) -> None:
        """Pull the cable (down), or plug it in (up): the switch's side of it."""
        sh(f"ip -n {OUTSIDE} link set up-{host.name} {state}")


class Probe:
    """Asks an address all the time (see testing.probe)."""

    def __init__(self, where: str, kind: str, address: str) -> None:
        self._process = program(where, kind, address)

    def answers_again(self) -> bool:
        """Whether more answers come, within 20 s."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write("again\n")
        self._process.stdin.flush()
        readable, _, _ = select.select([self._process.stdout], [], [], 20.0)
        return bool(readable) and self._process.stdout.readline() == "again\n"

    def end(self) -> dict[str, Any]:
        """What it has seen, to the end."""
        said, _ = self._process.communicate(timeout=30)
        assert self._process.returncode == 0, said
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return found

    def kill(self) -> None:
        """However it stands."""
        self._process.kill()
        self._process.communicate()


def program(where: str, *words: str) -> "subprocess.Popen[str]":
    """The probe in a namespace, when it is ready."""
    enter = ["nsenter", f"--net=/run/netns/{where}", sys.executable, probe.__file__, *words]
    process = subprocess.Popen(
        enter,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    first = process.stdout.readline()
    assert first == "ready\n", first + process.stdout.read()
    return process


@contextmanager
def echo(where: str) -> Iterator[None]:
    process = program(where, "echo")
    try:
        yield
    finally:
        process.kill()
        process.communicate()


@asynccontextmanager
async def gateway_cloud(folder: Path) -> AsyncIterator[GatewayCloud]:
    """All running and settled."""
    async with AsyncExitStack() as leaving:
        make_switch(leaving, UNDERLAY, f"{CONTROLLER}/24")
        make_switch(leaving, OUTSIDE, f"{SERVER}/24", f"{SERVER6}/64")
        sh(f"ip -n {OUTSIDE} -6 route add fd07::/64 via {ROUTER6}")
        sock = leaving.enter_context(netns.inside(UNDERLAY, socket.socket))
        sock.bind((CONTROLLER, 0))
        controller = Controller(HOSTS, VNI)
        await controller.write()
        await controller.start(sock)
        leaving.push_async_callback(controller.stop)
        hosts = {}
        for name, address in HOSTS.items():
            hosts[name] = HostUnderTest(name, address, folder / name, sock.getsockname()[1])
            hosts[name].make()
            leaving.push_async_callback(hosts[name].remove)
            _make_uplink(hosts[name])
        cloud = GatewayCloud(controller, hosts)
        await _bind(controller)
        for host in hosts.values():
            await host.started()
        leaving.enter_context(echo(OUTSIDE))
        await cloud.settled()
        yield cloud


def make_switch(leaving: AsyncExitStack, name: str, *addresses: str) -> None:
    sh(f"ip netns add {name}")
    leaving.callback(sh, f"ip netns delete {name}")
    sh(f"ip -n {name} link add switch type bridge mcast_snooping 0")
    for address in addresses:
        sh(f"ip -n {name} address add {address} dev switch nodad")
    sh(f"ip -n {name} link set switch up")


def _make_uplink(host: HostUnderTest) -> None:
    up = f"up-{host.name}"
    sh(f"ip -n {OUTSIDE} link add {up} type veth peer name eth1 netns {host.netns}")
    sh(f"ip -n {OUTSIDE} link set {up} master switch up")
    sh(f"ip -n {host.netns} link set eth1 up")
    with (host.folder / "agent.toml").open("a") as file:
        file.write('[uplinks]\nphysnet1 = "eth1"\n')


SUBNETS = (
    rows.Subnet("s4", "10.7.0.0/24", gateway="169.254.0.2"),
    rows.Subnet("s6", "fd07::/64", gateway="fe80::2"),
    rows.Subnet("g4", "10.7.0.0/24"),
    rows.Subnet("g6", "fd07::/64"),
    rows.Subnet("t4", "169.254.0.0/24"),
    rows.Subnet("t6", "fe80::/64"),
)
"""Of workloads, of the gateways among them, and of the transit network: all on one network here."""


async def _bind(controller: Controller) -> None:
    """The two instances' ports, where they belong, and their rows."""
    controller.subnets = {subnet.id: subnet for subnet in SUBNETS}
    ports = {
        name: controller.add_port(number) for name, number in zip(HOMES, (253, 252), strict=True)
    }
    macs = {name: controller.ports[port].mac for name, port in ports.items()}
    for number, name, other in ((3, "a", "b"), (4, "b", "a")):
        row = controller.ports[ports[name]]
        transit = (rows.Lease(f"169.254.0.{number}", "t4"), rows.Lease(f"fe80::{number}", "t6"))
        four, six = row.leases
        own = (rows.Lease(four.address, "g4"), rows.Lease(six.address, "g6"))
        controller.ports[row.id] = msgspec.structs.replace(
            row, leases=transit + own, port_security=False
        )
        controller.bound[row.id] = name
        controller.gateways[name] = [instance(number, macs[other], row.id)]
    await controller.write()
