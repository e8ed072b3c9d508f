"""A user's network with a way out, made by the public API, on three hosts that all have an uplink.

inside 10.5.0.0/24, fd05::/64: vm1 (h1), vm2 (h2), vm3 (h3)
       |
     router ─── two of h1, h2, h3 ─── the world: 203.0.113.1, 2001:db8::1
       |                                     |
     far away: 198.51.100.1, by way of 203.0.113.77 only
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polpo.lab import outside, probes
from polpo.lab.command import attempt, run
from polpo.testing.gateways import echo
from polpo.testing.lab import Guest, LabCloud
from polpo.testing.waiting import until

PREFIX = "pt-ou"
SERVER = (sys.executable, "-m", "polpo.lab.server")
WORLD, WORLD6 = "203.0.113.1", "2001:db8::1"
FAR, FAR_ROUTER = "198.51.100.1", "203.0.113.77"


class Scene:
    """Guests serve HTTP on port 80 and say their name and who asked; so does the world."""

    def __init__(self, cloud: LabCloud) -> None:
        self.cloud, self.user, self.admin = cloud, cloud.user, cloud.admin
        self.world = cloud.lab.outside
        networks = self.user.session.network("GET", "/networks", name="outside")["networks"]
        self.external = networks[0]["id"]
        self.group = self.user.open_group("open5")
        self.network = self.user.network("inside", "10.5.0.0/24", "fd05::/64")["id"]
        self.router = self.user.make("router", name="way")["id"]
        self.user.join_network(self.router, self.network)
        self.lead_out()
        self.vms = [self.guest(f"vm{n}", f"h{n}") for n in (1, 2, 3)]
        cloud.converge()
        self.settled()
        outside.route(cloud.lab, ["fd05::/64"], self.addresses()[6])
        until(lambda: all(vm.pings(WORLD) for vm in self.vms), "a way out")

    def guest(self, name: str, host: str) -> Guest:
        guest = self.cloud.plug(self.user, name, host, self.network, security_groups=[self.group])
        self.cloud.serve(guest, *SERVER, name, "80")
        until(lambda: probes.answers(guest.netns, 80), f"{name} serves")
        return guest

    def lead_out(self, **more: Any) -> None:
        info = {"network_id": self.external, **more}
        self.admin.change("router", self.router, external_gateway_info=info)

    def addresses(self) -> dict[int, str]:
        """The router's own outside, by family."""
        info = self.user.show("router", self.router)["external_gateway_info"]
        found = [fixed["ip_address"] for fixed in info["external_fixed_ips"]]
        return {6 if ":" in address else 4: address for address in found}

    def floating(self, guest: Guest) -> dict[str, Any]:
        """A new floating IP of the guest's, when it is ACTIVE."""
        made: dict[str, Any] = self.user.make(
            "floatingip", floating_network_id=self.external, port_id=guest.port["id"]
        )
        self.active(made)
        return made

    def active(self, fip: dict[str, Any]) -> None:
        """Returns when it says so."""

        def is_active() -> bool:
            return bool(self.user.show("floatingip", fip["id"])["status"] == "ACTIVE")

        until(is_active, f"{fip['floating_ip_address']} is ACTIVE")

    def states(self) -> dict[str, str]:
        """Host -> ha_state of the gateway."""
        path = f"/routers/{self.router}/l3-agents"
        agents = self.admin.session.network("GET", path)["agents"]
        return {agent["host"]: agent["ha_state"] for agent in agents}

    def settled(self) -> tuple[str, str]:
        """(active host, standby host), when both are placed and ready."""
        found: list[tuple[str, str]] = []

        def one() -> bool:
            states = self.states()
            found[:] = [(h, o) for h in states for o in states if states[h] == "active" and o != h]
            ready = [self.cloud.agent(host).status().get("ready", []) for host in states]
            return len(found) == 1 and self.vni() in set(ready[0]) & set(ready[1])

        until(one, f"settled: {self.states()}", 60.0)
        return found[0]

    def vni(self) -> int:
        """The router's number, of which users know nothing: its namespaces are called by it."""
        names = [path.name for path in Path("/run/netns").glob("polpo-h?-*")]
        mine = [n for n in names if f"{self.addresses()[4]}/" in self._addresses_in(n)]
        return int(mine[0].rpartition("-")[2]) if mine else 0

    def _addresses_in(self, netns: str) -> str:
        """Nothing of one that is just going."""
        return attempt("ip", "-netns", netns, "-brief", "address")[1]


PATIENCE = "POLPO_CONTROLLER_GATEWAY_PATIENCE_S"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    os.environ[PATIENCE] = "8"
    cloud = LabCloud(tmp_path_factory.mktemp("lab") / PREFIX, PREFIX, "198.18.80", "h1", "h2", "h3")
    try:
        cloud.up()
        make_far(cloud)
        with echo(cloud.lab.outside):
            yield Scene(cloud)
    finally:
        del os.environ[PATIENCE]
        cloud.down()
        assert not list(Path("/run/netns").glob(f"{PREFIX}*"))


def make_far(cloud: LabCloud) -> None:
    """A network beyond the world's, that the world itself knows no way to."""
    far, inside = cloud.lab.netns("far"), ("ip", "-netns", cloud.lab.netns("far"))
    run("ip", "netns", "add", far)
    peer = ("peer", "name", "eth0", "netns", far)
    run("ip", "-netns", cloud.lab.outside, "link", "add", "to-far", "type", "veth", *peer)
    run("ip", "-netns", cloud.lab.outside, "link", "set", "to-far", "master", "switch", "up")
    for address, device in ((f"{FAR_ROUTER}/24", "eth0"), (f"{FAR}/32", "lo")):
        run(*inside, "address", "add", address, "dev", device)
        run(*inside, "link", "set", device, "up")
    guest = Guest(far, {})
    cloud.serve(guest, *SERVER, "far", "80")
    until(lambda: probes.answers(far, 80), "far serves")
