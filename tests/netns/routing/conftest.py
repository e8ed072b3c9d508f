"""Four networks and two routers over three hosts, made by the public API.

red (h1)  green (h1, h2)
   \\      /
    west --- middle (MTU 1300, nobody there) --- east --- blue (h3)
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polpo.lab import probes
from polpo.testing.lab import Guest, LabCloud
from polpo.testing.waiting import until

PREFIX = "pt-rt"
SERVER = (sys.executable, "-m", "polpo.lab.server")


NETWORKS: dict[str, dict[str, Any]] = {"red": {}, "green": {}, "middle": {"mtu": 1300}, "blue": {}}
SLAAC = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}


class Scene:
    """The guests are called by network and host; each serves HTTP on port 80 and says its name."""

    def __init__(self, cloud: LabCloud) -> None:
        self.cloud, self.user = cloud, cloud.user
        self.open = self.user.open_group("open")
        self.networks = {
            name: self._network(number, name, **more)
            for number, (name, more) in enumerate(NETWORKS.items(), start=1)
        }
        self._join()
        self.red1, self.green1 = (self.guest(f"{name}1", name, "h1") for name in ("red", "green"))
        self.green2 = self.guest("green2", "green", "h2")
        self.blue3 = self.guest("blue3", "blue", "h3")
        cloud.converge()

    def guest(self, name: str, network: str, host: str, **attributes: Any) -> Guest:
        attributes.setdefault("security_groups", [self.open])
        guest = self.cloud.plug(self.user, name, host, self.networks[network], **attributes)
        self.cloud.serve(guest, *SERVER, name, "80")
        until(lambda: probes.answers(guest.netns, 80), f"{name} serves")
        return guest

    def _network(self, number: int, name: str, **attributes: Any) -> str:
        id = str(self.user.network(name, f"10.{number}.0.0/24", **attributes)["id"])
        self.user.subnet(id, f"fd0{number}::/64", **(SLAAC if name == "red" else {}))
        return id

    def _join(self) -> None:
        user, hop = self.user, [{"ip_address": "10.3.0.2"}, {"ip_address": "fd03::2"}]
        self.west, self.east = (user.make("router", name=name)["id"] for name in ("west", "east"))
        for router, names in ((self.west, ("red", "green", "middle")), (self.east, ("blue",))):
            for name in names:
                user.join_network(router, self.networks[name])
        for wish in hop:  # one port a family, as Neutron has it
            port = user.make("port", network_id=self.networks["middle"], fixed_ips=[wish])
            user.join(self.east, port_id=port["id"])
        self.route(self.west, ("10.4.0.0/24", "10.3.0.2"), ("fd04::/64", "fd03::2"))
        back = [("10.1.0.0/24", "10.3.0.1"), ("10.2.0.0/24", "10.3.0.1")]
        self.route(self.east, *back, ("fd01::/64", "fd03::1"), ("fd02::/64", "fd03::1"))

    def route(self, router: str, *routes: tuple[str, str]) -> None:
        """These and no others."""
        given = [{"destination": to, "nexthop": via} for to, via in routes]
        self.user.change("router", router, routes=given)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    cloud = LabCloud(tmp_path_factory.mktemp("lab") / PREFIX, PREFIX, "198.18.78")
    try:
        cloud.up()
        yield Scene(cloud)
    finally:
        cloud.down()
        assert not list(Path("/run/netns").glob(f"{PREFIX}*"))
