"""Two tenants whose networks look the same, on the same hosts, made by the public API."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polpo.testing.lab import Guest, LabCloud, User

PREFIX = "pt-md"
CIDR, CIDR6, ADDRESS = "10.1.0.0/24", "fd01::/64", "10.1.0.77"
URL, URL6 = "http://169.254.169.254", "http://[fe80::a9fe:a9fe%25eth0]"
USER_DATA = "#cloud-config\nhostname: {}\n"


class Scene:
    """`mine` and `theirs` have the same addresses on one host; `mine` are on networks with a router
    and without."""

    def __init__(self, cloud: LabCloud) -> None:
        self.cloud = cloud
        self.mine = self._guest(cloud.user, "mine")
        self.theirs = self._guest(cloud.other, "theirs")
        self.routed = self._routed(cloud.user)
        cloud.converge()

    def _network(self, user: User, name: str) -> str:
        return str(user.network(name, CIDR, CIDR6)["id"])

    def _guest(self, user: User, name: str, network: str = "", **more: Any) -> Guest:
        network = network or self._network(user, name)
        subnets = user.show("network", network)["subnets"]
        cidrs = {user.show("subnet", subnet)["cidr"]: subnet for subnet in subnets}
        wishes = [
            {"subnet_id": cidrs[CIDR], "ip_address": ADDRESS},
            {"subnet_id": cidrs[CIDR6], "ip_address": "fd01::77"},
        ]
        guest = self.cloud.plug(user, name, "h2", network, fixed_ips=wishes, **more)
        told = {"user_data": base64.b64encode(USER_DATA.format(name).encode()).decode()}
        profile = {"binding:profile": {"metadata": told}}
        self.cloud.admin.change("port", guest.port["id"], **profile)
        return guest

    def _routed(self, user: User) -> Guest:
        network = self._network(user, "routed")
        self.router = user.make("router", name="routed")["id"]
        user.join_network(self.router, network)
        return self._guest(user, "routed", network)


def asks(guest: Guest, path: str, url: str = URL) -> str:
    """What the service says, empty if it does not."""
    return guest.attempt("curl", "-sfgm", "5", url + path)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    cloud = LabCloud(tmp_path_factory.mktemp("lab") / PREFIX, PREFIX, "198.18.79", "h2", "h3")
    try:
        cloud.up()
        yield Scene(cloud)
    finally:
        cloud.down()
        assert not list(Path("/run/netns").glob(f"*{PREFIX}*"))
