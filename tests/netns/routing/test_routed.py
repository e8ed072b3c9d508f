"""Packets between networks: from the API to the wire, over three hosts."""

import json

import pytest
from tests.netns.routing.conftest import Scene

from polpo.lab import probes
from polpo.testing.lab import Guest
from polpo.testing.waiting import until

pytestmark = [pytest.mark.netns, pytest.mark.timeout(300)]

FAMILIES = pytest.mark.parametrize("family", [4, 6])
WEST = {4: "10.1.0.1", 6: "fd01::1"}
EAST = {4: "10.3.0.2", 6: "fd03::2"}
HERE, FAR = {4: "10.2.0.1", 6: "fd02::1"}, {4: "10.4.0.1", 6: "fd04::1"}


def others(scene: Scene) -> list[Guest]:
    """On the same host, on another, and through two routers."""
    return [scene.green1, scene.green2, scene.blue3]


def hops(guest: Guest, address: str) -> str:
    return guest.run("tracepath", "-n", address)


@FAMILIES
def test_ping_and_http_between_networks(scene: Scene, family: int) -> None:
    for there in others(scene):
        assert scene.red1.reaches(there.address(family))
        assert there.reaches(scene.red1.address(family))
        got = probes.get(scene.red1.netns, there.address(family), patience_s=20)
        assert got.text == f"{there.port['name']} to {scene.red1.address(family)}"


@FAMILIES
def test_a_router_takes_one_of_the_ttl(scene: Scene, family: int) -> None:
    for there, left in zip(others(scene), (63, 63, 62), strict=True):
        said = scene.red1.run("ping", "-n", "-c", "1", "-W", "20", there.address(family))
        assert f"ttl={left}" in said


@FAMILIES
def test_routers_answer_to_ping_by_each_of_their_addresses(scene: Scene, family: int) -> None:
    for address in (WEST, HERE, EAST):
        assert scene.red1.reaches(address[family])
    assert scene.blue3.reaches(FAR[family])


@FAMILIES
def test_tracepath_sees_each_router_and_the_smallest_mtu(scene: Scene, family: int) -> None:
    said = hops(scene.red1, scene.green2.address(family))
    assert f" 1:  {WEST[family]} " in said
    assert "pmtu 1450 hops 2 back 2" in said
    said = hops(scene.red1, scene.blue3.address(family))
    assert f" 1:  {WEST[family]} " in said
    assert f" 2:  {EAST[family]} " in said
    assert "pmtu 1300 hops 3 back 3" in said


@FAMILIES
def test_what_is_too_big_for_a_link_on_the_way_is_told(scene: Scene, family: int) -> None:
    to = scene.blue3.address(family)
    forget(scene.red1, family)
    said = scene.red1.attempt("ping", "-n", "-c", "3", "-i", "0.2", "-M", "do", "-s", "1350", to)
    assert "mtu = 1300" in said or "mtu: 1300" in said or "mtu=1300" in said
    assert "mtu 1300" in scene.red1.run("ip", "route", "get", to)


@FAMILIES
def test_tcp_finds_the_mtu_of_the_path(scene: Scene, family: int) -> None:
    for client, server in ((scene.red1, scene.blue3), (scene.blue3, scene.red1)):
        forget(client, family)
        assert carried_bytes(scene, client, server, family) > 1 << 20


def forget(guest: Guest, family: int) -> None:
    guest.run("ip", f"-{family}", "route", "flush", "cache")


def carried_bytes(scene: Scene, client: Guest, server: Guest, family: int) -> int:
    """What arrives in a second."""
    port = str(5200 + family)
    scene.cloud.serve(server, "iperf3", "-s", "-1", "-p", port)
    listening = f":{port} "
    until(lambda: listening in server.run("ss", "-Htln"), "iperf3 listens")
    words = ("iperf3", "-J", "-t", "1", "-p", port, "-c", server.address(family))
    said = json.loads(client.run(*words))
    return int(said["end"]["sum_received"]["bytes"])
