"""A port's status is what hosts have reported, and nothing that was merely sent to them."""

import msgspec
import pytest

from polpo.api.hosts_v1.reports import Reports
from polpo.api.wiring import HostWiring
from polpo.model.host import Host
from polpo.model.network import Network
from polpo.model.port import Port
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
            self.port("P1", "h1", wiring=5),
            self.port("P2", "h2", wiring=3),
        ]
        self.snapshot = Snapshot.of(objects, 9)

    @staticmethod
    def port(id: str, host: str, wiring: int, up: bool = True) -> Port:
        return Port(
            id=id, network_id="N", mac_address=id, host=host, wiring=wiring, admin_state_up=up
        )

    def say(self, host: str, revision: int, *ports: str) -> None:
        self.reports.hear(host, msgspec.json.encode(Status(revision=revision, ports=ports)))

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


def test_a_routers_interface_is_plugged_in_wherever_its_network_is(cloud: Cloud) -> None:
    port = cloud.port("R", "", wiring=5)
    interface = msgspec.structs.replace(port, device_owner="network:router_interface_distributed")
    assert cloud.status(interface) == "ACTIVE"
    cloud.say("h1", 4)
    cloud.say("h3", 1)
    assert cloud.status(interface) == "BUILD"
    cloud.say("h1", 5)
    assert cloud.status(interface) == "ACTIVE"
    down = msgspec.structs.replace(interface, admin_state_up=False)
    assert cloud.status(down) == "DOWN"
    gateway = msgspec.structs.replace(port, device_owner="network:router_gateway")
    assert cloud.status(gateway) == "DOWN"
    address = msgspec.structs.replace(port, device_owner="network:floatingip")
    assert cloud.status(address) == "N/A"
