"""A load balancer on two hosts, its client and members on a third: real agents, one cloud.

The controller compiles a model, as the real one does; what the model says next is up to the test.
"""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from polpo.agent.ownership import function_netns
from polpo.api.secrets_v1.bundles import NoCertificate, bundle, payloads
from polpo.api.secrets_v1.sealing import Seal
from polpo.compiler.slices import all_slices
from polpo.kernel import netns
from polpo.model.host import Host
from polpo.model.load_balancer import INSTANCE, Listener, LoadBalancer, Member, Pool, Vip
from polpo.model.network import Network, Subnet
from polpo.model.object import Object
from polpo.model.placement import HIGH, LOW, MOVING, Placement, instance_id
from polpo.model.port import AddressPair, FixedIP, Port
from polpo.model.security_group import SecurityGroupRule
from polpo.model.snapshot import Snapshot
from polpo.target import rows
from polpo.testing import balanced, pid_files
from polpo.testing.controller import Controller
from polpo.testing.gateways import make_switch
from polpo.testing.hosts import CONTROLLER, PREFIX, UNDERLAY, HostUnderTest, eventually, inside

HOSTS = {"a": "192.0.2.1", "b": "192.0.2.2", "c": "192.0.2.3"}
HOMES = {3: "a", 4: "b"}
VNI, VIP, VIP6 = 30, "10.7.0.5", "fd07::5"
CLIENT, MEMBERS = f"{PREFIX}w20", (f"{PREFIX}w21", f"{PREFIX}w22")
LB = "00000000-0000-4000-8000-00000000001b"
OF = {"load_balancer_id": LB}
PORT = 8080
SEAL = Seal([bytes(32)])


class ModelController(Controller):
    """Compiles `snapshot`. Who plugs a port is told nothing new: it is bound already."""

    def __init__(self) -> None:
        super().__init__(HOSTS)
        self.snapshot = Snapshot()

    def put(self, *objects: Object) -> None:
        for obj in objects:
            self.snapshot = self.snapshot.put(obj)
            if isinstance(obj, Port):
                self.ports[obj.id] = rows.Port(obj.id, 7, obj.mac_address, 1400, 0)

    def compiled(self) -> rows.Slices:
        return all_slices(self.snapshot)

    async def certificate(self, request: Request) -> Response:
        try:
            return Response(bundle(payloads(SEAL, self.snapshot, request.query_params["ref"])))
        except NoCertificate as error:
            return JSONResponse({"error": {"message": str(error)}}, 422)


class BalancerCloud:
    """`a` has the active one when all begins, `b` the standby, `c` the client and two members."""

    def __init__(self, controller: ModelController, hosts: dict[str, HostUnderTest]) -> None:
        self.controller, self.hosts = controller, hosts
        self.a, self.b, self.c = hosts["a"], hosts["b"], hosts["c"]
        self.homes = (self.a, self.b)

    def netns(self, host: HostUnderTest, vni: int = VNI) -> str:
        return function_netns(host.name, vni)

    def files(self, host: HostUnderTest, vni: int = VNI) -> Path:
        return host.runtime / "balancers" / str(vni)

    def pid(self, host: HostUnderTest, name: str = "haproxy.pid") -> int:
        return pid_files.pid(self.files(host) / name)

    async def change(self, *objects: Object) -> int:
        self.controller.put(*objects)
        return await self.controller.write()

    async def remove(self, *objects: Object) -> int:
        for obj in objects:
            self.controller.snapshot = self.controller.snapshot.remove(obj)
        return await self.controller.write()

    async def reached(self, revision: int) -> None:
        """All hosts have it, also the client's, whose switch may carry it; nothing has failed."""

        async def there() -> bool:
            said = [await host.status() for host in self.hosts.values() if host.running]
            return all(s["revision"] >= revision and not s.get("error") for s in said)

        await eventually(there, f"revision {revision}")

    async def active(self, vni: int = VNI) -> list[HostUnderTest]:
        """By the agents' word, of those that run."""
        said = {h: await h.status() for h in self.homes if h.running}
        return [host for host, status in said.items() if vni in status.get("active", ())]

    async def settled(self, vni: int = VNI) -> tuple[HostUnderTest, HostUnderTest]:
        """(the active, the other), when there is exactly one active and both are whole."""
        found: list[HostUnderTest] = []

        async def one() -> bool:
            said = {host: await host.status() for host in self.homes}
            found[:] = [host for host, s in said.items() if vni in s.get("active", ())]
            whole = all(vni in s.get("ready", ()) and not s.get("error") for s in said.values())
            return len(found) == 1 and whole

        await eventually(one, "one of two active, both ready")
        return found[0], next(host for host in self.homes if host is not found[0])

    async def move(self) -> tuple[HostUnderTest, HostUnderTest]:
        """On purpose: (the active one now, the one before)."""
        before, other = await self.settled()
        number = {host: instance for instance, host in HOMES.items()}
        ahead = placement(number[other.name], priority=MOVING, preempt=True)
        await self.change(ahead, placement(number[before.name], priority=LOW))

        async def moved() -> bool:
            return await self.active() == [other]

        await eventually(moved, "moved")
        await self.change(replace(ahead, priority=HIGH, preempt=False))
        return await self.settled()

    def get(self, url: str, *options: str) -> str:
        """What curl gets, from the client's namespace."""
        return inside(CLIENT, f"curl -sS --max-time 5 {' '.join(options)} {url}")


def holders(cloud: BalancerCloud, address: str = VIP) -> list[str]:
    """The hosts whose instance has the address on the device in front."""
    return [
        host.name
        for host in cloud.homes
        if f"{address}/" in inside(cloud.netns(host), "ip -o address show dev eth0")
    ]


def worker(cloud: BalancerCloud, host: HostUnderTest) -> int:
    """The pid of HAProxy's, which does the work; its newest."""
    master = cloud.pid(host)
    return int(Path(f"/proc/{master}/task/{master}/children").read_text().split()[-1])


def workload(number: int, host: str) -> Port:
    """10.7.0.<number> and fd07::<number>."""
    return Port(
        id=f"{number:08x}-0000-4000-8000-000000000000",
        network_id="N",
        mac_address=f"fa:16:3e:00:00:{number:02x}",
        fixed_ips=(FixedIP("S4", f"10.7.0.{number}"), FixedIP("S6", f"fd07::{number:x}")),
        security_groups=("G",),
        host=host,
    )


def end(instance: int, number: int, balancer: str = LB) -> Port:
    """An instance's port in front."""
    pairs = (AddressPair(VIP), AddressPair(VIP6))
    return replace(
        workload(number, HOMES[instance]),
        device_id=instance_id(balancer, instance),
        device_owner=INSTANCE,
        allowed_address_pairs=pairs,
    )


def placement(instance: int, balancer: str = LB, **more: Any) -> Placement:
    found = Placement(
        id=instance_id(balancer, instance),
        function_id=balancer,
        instance=instance,
        host=HOMES[instance],
        priority=HIGH if instance == 3 else LOW,
    )
    return replace(found, **more)


BALANCER = LoadBalancer(
    id=LB,
    vni=VNI,
    name="web",
    vip_address=VIP,
    vip_network_id="N",
    vip_port_id="V",
    vip_subnet_id="S4",
    additional_vips=(Vip("S6", VIP6),),
)
LISTENER = Listener(
    id="listener",
    protocol="HTTP",
    protocol_port=80,
    default_pool_id="pool",
    insert_headers={"X-Forwarded-For": "true"},
    **OF,  # type: ignore[arg-type]
)
POOL = Pool(id="pool", protocol="HTTP", lb_algorithm="ROUND_ROBIN", **OF)  # type: ignore[arg-type]


def member(number: int, **more: Any) -> Member:
    """At 10.7.0.<number>."""
    found = Member(
        id=f"member-{number}",
        pool_id="pool",
        address=f"10.7.0.{number}",
        protocol_port=PORT,
        **OF,  # type: ignore[arg-type]
    )
    return replace(found, **more)


def model() -> Iterator[Object]:
    for n, (name, address) in enumerate(HOSTS.items()):
        yield Host(id=f"H{n}", name=name, address=address, token_hash=name)
    yield Network(id="N", vni=7, mtu=1400)
    yield Subnet(id="S4", network_id="N", ip_version=4, cidr="10.7.0.0/24")
    yield Subnet(id="S6", network_id="N", ip_version=6, cidr="fd07::/64")
    for direction in ("ingress", "egress"):
        for ethertype in ("IPv4", "IPv6"):
            yield SecurityGroupRule(
                id=f"{direction}{ethertype}",
                security_group_id="G",
                direction=direction,
                ethertype=ethertype,
            )
    yield from (workload(number, "c") for number in (20, 21, 22))
    yield from (BALANCER, LISTENER, POOL, member(21), member(22))
    yield from (end(3, 3), end(4, 4), placement(3), placement(4))


@asynccontextmanager
async def balancer_cloud(folder: Path) -> AsyncIterator[BalancerCloud]:
    """All running and settled."""
    async with AsyncExitStack() as leaving:
        make_switch(leaving, UNDERLAY, f"{CONTROLLER}/24")
        sock = leaving.enter_context(netns.inside(UNDERLAY, socket.socket))
        sock.bind((CONTROLLER, 0))
        controller = ModelController()
        controller.put(*model())
        await controller.write()
        await controller.start(sock)
        leaving.push_async_callback(controller.stop)
        hosts = {}
        for name, address in HOSTS.items():
            hosts[name] = HostUnderTest(name, address, folder / name, sock.getsockname()[1])
            hosts[name].make()
            leaving.push_async_callback(hosts[name].remove)
        await asyncio.gather(*(host.started() for host in hosts.values()))
        cloud = BalancerCloud(controller, hosts)
        for number in (20, 21, 22):
            await cloud.c.plug(workload(number, "c").id, f"{PREFIX}w{number}")
        for name in MEMBERS:
            leaving.enter_context(serving(name, PORT))
        await cloud.settled()
        yield cloud


@contextmanager
def serving(where: str, port: int, *options: str) -> Iterator[None]:
    """A member, in a namespace: testing.balanced."""
    process = program(where, "serve", str(port), *options)
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def program(where: str, *words: str) -> "subprocess.Popen[str]":
    """testing.balanced in a namespace, when it is ready."""
    enter = ["nsenter", f"--net=/run/netns/{where}", sys.executable, balanced.__file__, *words]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen(enter, **pipes)
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


class Running:
    """A program in a client's namespace, that says what it has seen when it ends."""

    def __init__(self, where: str, *words: str) -> None:
        self._process = program(where, *words)

    def end(self) -> dict[str, Any]:
        said, _ = self._process.communicate("end\n", timeout=20)
        assert self._process.returncode == 0, said
        found: dict[str, Any] = json.loads(said.splitlines()[-1])
        return found


class Client(Running):
    """Opens a connection every 5 ms, and counts; and has long ones that go on all the while."""

    def __init__(self, address: str, port: int = 80, long: int = 0) -> None:
        super().__init__(CLIENT, "ask", address, str(port), str(long))


class Datagrams(Running):
    """Sends one every 5 ms from one socket, and counts the answers."""

    def __init__(self, address: str, port: int) -> None:
        super().__init__(CLIENT, "flow", address, str(port))
