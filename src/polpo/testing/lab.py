"""The lab as a test's cloud: the whole path, asked for as users do, looked at by real packets.

`python -m polpo.testing.lab FOLDER PREFIX SUBNET UPLINKS CLUSTER` brings it up, unproven, in a
process of its own.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from polpo.client.agent import AgentSocket
from polpo.client.session import Session
from polpo.lab import secrets, tenants
from polpo.lab.command import attempt, inside, run
from polpo.lab.down import take_down
from polpo.lab.layout import Lab
from polpo.lab.running import Running
from polpo.lab.up import Builder


class Guest(msgspec.Struct, frozen=True):
    """A port that is plugged into a namespace of its own."""

    netns: str
    port: dict[str, Any]

    def address(self, family: int) -> str:
        addresses = [fixed["ip_address"] for fixed in self.port["fixed_ips"]]
        return next(str(a) for a in addresses if (":" in a) == (family == 6))

    def run(self, *words: str) -> str:
        """What the command prints, in the guest's namespace. Raises CommandFailed."""
        return run(*inside(self.netns, *words))

    def attempt(self, *words: str) -> str:
        """The same for a command that may fail."""
        return attempt(*inside(self.netns, *words))[1]

    def pings(self, address: str, *options: str) -> bool:
        words = ("ping", "-n", "-c", "1", "-W", "2", *options, address)
        return attempt(*inside(self.netns, *words))[0] == 0

    def reaches(self, address: str) -> bool:
        """The same where one packet has to be answered: a busy machine takes its time."""
        return self.pings(address, "-W", "20")


class User:
    """One of the lab's users: `make` and `change` are calls of the Network API."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def make(self, member: str, **attributes: Any) -> Any:
        path = f"/{member.replace('_', '-')}s"
        return self.session.network("POST", path, {member: attributes})[member]

    def change(self, member: str, id: str, **attributes: Any) -> Any:
        path = f"/{member.replace('_', '-')}s/{id}"
        return self.session.network("PUT", path, {member: attributes})[member]

    def show(self, member: str, id: str) -> Any:
        return self.session.network("GET", f"/{member.replace('_', '-')}s/{id}")[member]

    def group(self, name: str, *rules: dict[str, Any]) -> str:
        """A security group that lets this in."""
        group = str(self.make("security_group", name=name)["id"])
        for rule in rules:
            self.make("security_group_rule", security_group_id=group, direction="ingress", **rule)
        return group

    def open_group(self, name: str) -> str:
        """One that lets everything in."""
        return self.group(name, *({"ethertype": family} for family in ("IPv4", "IPv6")))

    def network(self, name: str, *cidrs: str, **attributes: Any) -> Any:
        """With these subnets."""
        network = self.make("network", name=name, **attributes)
        for cidr in cidrs:
            self.subnet(network["id"], cidr)
        return self.show("network", network["id"])

    def subnet(self, network: str, cidr: str, **attributes: Any) -> Any:
        version = 6 if ":" in cidr else 4
        return self.make("subnet", network_id=network, ip_version=version, cidr=cidr, **attributes)

    def join(self, router: str, **by: str) -> Any:
        """An interface, by `subnet_id` or `port_id`."""
        return self.session.network("PUT", f"/routers/{router}/add_router_interface", by)

    def part(self, router: str, **by: str) -> Any:
        return self.session.network("PUT", f"/routers/{router}/remove_router_interface", by)

    def join_network(self, router: str, network: str) -> None:
        """All of its subnets."""
        for subnet in self.show("network", network)["subnets"]:
            self.join(router, subnet_id=subnet)


class LabCloud:
    """`up` and `down`; three hosts, the users `polpo` and `other`, and the admin.

    uplinks: the hosts with a cable to the outside.
    """

    def __init__(
        self, folder: Path, prefix: str, subnet: str, *uplinks: str, cluster: str = ""
    ) -> None:
        self.lab = Lab(
            folder=folder, prefix=prefix, subnet=subnet, uplinks=uplinks, cluster=cluster
        )
        self._serving: list[subprocess.Popen[bytes]] = []
        self._sessions: list[Session] = []

    def build(self) -> None:
        """What is not there yet, in a process of its own."""
        lab = self.lab
        where = (str(lab.folder), lab.prefix, lab.subnet, ",".join(lab.uplinks), lab.cluster)
        run(sys.executable, "-m", __name__, *where, timeout_s=300)

    def up(self) -> None:
        self.build()
        self.running = Running(self.lab)
        self._sessions.append(self.running.admin)
        self.admin = self._sign_in("admin", self.lab.admin_password)
        passwords = self.lab.folder / "passwords"
        self.user, self.other = (self._sign_in(u, passwords / u) for u in ("polpo", "other"))

    def _sign_in(self, user: str, secret: Path) -> User:
        password = secrets.keep_secret(secret)
        self._sessions.append(tenants.sign_in(self.lab.url, user, password))
        return User(self._sessions[-1])

    def down(self) -> None:
        for session in self._sessions:
            session.close()
        for process in self._serving:
            process.kill()
            process.wait()
        take_down(self.lab, lambda text: None)

    def agent(self, host: str) -> AgentSocket:
        return AgentSocket(next(h.socket for h in self.lab.hosts if h.name == host))

    def plug(self, user: User, name: str, host: str, network: str, **attributes: Any) -> Guest:
        """A new port on a host, in a new namespace."""
        port = user.make("port", name=name, network_id=network, **attributes)
        guest = Guest(self.lab.netns(name), port)
        self.agent(host).plug(port["id"], netns=guest.netns)
        return guest

    def serve(self, guest: Guest, *command: str) -> None:
        """A program that runs in the guest until the lab goes down."""
        words, null = inside(guest.netns, *command), subprocess.DEVNULL
        self._serving.append(subprocess.Popen(words, stdin=null, stdout=null, stderr=null))

    def converge(self) -> None:
        """Returns when every host has reported what has been asked for."""
        self.admin.session.hosts("GET", "/revisions/head", timeout=60)

    def drops(self, hosts: Sequence[str], reason: str) -> int:
        """Packets dropped so far on these hosts."""
        return sum(self.agent(host).status().get("drops", {}).get(reason, 0) for host in hosts)


if __name__ == "__main__":
    folder, prefix, subnet, uplinks, cluster = sys.argv[1:]
    given = Lab(
        folder=Path(folder),
        prefix=prefix,
        subnet=subnet,
        uplinks=tuple(uplinks.split(",")),
        cluster=cluster,
    )
    Builder(given, print).build()
