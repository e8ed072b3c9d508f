"""Gateways move, planned and not, under traffic: what is lost is counted, nothing is doubled."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from tests.netns.outside.conftest import WORLD, WORLD6, Scene, until

from polpo.lab import outside, underlay
from polpo.lab.running import Running
from polpo.testing.gateways import Probe, echo

pytestmark = [pytest.mark.netns, pytest.mark.timeout(300)]


class Traffic:
    """UDP and TCP from vm3 to the world, IPv6 too, and from the world to vm3's floating IP."""

    def __init__(self, scene: Scene, floating: str) -> None:
        here, world = scene.vms[2].netns, scene.world
        ways = [(here, WORLD), (here, WORLD6), (world, floating)]
        self.probes = [Probe(at, kind, to) for at, to in ways for kind in ("udp", "tcp")]

    def goes_on(self) -> bool:
        """More answers come, of all of them."""
        answered = [probe.answers_again() for probe in self.probes]
        return all(answered)

    def lost(self) -> list[int]:
        """How many of each: datagrams, or requests (one at a time)."""
        seen = [probe.end() for probe in self.probes]
        return [s["sent"] - s["answered"] for s in seen]


@pytest.fixture(scope="module")
def floating(scene: Scene) -> Iterator[str]:
    fip = scene.floating(scene.vms[2])
    with echo(scene.vms[2].netns):
        yield str(fip["floating_ip_address"])
    scene.user.session.network("DELETE", f"/floatingips/{fip['id']}")


@contextmanager
def traffic(scene: Scene, floating: str) -> Iterator[Traffic]:
    flowing = Traffic(scene, floating)
    with ExitStack() as ending:
        for probe in flowing.probes:
            ending.callback(probe.kill)
        yield flowing


def running(scene: Scene) -> Running:
    return Running(scene.cloud.lab)


def pull_uplink(scene: Scene, host: str, out: bool) -> None:
    outside.pull(scene.cloud.lab, running(scene).host(host), out=out)


def lose(scene: Scene, host: str, out: bool) -> None:
    """All of the host's cables."""
    pull_uplink(scene, host, out)
    underlay.pull(scene.cloud.lab, running(scene).host(host), out=out)


Harm = Callable[[Scene, str, bool], None]


@pytest.mark.parametrize("harm", [pull_uplink, lose])
def test_the_peer_goes_on_and_stays(harm: Harm, scene: Scene, floating: str) -> None:
    active, standby = away_from_vm3(scene)
    with traffic(scene, floating) as flowing:
        harm(scene, active, True)
        assert flowing.goes_on()
        until(lambda: scene.states().get(standby) == "active", "the peer is active")
        harm(scene, active, False)
        scene.settled()
        lost = flowing.lost()
    assert lost[1] <= 1, "one request at a time, and none lost for ever"
    assert scene.settled()[0] == standby, "nobody takes it back"


def away_from_vm3(scene: Scene) -> tuple[str, str]:
    """The active host is not the workload's own: else it would be lost with it."""
    active, standby = scene.settled()
    if active == "h3":
        drain(scene, "h3", True)
        until(lambda: "h3" not in scene.states(), "h3 is empty", 60.0)
        drain(scene, "h3", False)
        active, standby = scene.settled()
    return active, standby


def drain(scene: Scene, host: str, off: bool) -> None:
    """`openstack network agent set --disable`, or --enable."""
    session = scene.admin.session
    (agent,) = session.network("GET", "/agents", host=host)["agents"]
    body = {"agent": {"admin_state_up": not off}}
    session.network("PUT", f"/agents/{agent['id']}", body)


def test_a_drained_host_is_emptied_without_loss(scene: Scene, floating: str) -> None:
    """First the standby's, then the active one's: each goes to the third host."""
    _, standby = scene.settled()
    with traffic(scene, floating) as flowing:
        drain(scene, standby, True)
        until(lambda: standby not in scene.states(), "the standby's host is empty", 60.0)
        active, _ = scene.settled()
        drain(scene, standby, False)
        drain(scene, active, True)
        until(lambda: active not in scene.states(), "the active one's host is empty", 60.0)
        scene.settled()
        assert flowing.goes_on()
        lost = flowing.lost()
        drain(scene, active, False)
    assert lost == [0] * 6
