"""Gateways move, planned and not, under traffic: what is lost is counted, nothing is doubled."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.netns.outside.conftest import WORLD, WORLD6, Scene
from tests.netns.outside.test_ways_out import strangers_reach

from polpo.lab import outside, underlay
from polpo.lab.command import run
from polpo.lab.running import Running
from polpo.testing.gateways import Probe, echo
from polpo.testing.waiting import until

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

    def end(self) -> tuple[list[int], list[int]]:
        """How many datagrams were lost on each way, and how many requests by TCP: one at a time."""
        seen = [probe.end() for probe in self.probes]
        lost = [s["sent"] - s["answered"] for s in seen]
        print("lost", lost, "of", [s["sent"] for s in seen])
        assert all(s["answered"] for s in seen)
        return lost[::2], lost[1::2]


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
    return scene.cloud.running


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
        _, requests = flowing.end()
    assert max(requests) <= 1, "none lost for ever"
    assert scene.states()[standby] == "active", "nobody takes it back"


def away_from_vm3(scene: Scene) -> tuple[str, str]:
    """The active host is not the workload's own: else it would be lost with it."""
    active, standby = scene.settled()
    if active == "h3":
        emptied(scene, "h3")
        active, standby = scene.settled()
    return active, standby


def emptied(scene: Scene, host: str) -> None:
    """`openstack network agent set --disable`, until it has none, and --enable."""
    switch(scene, host, False)
    until(lambda: host not in scene.states(), f"{host} is empty", 120.0)
    scene.settled()
    switch(scene, host, True)


def switch(scene: Scene, host: str, on: bool) -> None:
    body = {"agent": {"admin_state_up": on}}
    scene.admin.session.network("PUT", f"/agents/{agent(scene, host)['id']}", body)


def agent(scene: Scene, host: str) -> dict[str, Any]:
    (found,) = scene.admin.session.network("GET", "/agents", host=host)["agents"]
    return dict(found)


def test_a_drained_host_is_emptied_without_loss(scene: Scene, floating: str) -> None:
    """First the standby's, then the active one's: each goes to the third host.

    A busy machine may have VRRP take a silence for death: so a few may be lost at any time.
    """
    active, standby = scene.settled()
    with traffic(scene, floating) as flowing:
        for host in (standby, active):
            emptied(scene, host)
            strangers_reach(scene, floating, "vm3")
        assert flowing.goes_on()
        datagrams, requests = flowing.end()
    assert max(requests) <= 1
    assert max(datagrams) < 100


def test_a_lost_host_gets_a_successor_and_is_not_needed_when_it_is_back(
    scene: Scene, floating: str
) -> None:
    active, standby = away_from_vm3(scene)
    with traffic(scene, floating) as flowing:
        lose(scene, active, True)
        until(lambda: active not in scene.states(), "another home", 60.0)
        scene.settled()
        assert flowing.goes_on()
        lose(scene, active, False)
        number = scene.vni()
        until(lambda: not exists(active, number), "nothing of it is left there", 60.0)
        assert flowing.goes_on()
        flowing.end()
    assert scene.settled()[0] == standby


def exists(host: str, number: int) -> bool:
    return Path(f"/run/netns/polpo-{host}-{number}").exists()


def test_an_agent_that_is_away_for_long_loses_nothing(scene: Scene, floating: str) -> None:
    """Its gateway works, and others hear its host: nobody takes its place."""
    active, _ = scene.settled()
    before, programs = scene.states().keys(), running(scene)
    with traffic(scene, floating) as flowing:
        programs.processes.kill(f"agent-{active}")
        until(lambda: not agent(scene, active)["alive"], "taken for dead", 60.0)
        for _ in range(200):
            assert scene.states().keys() == before
        scene.cloud.build()
        scene.settled()
        assert flowing.goes_on()
        datagrams, requests = flowing.end()
    assert max(requests) <= 1
    assert max(datagrams) < 100, "as above"


def test_a_pair_that_does_not_hear_each_other_is_one_again_when_it_does(scene: Scene) -> None:
    active, standby = scene.settled()
    hosts = [running(scene).host(name) for name in (active, standby)]
    for one, other in (hosts, hosts[::-1]):
        run("ip", "-netns", one.netns, "route", "add", "blackhole", f"{other.address}/32")
    until(lambda: list(scene.states().values()) == ["active"] * 2, "both active", 60.0)
    for one, other in (hosts, hosts[::-1]):
        run("ip", "-netns", one.netns, "route", "delete", "blackhole", f"{other.address}/32")
    until(lambda: list(scene.states().values()).count("active") == 1, "one again", 60.0)
    winner, _ = scene.settled()
    for _ in range(100):
        assert scene.states()[winner] == "active", "and stays it"
    until(lambda: all(vm.pings(WORLD) for vm in scene.vms), "everybody's way out")


def test_hosts_that_fall_apart_are_one_cloud_again_when_they_hear_each_other(scene: Scene) -> None:
    """The active one and the third host on one side; its peer and the controller on the other."""
    active, standby = scene.settled()
    third = next(h for h in ("h1", "h2", "h3") if h not in (active, standby))
    here = [running(scene).host(name) for name in (active, third)]
    there = running(scene).host(standby)
    cuts = [(host, there.address) for host in here] + [(there, host.address) for host in here]
    cuts += [(host, scene.cloud.lab.address) for host in here]
    for host, address in cuts:
        run("ip", "-netns", host.netns, "route", "add", "blackhole", f"{address}/32")
    until(lambda: scene.states().get(standby) == "active", "the other side has one, too", 60.0)
    for host, address in cuts:
        run("ip", "-netns", host.netns, "route", "delete", "blackhole", f"{address}/32")
    until(lambda: list(scene.states().values()).count("active") == 1, "one again", 60.0)
    winner, _ = scene.settled()
    for _ in range(100):
        assert scene.states()[winner] == "active", "and stays it"
    assert [host for host in ("h1", "h2", "h3") if holds(host, scene.vni())] == [winner]
    until(lambda: all(vm.pings(WORLD) for vm in scene.vms), "everybody's way out")


def holds(host: str, number: int) -> bool:
    """Whether the host's instance has what the active one has."""
    if not exists(host, number):
        return False
    return "169.254.0.2/" in run("ip", "-netns", f"polpo-{host}-{number}", "-brief", "address")
