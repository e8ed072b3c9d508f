"""Two hosts and their workloads as namespaces, wired to the switch as the agent would do it.

Everything is named pt-dp-<pid>-..., and gone when the `Wire` is closed.
"""

import json
import os
import subprocess
from ipaddress import ip_address
from pathlib import Path

import msgspec

from polpo.dataplane.entries import Entries, Plug
from polpo.dataplane.tables import ORDER, Drop
from polpo.kernel import bpf
from polpo.target.changes import compare
from polpo.target.rows import (
    AnyRow,
    Endpoint,
    Host,
    Interface,
    Lease,
    Limit,
    Member,
    Network,
    Pair,
    Policy,
    Port,
    Router,
    Rule,
)

PREFIX = f"pt-dp-{os.getpid()}"
SIZES = {"flows": 4096, "fdb": 4096, "neighbours": 4096, "moved": 256, "moved_fdb": 256}
VNI = 7
ANY = tuple(Rule(ingress=ingress, family=family) for ingress in (True, False) for family in (4, 6))


def run(*command: str, check: bool = True) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
    return done.stdout


def inside(namespace: str, *command: str, check: bool = True) -> str:
    return run("ip", "netns", "exec", namespace, *command, check=check)


def gateways(vni: int) -> tuple[str, str]:
    """What a router is called in the network."""
    return f"10.0.{vni - VNI}.254", str(ip_address(f"fd00:0:0:{vni - VNI:x}::fe"))


def interface(vni: int, mtu: int = 1500) -> Interface:
    v4, v6 = gateways(vni)
    mac = f"02:00:00:00:{vni - VNI:02x}:fe"
    return Interface(f"i{vni}", vni, mac, mtu, (f"{v4}/24", f"{v6}/64"))


class Workload(msgspec.Struct):
    """A port with the namespace that is plugged into it."""

    row: Port
    namespace: str
    host: "LabHost"
    groups: int = 0

    @property
    def v4(self) -> str:
        return self.row.leases[0].address

    @property
    def v6(self) -> str:
        return self.row.leases[1].address

    def run(self, *command: str, check: bool = True) -> str:
        return inside(self.namespace, *command, check=check)

    def pings(self, address: str, *options: str) -> bool:
        command = ("ping", "-n", "-c", "1", "-W", "1", *options, address)
        return " 0% packet loss" in self.run(*command, check=False)

    def endpoint(self) -> Endpoint:
        addresses = tuple(lease.address for lease in self.row.leases)
        return Endpoint(
            port=self.row.id,
            mac=self.row.mac,
            host_address=self.host.vtep,
            addresses=addresses,
            groups=self.groups,
        )


class LabHost:
    """A namespace with the switch: tables in a bpffs of its own, a VXLAN device."""

    def __init__(self, name: str, vtep: str, directory: Path) -> None:
        self.namespace, self.vtep = f"{PREFIX}-{name}", vtep
        self.directory = directory / name
        self.workloads: dict[str, Workload] = {}
        self.plugs: dict[str, Plug] = {}
        self.entries = Entries(vtep, 0)

    def start(self) -> None:
        run("ip", "netns", "add", self.namespace)
        bpf.mount(self.directory)
        self.switch = bpf.load(self.directory, sizes=SIZES)

    def connect(self) -> None:
        """The VXLAN device, once the underlay is there."""
        add = "link add vx type vxlan external dstport 4789 udp6zerocsumrx"
        inside(self.namespace, "ip", *add.split())
        inside(self.namespace, "ip", "link", "set", "vx", "mtu", "65000", "up")
        self.entries.set_vxlan(self.attach("vx", "from_overlay"))

    def attach(self, device: str, program: str) -> int:
        run("tc", "-n", self.namespace, "qdisc", "add", "dev", device, "clsact")
        pin = str(self.switch.programs[program].path)
        filters = ("tc", "-n", self.namespace, "filter", "add", "dev", device, "ingress")
        run(*filters, "bpf", "da", "object-pinned", pin)
        links = json.loads(run("ip", "-n", self.namespace, "-j", "link", "show", device))
        return int(links[0]["ifindex"])

    def drops(self) -> dict[Drop, int]:
        counted = self.switch.tables["drops"].sum()
        numbers = {int.from_bytes(key, "little"): value for key, (value,) in counted.items()}
        return {Drop(number): value for number, value in numbers.items() if number and value}

    def sync(self) -> None:
        """What the agent does: target - actual = changes, put in order, removed in reverse."""
        changes = {
            name: compare(self.entries.full[name], self.switch.tables[name].read())
            for name in ORDER
        }
        for name in ORDER:
            self.switch.tables[name].put(changes[name].put)
        for name in reversed(ORDER):
            self.switch.tables[name].remove(changes[name].remove)

    def close(self) -> None:
        run("ip", "netns", "del", self.namespace, check=False)
        if os.path.ismount(self.directory):
            bpf.unmount(self.directory)


class Wire:
    """Hosts, joined by an underlay; workloads on them; policies. `tag`: of one of several."""

    def __init__(
        self,
        directory: Path,
        underlay: tuple[str, ...] = ("192.0.2.1", "192.0.2.2"),
        tag: str = "",
    ):
        self.tag = tag
        self.hosts = [LabHost(f"{tag}h{i}", vtep, directory) for i, vtep in enumerate(underlay)]
        self.policies: dict[int, Policy] = {}
        self.rows: list[AnyRow] = []
        self.routers: list[tuple[Router, tuple[AnyRow, ...]]] = []

    def start(self) -> None:
        for host in self.hosts:
            host.start()
        one, two = self.hosts
        add = ("ip", "-n", one.namespace, "link", "add", "under", "type", "veth")
        run(*add, "peer", "name", "under", "netns", two.namespace)
        for host in self.hosts:
            length = "64" if ":" in host.vtep else "24"
            extra = ("nodad",) if ":" in host.vtep else ()
            ip = ("ip", "-n", host.namespace)
            run(*ip, "addr", "add", f"{host.vtep}/{length}", "dev", "under", *extra)
            run(*ip, "link", "set", "under", "mtu", "1600", "up")
            host.connect()

    def plug(
        self,
        name: str,
        host: int,
        number: int,
        policy: int = 1,
        pairs: tuple[Pair, ...] = (),
        security: bool = True,
        mtu: int = 1500,
        groups: int = 0,
        vni: int = VNI,
        ingress: Limit | None = None,
        egress: Limit | None = None,
        dscp: int | None = None,
    ) -> Workload:
        """A workload 10.0.0.<number>, fd00::<number>; in the next network 10.0.1.<number>."""
        net = vni - VNI
        row = Port(
            id=name,
            vni=vni,
            mac=f"02:00:00:00:{net:02x}:{number:02x}",
            mtu=mtu,
            policy=policy,
            leases=(
                Lease(f"10.0.{net}.{number}", "s4"),
                Lease(str(ip_address(f"fd00:0:0:{net:x}::{number:x}")), "s6"),
            ),
            pairs=pairs,
            port_security=security,
            ingress=ingress,
            egress=egress,
            dscp=dscp,
        )
        on = self.hosts[host]
        namespace = f"{PREFIX}-{self.tag}{name}"
        work = Workload(row=row, namespace=namespace, host=on, groups=groups)
        on.workloads[name] = work
        self._wire(work)
        return work

    def _wire(self, work: Workload) -> None:
        host, device = work.host.namespace, f"v-{work.row.id}"
        run("ip", "netns", "add", work.namespace)
        add = ("ip", "-n", host, "link", "add", device, "mtu", str(work.row.mtu), "type", "veth")
        run(*add, "peer", "name", "eth0", "netns", work.namespace)
        run("ip", "-n", host, "link", "set", device, "addrgenmode", "none", "up")
        ip = ("ip", "-n", work.namespace)
        run(*ip, "link", "set", "eth0", "address", work.row.mac, "mtu", str(work.row.mtu), "up")
        run(*ip, "link", "set", "lo", "up")
        for lease in work.row.leases:
            extra = ("nodad",) if ":" in lease.address else ()
            prefix = f"{lease.address}/{64 if extra else 24}"
            run(*ip, "addr", "add", prefix, "dev", "eth0", *extra)
        for gateway in gateways(work.row.vni):
            run(*ip, "route", "add", "default", "via", gateway, "dev", "eth0")
        work.host.plugs[work.row.id] = Plug(work.host.attach(device, "from_port"), True)

    def set_policy(self, number: int, rules: tuple[Rule, ...]) -> None:
        self.policies[number] = Policy(number=number, rules=rules)

    def move_policy(self, work: Workload, number: int) -> None:
        work.row = msgspec.structs.replace(work.row, policy=number)
        self.sync()

    def route(
        self, number: int = 100, vnis: tuple[int, ...] = (VNI, VNI + 1), *more: AnyRow
    ) -> None:
        """A router that joins the networks, in which it is .254 and ::fe."""
        self.routers.append((Router(number, f"r{number}", 100), (*map(interface, vnis), *more)))

    def sync(self) -> None:
        """Gives all hosts their target and has them apply it."""
        domain = 100 if self.routers else 0
        works = [work for host in self.hosts for work in host.workloads.values()]
        addresses = [Host(name=h.namespace, address=h.vtep) for h in self.hosts]
        for host in self.hosts:
            ports = [work.row for work in host.workloads.values()]
            vnis = {work.row.vni for work in works} | {VNI}
            networks = [Network(vni, 1500, domain) for vni in vnis]
            host.entries.set_plugs(host.plugs)
            host.entries.replace("hosts", addresses)
            host.entries.replace("host/x", [*networks, *ports, *self.policies.values()])
            for vni in vnis:
                endpoints = [work.endpoint() for work in works if work.row.vni == vni]
                host.entries.replace(f"network/{vni}", [*endpoints, *self.rows])
            for router, rows in self.routers:
                members = [Member(h.vtep) for h in self.hosts if router.vni == domain]
                host.entries.replace(f"router/{router.vni}", [router, *rows, *members])
            host.sync()

    def close(self) -> None:
        for host in self.hosts:
            for work in host.workloads.values():
                run("ip", "netns", "del", work.namespace, check=False)
            host.close()
