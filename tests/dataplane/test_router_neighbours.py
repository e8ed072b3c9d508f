"""Routers as neighbours: who asks for their addresses, and who hears of addresses that move."""

import pytest
from tests.dataplane import packets
from tests.dataplane.rig import Rig, both, both_overlay
from tests.dataplane.routed_scenes import (
    FIRST,
    GATEWAY,
    OTHER,
    OUTSIDE,
    OWN,
    TRANSIT,
    VIRTUAL,
    addresses,
    at,
    gate,
    mac,
    router,
    scene,
)

from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import Drop
from polpo.target.rows import Member, Network

GATE = gate(100, 0)
ROUTER_FLAG = 0x80


@pytest.fixture(autouse=True)
def cloud(rig: Rig) -> None:
    rig.set(*scene())


def test_arp_finds_the_router(rig: Rig) -> None:
    asks = packets.arp(mac(1), True, at(1), ("00:00:00:00:00:00", "10.0.0.254"))
    answer = packets.arp(GATE, False, (GATE, "10.0.0.254"), at(1), mac(1))
    assert both(rig, 11, asks) == Verdict(answer=answer)
    elsewhere = packets.arp(mac(1), True, at(1), (mac(1), "10.0.1.254"))
    assert both(rig, 11, elsewhere).answer is None, "its other sides are not here"


def solicits(target: str, source: str = addresses(1)[1]) -> bytes:
    to = ("33:33:ff:00:00:fe", "ff02::1:ff00:fe")
    return packets.frame((mac(1), source), to, 58, packets.nd(135, target, mac(1)))


@pytest.mark.parametrize("target", ["fd00::fe", "fe80::ff:fe64:fe"])
def test_neighbour_discovery_finds_the_router_and_says_that_it_is_one(
    rig: Rig, target: str
) -> None:
    answer = both(rig, 11, solicits(target)).answer
    assert answer is not None
    assert answer == packets.summed(answer)
    assert (answer[6:12].hex(":"), answer[58]) == (GATE, ROUTER_FLAG | 0x60)
    probed = both(rig, 11, solicits(target, "::")).answer
    assert probed is not None
    assert probed[58] == ROUTER_FLAG | 0x20


def test_others_are_no_routers(rig: Rig) -> None:
    answer = both(rig, 11, solicits("fd00::8")).answer
    assert answer is not None
    assert answer[58] == 0x60


def test_a_reachability_probe_to_the_router_is_answered(rig: Rig) -> None:
    frame = packets.frame(at(1, True), (GATE, "fd00::fe"), 58, packets.nd(135, "fd00::fe", mac(1)))
    answer = both(rig, 11, frame).answer
    assert answer is not None
    assert answer[6:12].hex(":") == GATE


def hop(rig: Rig) -> str:
    """The MAC that has 9.9.9.9, as routed by way of the gateway's port, 7."""
    frame = packets.frame(at(1), (GATE, "9.9.9.9"), 17, packets.udp(5, 6))
    verdict = both(rig, 11, frame)
    assert verdict.frame is not None
    return verdict.frame[:6].hex(":")


@pytest.mark.parametrize("where", ["port", "overlay"])
def test_a_routers_address_is_nobodys_to_announce(rig: Rig, where: str) -> None:
    """Not even by the gateway's port, which may say what it likes."""
    for frame in (
        packets.arp(mac(7), False, (mac(7), "169.254.0.1"), (mac(7), "169.254.0.1")),
        packets.frame(at(7, True), ALL_NODES, 58, packets.nd(136, "fe80::1", mac(7))),
        packets.frame(at(7, True), ALL_NODES, 58, packets.nd(136, EUI, mac(7))),
    ):
        if where == "port":
            both(rig, 17, frame)
        else:
            both_overlay(rig, TRANSIT, OTHER, frame)
    assert not rig.switch.tables["moved"].read()
    assert not rig.switch.tables["moved_fdb"].read()


ALL_NODES = ("33:33:00:00:00:01", "ff02::1")
EUI = "fe80::ff:fe64:5dfe"
"""The link-local address of router 100's MAC in the transit network."""


def test_who_announces_with_a_routers_mac_does_not_take_its_place(rig: Rig) -> None:
    at_gate = gate(100, 93)
    said = packets.arp(mac(7), False, (at_gate, "169.254.0.9"), (at_gate, "169.254.0.9"))
    both(rig, 17, said)
    assert not rig.switch.tables["moved_fdb"].read()
    echo = packets.frame(at(7), (at_gate, "169.254.0.1"), 1, packets.icmp(8))
    assert both(rig, 17, echo).answer is not None


def gratuitous(number: int, address: str, hardware: str) -> bytes:
    return packets.arp(mac(number), False, (hardware, address), (hardware, address))


def test_all_hosts_of_the_domain_hear_of_what_moves(rig: Rig) -> None:
    """Network 0 has ports on one other host; the domain has members on two."""
    moved = gratuitous(3, "10.0.0.101", VIRTUAL)
    assert both(rig, 13, moved).copies == 2 + 2, "ports 1 and 8, two hosts"
    asked = packets.arp(mac(3), True, at(3), (mac(3), "10.0.0.99"))
    assert both(rig, 13, asked).copies == 2 + 1, "a question is for the hosts with ports only"
    own = gratuitous(1, "10.0.0.1", mac(1))
    assert both(rig, 11, own).copies == 2 + 1, "and what does not move as well"


def test_hosts_hear_of_ipv6_addresses_that_move(rig: Rig) -> None:
    body = packets.nd(136, "fd00::100", mac(3))
    frame = packets.frame(at(3, True), ALL_NODES, 58, body)
    assert both(rig, 13, frame).copies == 2 + 2


def test_the_members_are_those_of_the_networks_domain(rig: Rig) -> None:
    slices, plugs = scene()
    others = [Member("198.51.100.1"), Member("198.51.100.2"), Member("198.51.100.3"), Member(OWN)]
    slices["router/50"] = [*router(50, []), *others]
    slices["host/1"] = [
        Network(row.vni, 1500, 50) if isinstance(row, Network) and row.vni == 7 else row
        for row in slices["host/1"]
    ]
    rig.set(slices, plugs)
    assert both(rig, 13, gratuitous(3, "10.0.0.101", VIRTUAL)).copies == 2 + 3


def test_without_a_router_the_hosts_with_ports_hear_of_it(rig: Rig) -> None:
    slices, plugs = scene()
    host = [row for row in slices["host/1"] if not isinstance(row, Network)]
    rig.set({**slices, "host/1": [*host, Network(7, 1500)]}, plugs)
    assert both(rig, 13, gratuitous(3, "10.0.0.101", VIRTUAL)).copies == 2 + 1


def test_what_comes_from_the_overlay_is_for_ports_only(rig: Rig) -> None:
    moved = gratuitous(21, "10.0.0.101", VIRTUAL)
    assert both_overlay(rig, 7, OTHER, moved).copies == 3


def test_packets_follow_an_announcement_at_once(rig: Rig) -> None:
    rig.set(*scene(first=[*FIRST, *GATEWAY, *OUTSIDE]))
    assert hop(rig) == mac(7), "its own address, as a backup"
    shared = "02:00:00:00:5d:ff"
    both_overlay(rig, TRANSIT, OTHER, gratuitous(24, "169.254.0.2", shared))
    assert hop(rig) == shared
    both(rig, 17, gratuitous(7, "169.254.0.2", mac(7)))
    assert hop(rig) == mac(7)


def test_a_learned_address_is_no_way_to_a_router(rig: Rig) -> None:
    """An address that is announced with a router's MAC leads to the router, and there to nobody."""
    at_gate = gate(101, 3)
    both_overlay(rig, 10, OTHER, gratuitous(23, "10.0.3.77", at_gate))
    frame = packets.frame(at(1), (GATE, "10.0.3.77"), 17, packets.udp(5, 6))
    assert both(rig, 11, frame).drop == Drop.UNREACHABLE
