"""A port's status is what hosts have reported, and nothing that was merely sent to them."""

import msgspec
import pytest

from polpo.api.hosts_v1.reports import Reports
from polpo.api.wiring import HostWiring
from polpo.model.host import Host
from polpo.model.network import Network
from polpo.model.port import Port
from polpo.model.router import FLOATING_IP, GATEWAY, INTERFACE, Router
from polpo.model.snapshot import Snapshot
from polpo.target.status import Status


class Cloud:
    """Three hosts; h1 and h2 carry the network, h3 does not."""

    def __init__(self) -> None:
        self.time = 0.0
        self.reports = Reports(lambda: self.time, lambda: self.time)
        self.wiring = HostWiring(self.reports)
        objects = [
            *(
                Host(id=f"H{n}", name=f"h{n}", address=f"a{n}", token_hash=f"t{n}")
                for n in (1, 2, 3)
            ),
            Network(id="N", vni=7, mtu=1450),
            Network(id="M", vni=8, mtu=1450),
            self.port("P1", "h1", wiring=5),
            self.port("P2", "h2", wiring=3),
        ]
        self.snapshot = Snapshot.of(objects, 9)

    @staticmethod
    def port(id: str, host: str, wiring: int, up: bool = True) -> Port:
        return Port(
            id=id, network_id="N", mac_address=id, host=host, wiring=wiring, admin_state_up=up
        )

    def join(self, up: bool = True) -> Port:
        """A router between the network and another, which h3 carries; its interface in N."""
        router = Router(id="R", vni=5, admin_state_up=up, revision=6)
        there, other = self.port("P3", "h3", wiring=1), self.port("I2", "", wiring=5)
        here = msgspec.structs.replace(
            self.port("I1", "", wiring=5), device_owner=INTERFACE, device_id="R"
        )
        far = {"network_id": "M", "device_id": "R", "device_owner": INTERFACE}
        objects = [router, here, msgspec.structs.replace(other, **far)]
        for obj in (*objects, msgspec.structs.replace(there, network_id="M")):
            self.snapshot = self.snapshot.put(obj)
        return here

    def say(self, host: str, revision: int, *ports: str, active: tuple[int, ...] = ()) -> None:
        status = Status(revision=revision, ports=ports, active=active)
        self.reports.hear(host, msgspec.json.encode(status))

    def router_status(self) -> str:
        router = self.snapshot.get(Router, "R")
        assert router is not None
        return self.wiring.router_statuses(self.snapshot, (router,))["R"]

    def status(self, port: Port | None = None) -> str:
        return self.wiring.port_status(self.snapshot, port or self.port("P1", "h1", wiring=5))


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def test_a_port_is_active_when_the_last_host_that_must_know_it_has_it(cloud: Cloud) -> None:
    assert cloud.status() == "DOWN"
    cloud.say("h1", 9)
    assert cloud.status() == "DOWN"
    cloud.say("h1", 9, "P1")
    cloud.say("h2", 4)
    assert cloud.status() == "BUILD"
    cloud.say("h2", 5)
    assert cloud.status() == "ACTIVE"


def test_hosts_that_do_not_carry_the_network_do_not_matter(cloud: Cloud) -> None:
    cloud.say("h1", 9, "P1")
    cloud.say("h2", 9)
    cloud.say("h3", 1)
    assert cloud.status() == "ACTIVE"


def test_a_dead_host_holds_nobody_up_and_its_ports_are_down(cloud: Cloud) -> None:
    cloud.say("h2", 1, "P2")
    cloud.time = 16.0
    cloud.say("h1", 9, "P1")
    assert cloud.status() == "ACTIVE"
    assert cloud.status(cloud.port("P2", "h2", wiring=1)) == "DOWN"


@pytest.mark.parametrize(
    "port",
    [Cloud.port("P1", "", 1), Cloud.port("P1", "h1", 1, up=False), Cloud.port("P1", "gone", 1)],
)
def test_what_is_not_bound_or_switched_off_is_down(cloud: Cloud, port: Port) -> None:
    cloud.say("h1", 9, "P1")
    assert cloud.status(port) == "DOWN"


def test_the_slowest_host_is_found_however_reports_come(cloud: Cloud) -> None:
    for host, revision in (("h1", 3), ("h2", 5), ("h3", 4), ("h1", 6), ("h3", 2), ("h3", 7)):
        cloud.say(host, revision)
        slowest = min(cloud.reports.revision(h) for h in cloud.reports.live(cloud.snapshot))
        assert cloud.reports.reached(cloud.snapshot) == slowest
    assert cloud.reports.lagging(cloud.snapshot, 7) == ["h1", "h2"]


def test_a_removed_host_is_forgotten(cloud: Cloud) -> None:
    for host in ("h1", "h2", "h3"):
        cloud.say(host, 1 if host == "h3" else 8)
    assert cloud.reports.reached(cloud.snapshot) == 1
    h3 = cloud.snapshot.get(Host, "H3")
    assert h3 is not None
    cloud.snapshot = cloud.snapshot.remove(h3)
    assert cloud.reports.reached(cloud.snapshot) == 8
    assert "h3" not in cloud.wiring.reports()


def test_hosts_of_networks_that_are_joined_matter(cloud: Cloud) -> None:
    cloud.join()
    cloud.say("h1", 9, "P1")
    cloud.say("h2", 9)
    cloud.say("h3", 4)
    assert cloud.status() == "BUILD"
    cloud.say("h3", 5)
    assert cloud.status() == "ACTIVE"
    cloud.join(up=False)
    cloud.say("h3", 4)
    assert cloud.status() == "ACTIVE"


def test_a_routers_interface_is_plugged_in_wherever_its_network_is(cloud: Cloud) -> None:
    interface = cloud.join()
    assert cloud.status(interface) == "ACTIVE"
    cloud.say("h1", 4)
    cloud.say("h2", 9)
    cloud.say("h3", 9)
    assert cloud.status(interface) == "BUILD"
    cloud.say("h1", 5)
    assert cloud.status(interface) == "ACTIVE"
    assert cloud.status(msgspec.structs.replace(interface, admin_state_up=False)) == "DOWN"
    assert cloud.status(cloud.join(up=False)) == "DOWN"


def test_a_gateways_port_is_where_the_gateway_is_active(cloud: Cloud) -> None:
    cloud.join()
    port = msgspec.structs.replace(
        cloud.port("G", "", wiring=5), device_owner=GATEWAY, device_id="R"
    )
    cloud.say("h1", 9)
    assert cloud.status(port) == "DOWN"
    cloud.say("h3", 4, active=(5,))
    assert cloud.status(port) == "BUILD"
    cloud.say("h3", 5, active=(5,))
    assert cloud.status(port) == "ACTIVE"
    cloud.time = 16.0
    assert cloud.status(port) == "DOWN"


def test_a_floating_ips_port_only_holds_an_address(cloud: Cloud) -> None:
    port = msgspec.structs.replace(cloud.port("F", "", wiring=5), device_owner=FLOATING_IP)
    assert cloud.status(port) == "N/A"


def test_a_router_is_active_when_the_hosts_that_carry_it_know_it(cloud: Cloud) -> None:
    cloud.join()
    cloud.say("h1", 9)
    cloud.say("h2", 9)
    assert cloud.router_status() == "ACTIVE"
    cloud.say("h3", 5)
    assert cloud.router_status() == "BUILD"
    cloud.say("h3", 6)
    assert cloud.router_status() == "ACTIVE"


def test_a_router_that_was_switched_off_is_active_when_that_is_known(cloud: Cloud) -> None:
    cloud.join(up=False)
    for host in ("h1", "h2", "h3"):
        cloud.say(host, 9)
    cloud.say("h3", 5)
    assert cloud.router_status() == "BUILD"
    cloud.say("h3", 6)
    assert cloud.router_status() == "ACTIVE"


def test_a_router_that_nobody_carries_waits_for_nobody(cloud: Cloud) -> None:
    for host in ("h1", "h2", "h3"):
        cloud.say(host, 1)
    lone = Router(id="L", vni=6, revision=9)
    snapshot = cloud.snapshot.put(lone)
    assert cloud.wiring.router_statuses(snapshot, (lone,)) == {"L": "ACTIVE"}
