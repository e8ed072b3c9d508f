"""Where routers send packets, and how these leave; in the kernel's switch and in the model."""

from collections.abc import Iterable

import pytest
from tests.dataplane import packets
from tests.dataplane.rig import Rig, both, both_overlay
from tests.dataplane.routed_scenes import (
    BETWEEN,
    FIRST,
    GATEWAY,
    OTHER,
    OUTSIDE,
    addresses,
    at,
    gate,
    inside,
    interface,
    mac,
    router,
    scene,
)

from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import Drop
from polpo.target.rows import AnyRow, Interface, Route

FAMILIES = pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
DATA = packets.udp(1000, 53, b"data")
GATE = gate(100, 0)


@pytest.fixture(autouse=True)
def cloud(rig: Rig) -> None:
    rig.set(*scene())


def datagram(
    sender: int, to: str, gateway: str = GATE, hops: int = 64, ports: tuple[int, int] = (1000, 53)
) -> bytes:
    """From a port to an address, by a router's MAC."""
    six = ":" in to
    ends = at(sender, six), (gateway, to)
    return packets.summed(packets.frame(*ends, 17, packets.udp(*ports, b"data"), hops=hops))


def seen(verdict: Verdict) -> tuple[str, str]:
    """MACs of the frame as it left: from, to."""
    assert verdict.frame is not None
    return verdict.frame[6:12].hex(":"), verdict.frame[:6].hex(":")


def routed(
    rig: Rig, routes: Iterable[AnyRow], interfaces: Iterable[AnyRow] = (*FIRST, *GATEWAY)
) -> None:
    """Router 100 has these routes."""
    rig.set(*scene(first=[*interfaces, *routes]))


@FAMILIES
def test_a_packet_goes_to_another_network_on_this_host(rig: Rig, six: bool) -> None:
    sent = datagram(1, addresses(2)[six])
    verdict = both(rig, 11, sent)
    ends = (gate(100, 1), addresses(1)[six]), (mac(2), addresses(2)[six])
    frame = packets.summed(packets.frame(*ends, 17, DATA, hops=63))
    assert verdict == Verdict(port=12, frame=frame, vni=8)


@FAMILIES
def test_a_packet_goes_straight_to_the_destinations_host(rig: Rig, six: bool) -> None:
    verdict = both(rig, 11, datagram(1, addresses(22)[six]))
    assert (verdict.host, verdict.vni) == (OTHER, 8)
    assert seen(verdict) == ("02:70:6f:00:00:64", mac(22))


@FAMILIES
def test_each_router_takes_one_and_the_last_one_is_the_sender(rig: Rig, six: bool) -> None:
    here = both(rig, 11, datagram(1, addresses(4)[six]))
    assert (here.port, here.vni, seen(here)) == (14, 9, (gate(101, 2), mac(4)))
    there = both(rig, 11, datagram(1, addresses(23)[six]))
    assert (there.host, there.vni, seen(there)) == (OTHER, 9, ("02:70:6f:00:00:65", mac(23)))
    for verdict in (here, there):
        assert verdict.frame is not None
        assert verdict.frame[21 if six else 22] == 62


@FAMILIES
def test_the_host_that_a_routed_packet_comes_to_only_delivers_it(rig: Rig, six: bool) -> None:
    ends = ("02:70:6f:00:00:64", addresses(21)[six]), (mac(2), addresses(2)[six])
    sent = packets.frame(*ends, 17, DATA, hops=1)
    frame = packets.mac(mac(2)) + packets.mac(gate(100, 1)) + sent[12:]
    assert both_overlay(rig, 8, OTHER, sent) == Verdict(port=12, frame=frame, vni=8)


@pytest.mark.parametrize(
    ("router", "vni"), [(100, 9), (101, 7), (102, 8)], ids=["not there", "nor this", "unheard of"]
)
def test_a_router_speaks_in_its_own_networks_only(rig: Rig, router: int, vni: int) -> None:
    ends = (f"02:70:6f:00:00:{router:02x}", "10.0.3.9"), (mac(2), "10.0.1.2")
    frame = packets.frame(*ends, 17, DATA)
    assert both_overlay(rig, vni, OTHER, frame) == Verdict(drop=Drop.SPOOFED_MAC)


def test_a_router_speaks_the_families_that_it_has(rig: Rig) -> None:
    four = Interface("i", 8, gate(100, 1), 1500, ("10.0.1.254/24",))
    routed(rig, [], [four])
    for six, verdict in ((False, None), (True, Drop.SPOOFED_MAC)):
        ends = ("02:70:6f:00:00:64", addresses(21)[six]), (mac(2), addresses(2)[six])
        assert both_overlay(rig, 8, OTHER, packets.frame(*ends, 17, DATA)).drop == verdict


def test_routed_frames_are_for_one_receiver_and_hold_ip(rig: Rig) -> None:
    voice = "02:70:6f:00:00:64"
    frames = [
        packets.frame((voice, "10.0.0.21"), ("01:00:5e:00:00:12", "224.0.0.18"), 17, DATA),
        packets.arp(voice, False, (mac(1), "10.0.0.101"), (mac(1), "10.0.0.101")),
        packets.arp(voice, True, (voice, "10.0.1.9"), (mac(2), "10.0.1.2"), mac(2)),
        packets.eth(voice, mac(2), 0x88CC, bytes(40)),
    ]
    for frame in frames:
        assert both_overlay(rig, 8, OTHER, frame) == Verdict(drop=Drop.SPOOFED_MAC)


@pytest.mark.parametrize("sender", [1, 4], ids=["secured", "unsecured"])
def test_no_port_may_say_that_it_has_routed(rig: Rig, sender: int) -> None:
    number, voice = {1: 2, 4: 23}[sender], "02:70:6f:00:00:64"
    frames = [
        packets.frame((voice, addresses(sender)[0]), at(number), 17, DATA),
        packets.arp(voice, True, (voice, addresses(sender)[0]), (mac(8), addresses(8)[0])),
        packets.eth(voice, mac(number), 0x88CC, bytes(40)),
    ]
    for frame in frames:
        assert both(rig, 10 + sender, frame) == Verdict(drop=Drop.SPOOFED_MAC)


def test_the_overlay_brings_nothing_to_a_router(rig: Rig) -> None:
    frame = packets.frame(at(21), (GATE, "10.0.1.2"), 17, DATA)
    assert both_overlay(rig, 7, OTHER, frame) == Verdict(drop=Drop.UNKNOWN_DESTINATION)


def test_a_router_takes_nothing_but_ip(rig: Rig) -> None:
    strange = packets.eth(mac(4), gate(101, 2), 0x88CC, bytes(40))
    reply = packets.arp(mac(1), False, at(1), (GATE, "10.0.0.254"), GATE)
    advertises = packets.frame(
        (mac(1), "fd00::1"), (GATE, "fd00::fe"), 58, packets.nd(136, "fd00::1", mac(1))
    )
    for ifindex, frame in ((14, strange), (11, reply), (11, advertises)):
        assert both(rig, ifindex, frame) == Verdict(drop=Drop.UNKNOWN_DESTINATION)


def test_who_is_down_or_not_plugged_in_gets_nothing(rig: Rig) -> None:
    assert both(rig, 11, datagram(1, addresses(5)[0])) == Verdict(drop=Drop.DESTINATION_DOWN)
    assert both(rig, 11, datagram(1, addresses(20)[0])).drop == Drop.UNREACHABLE


def test_what_leads_back_to_its_sender_is_dropped(rig: Rig) -> None:
    assert both(rig, 11, datagram(1, addresses(1)[0])) == Verdict(drop=Drop.HAIRPIN)


def test_a_packet_may_go_back_into_the_network_it_came_from(rig: Rig) -> None:
    verdict = both(rig, 11, datagram(1, addresses(8)[0]))
    assert (verdict.port, verdict.vni, seen(verdict)) == (18, 7, (GATE, mac(8)))


# routes


def hop_of(rig: Rig, to: str, ports: tuple[int, int] = (1000, 53)) -> str:
    """The MAC that port 1's datagram to an address goes to."""
    verdict = both(rig, 11, datagram(1, to, ports=ports))
    return seen(verdict)[1]


def test_the_longest_prefix_counts(rig: Rig) -> None:
    narrow = Route("10.50.3.0/24", ((8, "10.0.1.2"),))
    routed(rig, [Route("10.50.0.0/16", ((7, "10.0.0.21"),)), narrow])
    assert hop_of(rig, "10.50.2.1") == mac(21)
    assert hop_of(rig, "10.50.3.1") == mac(2)


def test_a_route_goes_before_what_is_on_the_link_and_own_addresses_before_both(rig: Rig) -> None:
    routed(
        rig,
        [
            Route("10.0.1.0/24", ((7, "10.0.0.21"),)),
            Route("10.0.1.254/32", ((7, "10.0.0.21"),)),
            Route("fd00:0:0:1::/64", ((7, "fd00::15"),)),
        ],
    )
    assert hop_of(rig, "10.0.1.2") == mac(21)
    assert hop_of(rig, "fd00:0:0:1::2") == mac(21)
    assert both(rig, 11, datagram(1, "10.0.1.254")).drop == Drop.FOR_ROUTER


def test_a_route_of_one_family_is_not_for_the_other(rig: Rig) -> None:
    routed(rig, [Route("::/0", ((7, "fd00::15"),))])
    assert both(rig, 11, datagram(1, "10.9.9.9")).drop == Drop.NO_ROUTE
    assert hop_of(rig, "2001:db8::1") == mac(21)
    routed(rig, [Route("0.0.0.0/0", ((7, "10.0.0.21"),))])
    assert both(rig, 11, datagram(1, "2001:db8::1")).drop == Drop.NO_ROUTE


@pytest.mark.parametrize("to", ["10.50.{}.{}", "fd50::{:x}:{:x}"])
def test_flows_are_divided_between_equal_hops(rig: Rig, to: str) -> None:
    hops = [hop_of(rig, to.format(i // 200, i % 200)) for i in range(400)]
    equal = {mac(3), mac(22), mac(21)} if "." in to else {mac(3), mac(22)}
    assert set(hops) == equal
    assert min(hops.count(mac) for mac in equal) > 400 / len(equal) / 2


def test_one_flow_has_one_way(rig: Rig) -> None:
    ways = {hop_of(rig, "10.50.0.1", (port, 53)) for port in range(1000, 1030)}
    assert len(ways) == 3
    for port in range(1000, 1030):
        body = packets.udp(port, 53, b"other data")
        frame = packets.frame(at(1), (GATE, "10.50.0.1"), 17, body, number=port)
        assert seen(both(rig, 11, frame))[1] == hop_of(rig, "10.50.0.1", (port, 53))


def test_fragments_go_the_way_of_the_first(rig: Rig) -> None:
    for number in range(20):
        ends = at(1), (GATE, "10.50.0.1")
        body = packets.udp(1000 + number, 53, bytes(8))
        first = packets.frame(*ends, 17, body, number=number, more=True)
        later = packets.frame(*ends, 17, bytes(16), number=number, offset=2)
        assert seen(both(rig, 11, first)) == seen(both(rig, 11, later))


def test_a_hop_that_nobody_knows_is_passed_over(rig: Rig) -> None:
    via = ((7, "10.0.0.99"), (8, "10.0.1.22"), (7, "10.0.0.98"))
    routed(rig, [Route("10.50.0.0/16", via, ((8, "10.0.1.2"),))])
    assert {hop_of(rig, f"10.50.0.{i}") for i in range(20)} == {mac(22)}


def test_backups_count_in_their_order_when_no_equal_hop_is_known(rig: Rig) -> None:
    backups = ((7, "10.0.0.97"), (8, "10.0.1.2"), (7, "10.0.0.21"))
    routed(rig, [Route("10.50.0.0/16", ((7, "10.0.0.99"), (8, "10.0.1.98")), backups)])
    assert {hop_of(rig, f"10.50.0.{i}") for i in range(20)} == {mac(2)}


def test_hops_where_the_router_is_not_do_not_count(rig: Rig) -> None:
    routed(rig, [Route("10.50.0.0/16", ((9, "10.0.2.4"), (7, "10.0.0.21")))])
    assert {hop_of(rig, f"10.50.0.{i}") for i in range(20)} == {mac(21)}
    shorter = Route("10.48.0.0/12", ((8, "10.0.1.2"),))
    routed(rig, [Route("10.50.0.0/16", ((9, "10.0.2.4"),)), shorter])
    assert hop_of(rig, "10.50.0.1") == mac(2), "a route without hops is none"


def test_an_announced_address_is_a_hop(rig: Rig) -> None:
    routed(rig, OUTSIDE)
    assert hop_of(rig, "9.9.9.9") == mac(7), "169.254.0.3, as nobody has announced 169.254.0.2"
    shared = "02:00:00:00:5d:ff"
    announced = packets.arp(mac(24), False, (shared, "169.254.0.2"), (shared, "169.254.0.2"))
    both_overlay(rig, 100, OTHER, announced)
    verdict = both(rig, 11, datagram(1, "9.9.9.9"))
    assert (verdict.host, verdict.vni) == (OTHER, 100)
    assert seen(verdict) == ("02:70:6f:00:00:64", shared)


# interfaces


def test_of_several_interfaces_with_a_prefix_the_lowest_port_sends(rig: Rig) -> None:
    low = Interface("a", 8, "02:00:00:00:aa:01", 1500, ("10.0.1.250/24",))
    high = Interface("z", 8, "02:00:00:00:aa:02", 1500, ("10.0.1.251/24",))
    routed(rig, [], [high, *FIRST, low])
    assert seen(both(rig, 11, datagram(1, "10.0.1.2")))[0] == low.mac


def test_the_interface_that_has_the_next_hop_on_its_link_sends(rig: Rig) -> None:
    a = Interface("a", 8, "02:00:00:00:aa:01", 1500, ("10.8.0.1/24",))
    b = Interface("b", 8, "02:00:00:00:aa:02", 1500, ("fd08::1/64",))
    near = interface(100, 0, 254)
    route = Route("10.50.0.0/16", ((8, "10.0.1.2"),))
    routed(rig, [route], [near, b, a, interface(100, 1, 254)])
    assert seen(both(rig, 11, datagram(1, "10.50.0.1")))[0] == gate(100, 1)
    routed(rig, [route], [near, b, a])
    assert seen(both(rig, 11, datagram(1, "10.50.0.1")))[0] == a.mac, "one of its family"
    routed(rig, [route], [near, b])
    assert seen(both(rig, 11, datagram(1, "10.50.0.1")))[0] == b.mac, "the first one there"


@FAMILIES
def test_arrivals_come_from_the_lowest_interface_of_the_family(rig: Rig, six: bool) -> None:
    only4 = Interface("a", 8, "02:00:00:00:aa:01", 1500, ("10.0.1.250/24",))
    routed(rig, [], [*FIRST, only4])
    ends = ("02:70:6f:00:00:64", addresses(21)[six]), (mac(2), addresses(2)[six])
    verdict = both_overlay(rig, 8, OTHER, packets.frame(*ends, 17, DATA))
    assert seen(verdict)[0] == (gate(100, 1) if six else only4.mac)


# too far, too big, nowhere


def reason(rig: Rig, to: str, hops: int = 64, size: int = 0) -> Drop | None:
    """Why port 1's datagram of so many bytes (from the IP header on) is dropped."""
    frame = datagram(1, to, hops=hops)
    return both(rig, 11, frame + bytes(max(0, 14 + size - len(frame)))).drop


@FAMILIES
def test_a_packet_that_has_been_on_its_way_too_long_ends_at_a_router(rig: Rig, six: bool) -> None:
    near, far = addresses(2)[six], addresses(4)[six]
    assert [reason(rig, near, hops) for hops in (0, 1, 2)] == [Drop.TIME_EXCEEDED] * 2 + [None]
    assert [reason(rig, far, hops) for hops in (1, 2, 3)] == [Drop.TIME_EXCEEDED] * 2 + [None]


@FAMILIES
def test_the_mtu_is_that_of_the_link_that_it_is_sent_to(rig: Rig, six: bool) -> None:
    to = addresses(2)[six]
    assert reason(rig, to, size=1300) is None
    assert reason(rig, to, size=1301) == Drop.TOO_BIG
    assert reason(rig, addresses(8)[six], size=1500) is None


def test_the_second_routers_link_may_be_too_small(rig: Rig) -> None:
    rig.set(*scene(second=[interface(101, 3, 2), interface(101, 2, 254, mtu=1000)]))
    assert reason(rig, addresses(4)[0], size=1001) == Drop.TOO_BIG
    assert reason(rig, addresses(4)[0], size=1000) is None


NEVER = ["0.1.2.3", "169.254.0.3", "224.0.0.5", "240.0.0.1", "255.255.255.255"]
NEVER += ["::", "::1", "fe80::3", "febf::1", "ff02::1", "ff0e::1"]


@pytest.mark.parametrize("to", NEVER)
def test_some_destinations_are_never_routed(rig: Rig, to: str) -> None:
    routed(rig, OUTSIDE)
    assert reason(rig, to) == Drop.NO_ROUTE


def test_a_loopback_address_is_never_on_a_wire(rig: Rig) -> None:
    routed(rig, OUTSIDE)
    assert reason(rig, "127.0.0.1") == Drop.MALFORMED


@pytest.mark.parametrize("to", ["1.0.0.1", "126.1.1.1", "169.253.0.3", "223.0.0.1", "fec0::1"])
def test_their_neighbours_are(rig: Rig, to: str) -> None:
    routed(rig, OUTSIDE)
    assert reason(rig, to) is None


@pytest.mark.parametrize("to", ["169.254.0.1", "fe80::1", "fe80::ff:fe64:fe"])
def test_a_routers_own_addresses_are_found_before_that(rig: Rig, to: str) -> None:
    assert reason(rig, to) == Drop.FOR_ROUTER
    assert reason(rig, to, hops=0) == Drop.FOR_ROUTER, "whatever the TTL"


def test_there_may_be_no_route_here_or_further_on(rig: Rig) -> None:
    assert reason(rig, "9.9.9.9") == Drop.NO_ROUTE
    assert reason(rig, "172.16.0.1") == Drop.NO_ROUTE


def test_an_address_on_the_link_that_nobody_has_is_unreachable(rig: Rig) -> None:
    assert reason(rig, "10.0.1.99") == Drop.UNREACHABLE
    assert reason(rig, "fd00:0:0:1::99") == Drop.UNREACHABLE
    assert reason(rig, "10.0.2.99") == Drop.UNREACHABLE, "two routers on"
    assert reason(rig, "10.0.1.99", hops=1) == Drop.UNREACHABLE, "goes before the TTL"


@pytest.mark.parametrize("to", ["10.66.0.1", "fd66::1"])
def test_a_packet_does_not_go_round_in_circles(rig: Rig, to: str) -> None:
    assert reason(rig, to) == Drop.UNREACHABLE
    assert reason(rig, to, hops=3) == Drop.TIME_EXCEEDED, "what comes first counts"


def test_what_goes_wrong_first_is_told(rig: Rig) -> None:
    assert reason(rig, "172.16.0.1", hops=1) == Drop.TIME_EXCEEDED, "and then there is no route"
    assert reason(rig, "10.0.2.254", hops=1) == Drop.TIME_EXCEEDED, "and then it is a router's own"
    assert reason(rig, "10.0.1.2", hops=1, size=1400) == Drop.TIME_EXCEEDED
    routed(rig, BETWEEN, [interface(100, 0, 254), interface(100, 3, 1, mtu=1200)])
    assert reason(rig, "172.16.0.1", size=1201) == Drop.TOO_BIG


@FAMILIES
@pytest.mark.parametrize("last", [103, 104], ids=["four routers", "five"])
def test_four_routers_may_be_passed_and_no_more(rig: Rig, last: int, six: bool) -> None:
    prefix = ("10.77.0.0/16", "fd77::/32")[six]
    slices, plugs = scene(first=[*FIRST, towards(prefix, 2, six)], second=[])
    for number in range(101, last + 1):
        place = interface(number, 3, number - 99)
        beyond = towards(prefix, 6 if number == last else number - 98, six)
        slices[f"router/{number}"] = router(number, [place, beyond])
    rig.set(slices, plugs)
    verdict = both(rig, 11, datagram(1, ("10.77.0.1", "fd77::1")[six]))
    if last == 104:
        assert verdict.drop == Drop.UNREACHABLE
    else:
        assert (verdict.port, seen(verdict)) == (16, (gate(103, 3), mac(6)))


def towards(prefix: str, number: int, six: bool) -> Route:
    """Through network 3, to a router or the port with that number there."""
    return Route(prefix, ((10, inside(3, number)[six]),))
