"""A floating IP's status is what the hosts of its router's gateway have reported."""

from typing import Any

import msgspec
import pytest

from polpo.api.hosts_v1.reports import Reports
from polpo.api.wiring import HostWiring
from polpo.model.placement import HIGH, Placement, instance_id
from polpo.model.router import FloatingIP, Forwarding, Router
from polpo.model.snapshot import Snapshot
from polpo.target.status import Status

ROUTER = Router(id="R", vni=5, external_network_id="E", gateway_port_id="G")
FIP = FloatingIP(
    id="F",
    revision=5,
    floating_network_id="E",
    floating_ip_address="203.0.113.9",
    floating_port_id="P",
    port_id="Q",
    fixed_ip_address="10.0.0.9",
    router_id="R",
)
HOMES = [
    Placement(id=instance_id("R", n), function_id="R", instance=n, host=host, priority=HIGH)
    for n, host in ((3, "h1"), (4, "h2"))
]


class Cloud:
    """Router R (number 5) has its gateway on h1 and h2."""

    def __init__(self) -> None:
        self.time = 0.0
        self.reports = Reports(lambda: self.time, lambda: self.time)
        self.snapshot = Snapshot.of([ROUTER, *HOMES], 9)

    def say(self, host: str, revision: int, **more: Any) -> None:
        self.reports.hear(host, msgspec.json.encode(Status(revision=revision, **more)))

    def status(self, **fields: Any) -> str:
        fip = msgspec.structs.replace(FIP, **fields)
        return HostWiring(self.reports).floatingip_statuses(self.snapshot, [fip])["F"]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


def test_it_is_active_when_the_active_gateways_host_knows_it(cloud: Cloud) -> None:
    assert cloud.status() == "DOWN"
    cloud.say("h1", 9)
    assert cloud.status() == "DOWN"
    cloud.say("h1", 4, active=(5,), ready=(5,))
    assert cloud.status() == "DOWN"
    cloud.say("h1", 5, active=(5,), ready=(5,))
    assert cloud.status() == "ACTIVE"


def test_a_host_that_fails_elsewhere_carries_it_all_the_same(cloud: Cloud) -> None:
    cloud.say("h1", 1, active=(5,), ready=(5,), looked=5, error="something else")
    assert cloud.status() == "ACTIVE"
    cloud.say("h1", 1, active=(5,), looked=5, error="rules 5: refused")
    assert cloud.status() == "DOWN"


def test_it_is_down_with_its_host_or_its_router(cloud: Cloud) -> None:
    cloud.say("h1", 9, active=(5,), ready=(5,))
    cloud.time = 16.0
    assert cloud.status() == "DOWN"
    cloud.say("h1", 9, active=(5,), ready=(5,))
    assert cloud.status() == "ACTIVE"
    cloud.snapshot = cloud.snapshot.put(msgspec.structs.replace(ROUTER, admin_state_up=False))
    assert cloud.status() == "DOWN"


def test_what_a_host_says_that_it_is_not_on_does_not_count(cloud: Cloud) -> None:
    cloud.say("h3", 9, active=(5,), ready=(5,))
    assert cloud.status() == "DOWN"


def test_it_is_in_error_when_all_its_hosts_say_why_they_cannot(cloud: Cloud) -> None:
    cloud.say("h1", 1, error="no uplink")
    cloud.say("h2", 9)
    assert cloud.status() == "DOWN"
    cloud.say("h2", 1, error="no uplink")
    assert cloud.status() == "ERROR"
    cloud.say("h2", 9, active=(5,), ready=(5,))
    assert cloud.status() == "ACTIVE"


def test_one_that_stands_for_nobody_is_down_and_one_that_forwards_is_not(cloud: Cloud) -> None:
    cloud.say("h1", 9, active=(5,), ready=(5,))
    assert cloud.status(port_id="", fixed_ip_address="", router_id="") == "DOWN"
    ports = (Forwarding("W", "tcp", 80, 80, "Q", "10.0.0.9", 80),)
    assert cloud.status(port_id="", fixed_ip_address="", forwardings=ports) == "ACTIVE"


def test_how_far_a_host_had_come_before_it_had_the_gateway_does_not_count(cloud: Cloud) -> None:
    """Asked for at 5, placed at 7: it begins with what it can, and has said 6 before."""
    placed = msgspec.structs.replace(HOMES[0], since=7)
    cloud.snapshot = cloud.snapshot.put(placed)
    cloud.say("h1", 6, active=(5,), error="external 5: no such device")
    assert cloud.status() == "DOWN"
    cloud.say("h1", 7, active=(5,), ready=(5,))
    assert cloud.status() == "ACTIVE"
