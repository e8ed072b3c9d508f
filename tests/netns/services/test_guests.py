"""Services reached from outside, from the hosts themselves and from pods, by real packets."""

import pytest
from tests.netns.services.conftest import FAR, OUTSIDE, OUTSIDE6, SHOWN, SHOWN6, Place, Scene

from polpo.lab.command import run
from polpo.testing.waiting import until

pytestmark = pytest.mark.netns


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_node_port_of_any_host_leads_to_every_backend(scene: Scene, kind: str) -> None:
    scene.tell(scene.service("one", "two"))
    for host in ("h1", "h2"):
        heard = scene.client.meets(scene.addresses[host], 30080, kind)
        own = scene.inner(host)
        assert heard == {f"one {own}", f"two {own}"}


def test_much_passes_in_both_directions(scene: Scene) -> None:
    """The client's packets are larger than fit among pods: it is told, and sends smaller ones."""
    for name in ("one", "two"):
        scene.tell(scene.service(name))
        said = scene.client.asks(scene.addresses["h1"], 30080, size=3_000_000)
        assert said == f"{name} {scene.inner('h1')}"


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_with_a_local_policy_backends_see_the_client(scene: Scene, kind: str) -> None:
    scene.tell(scene.service("one", "two", guests="local", balanced=[SHOWN, SHOWN6]))
    for host, name in (("h1", "one"), ("h2", "two")):
        scene.leads_to(host)
        assert scene.client.meets(SHOWN, 80, kind, 5) == {f"{name} {OUTSIDE}"}
        assert scene.client.meets(SHOWN6, 80, kind, 5) == {f"{name} {OUTSIDE6}"}
        assert scene.client.meets(scene.addresses[host], 30080, kind, 5) == {f"{name} {OUTSIDE}"}
    scene.leads_to("h1")
    assert scene.client.asks(SHOWN, 80, size=3_000_000) == f"one {OUTSIDE}"
    assert scene.client.asks(SHOWN6, 80, size=3_000_000) == f"one {OUTSIDE6}"


@pytest.mark.parametrize("guests", ["cluster", "local"])
def test_backends_hear_what_is_too_big_for_the_way_to_the_client(scene: Scene, guests: str) -> None:
    """Its router says so, to the address of the service, which is all that it knows."""
    scene.tell(scene.service("one", guests=guests, balanced=[SHOWN, SHOWN6]))
    scene.leads_to("h1")
    with scene.narrow_way() as far:
        assert far.asks(SHOWN, 80, size=300_000).startswith("one ")
        assert far.asks(SHOWN6, 80, size=300_000).startswith("one ")
    seen = scene.inner("h1") if guests == "cluster" else FAR
    assert "mtu 1280" in scene.pods["one"].run("ip", "route", "get", seen)


def test_without_a_backend_of_its_own_a_host_is_silent_and_without_any_it_refuses(
    scene: Scene,
) -> None:
    scene.tell(scene.service("two", guests="local"))
    assert scene.client.asks(scene.addresses["h1"], 30080) == "TimeoutError"
    scene.tell(scene.service(guests="local", balanced=[SHOWN, SHOWN6]))
    scene.leads_to("h1")
    for address, port in ((scene.addresses["h1"], 30080), (SHOWN, 80), (SHOWN6, 80)):
        assert scene.client.asks(address, port) == "ConnectionRefusedError"
        assert scene.client.asks(address, port, "udp") == "ConnectionRefusedError"


@pytest.mark.parametrize("guests", ["cluster", "local"])
def test_hosts_reach_services_by_all_their_addresses(scene: Scene, guests: str) -> None:
    """Their own node port by `lo`, that of another host and addresses outside by the uplink.

    With a local policy another host's node port leads to that host's backends, which see who asks.
    """
    scene.tell(scene.service("one", "two", guests=guests, balanced=[SHOWN, SHOWN6]))
    here, own = scene.hosts["h1"], scene.inner("h1")
    for address in (OUTSIDE, OUTSIDE6):
        run("ip", "-netns", here.netns, "route", "replace", "default", "via", address)
    both = {f"one {own}", f"two {own}"}
    there = both if guests == "cluster" else {f"two {scene.addresses['h1']}"}
    for kind in ("tcp", "udp"):
        assert here.meets(scene.addresses["h1"], 30080, kind) == both
        assert here.meets(scene.addresses["h2"], 30080, kind) == there
        assert here.meets(SHOWN, 80, kind) == both
        assert here.meets("10.254.0.5", 80, kind) == both
        assert len(here.meets(SHOWN6, 80, kind)) == 2
    assert here.asks(scene.addresses["h1"], 30080, size=3_000_000) in both
    assert here.asks(SHOWN, 80, size=3_000_000) in both
    scene.tell(scene.service())
    assert here.asks(scene.addresses["h1"], 30080) == "ConnectionRefusedError"
    assert here.asks(SHOWN, 80) != "ConnectionRefusedError"  # it is nobody's any more


def test_pods_reach_services_by_all_their_addresses(scene: Scene) -> None:
    scene.tell(scene.service("two", guests="local", balanced=[SHOWN, SHOWN6]))
    pod, seen = Place(scene.pods["one"].netns), scene.at["one"]
    for kind in ("tcp", "udp"):
        for host in ("h1", "h2"):  # its own leads anywhere, the other to its own backend
            assert pod.asks(scene.addresses[host], 30080, kind) == f"two {seen[0]}"
        assert pod.asks(SHOWN, 80, kind) == f"two {seen[0]}"
        assert pod.asks(SHOWN6, 80, kind) == f"two {seen[1]}"
    assert pod.asks(scene.addresses["h3"], 30080) == "TimeoutError"  # which has none


def test_a_pods_host_port_leads_to_it_while_it_is_there(scene: Scene) -> None:
    every = {"hostPort": 8081, "containerPort": 8080, "protocol": "tcp"}
    inside = {"hostPort": 8082, "containerPort": 8080, "protocol": "tcp", "hostIP": "127.0.0.1"}
    scene.start("three", "h1", portMappings=[every, inside])
    here, there = scene.addresses["h1"], Place(scene.pods["two"].netns)
    until(lambda: scene.client.asks(here, 8081) == f"three {OUTSIDE}", "it answers")
    assert there.asks(here, 8081) == f"three {scene.at['two'][0]}"
    assert scene.hosts["h1"].asks("127.0.0.1", 8082) == f"three {scene.inner('h1')}"
    assert scene.hosts["h2"].asks("127.0.0.1", 8082) == "ConnectionRefusedError"
    assert scene.client.asks(here, 8082) == "ConnectionRefusedError"
    scene.stop("three", "h1")
    until(lambda: scene.client.asks(here, 8081) == "ConnectionRefusedError", "it is gone")


def test_sources_are_asked_of_the_load_balancers_address_only(scene: Scene) -> None:
    scene.leads_to("h1")
    scene.tell(scene.service("one", balanced=[SHOWN], sources=["192.0.2.0/24"]))
    assert scene.client.asks(SHOWN, 80) == "TimeoutError"
    assert scene.client.asks(scene.addresses["h1"], 30080) == f"one {scene.inner('h1')}"
    scene.tell(scene.service("one", balanced=[SHOWN], sources=[f"{OUTSIDE}/32"]))
    assert scene.client.asks(SHOWN, 80) == f"one {scene.inner('h1')}"


def test_the_ways_in_are_closed_when_nobody_needs_them(scene: Scene) -> None:
    def ours(device: str, side: str) -> bool:
        tc = ("tc", "-n", scene.hosts["h1"].netns, "filter", "show", "dev", device, side)
        return "polpo-" in run(*tc)

    sides = [("eth0", "ingress"), ("eth0", "egress"), ("lo", "egress")]
    scene.tell(scene.service("one"))
    assert all(ours(*side) for side in sides)
    scene.tell(remove=("web",))
    assert not any(ours(*side) for side in sides)
    assert scene.client.asks(scene.addresses["h1"], 30080) == "ConnectionRefusedError"
