"""Who may send what through routers: sources, groups, connections; in the switch and the model."""

import pytest
from tests.dataplane import packets
from tests.dataplane.rig import Rig, both, both_overlay
from tests.dataplane.routed_scenes import (
    ALL,
    BETWEEN,
    FIRST,
    NETWORKS,
    OTHER,
    SECOND,
    addresses,
    at,
    gate,
    interface,
    mac,
    scene,
)
from tests.dataplane.traffic import error_about

from polpo.dataplane.model import Verdict
from polpo.dataplane.tables import Drop
from polpo.target.rows import Endpoint, Interface, Route, Router, Rule, Subnet

FAMILIES = pytest.mark.parametrize("six", [False, True], ids=["IPv4", "IPv6"])
GATE = gate(100, 0)
OUT = tuple(rule for rule in ALL if not rule.ingress)
IN = tuple(rule for rule in ALL if rule.ingress)
SYN, SYN_ACK, ACK = 2, 18, 16


@pytest.fixture(autouse=True)
def cloud(rig: Rig) -> None:
    rig.set(*scene())


def ends(sender: int, to: str, router: int = 100) -> tuple[tuple[str, str], tuple[str, str]]:
    return at(sender, ":" in to), (gate(router, NETWORKS[sender]), to)


def sent(rig: Rig, sender: int, to: str, router: int = 100, source: str = "") -> Verdict:
    """A datagram of a port, as from `source`."""
    (own_mac, own), target = ends(sender, to, router)
    frame = packets.frame((own_mac, source or own), target, 17, packets.udp(5, 53))
    return both(rig, 10 + sender, frame)


# sources


def test_a_source_is_in_the_network_that_the_router_has_it_in(rig: Rig) -> None:
    for source, reason in (
        ("10.0.0.100", None),  # an allowed pair, in the network
        ("10.50.0.9", None),  # the router has a route there, with a hop in the network
        ("10.0.1.7", Drop.REVERSE_PATH),  # allowed, but it is another network's
        ("10.0.1.254", Drop.REVERSE_PATH),  # and the router's own
        ("10.0.0.2", Drop.SPOOFED_ADDRESS),
    ):
        assert sent(rig, 3, "10.0.1.2", source=source).drop == reason, source


def test_backups_lead_back_as_well(rig: Rig) -> None:
    back = Route("10.50.0.0/16", ((8, "10.0.1.22"),), ((7, "10.0.0.3"),))
    rig.set(*scene(first=[*FIRST, back]))
    assert sent(rig, 3, "10.0.1.2", source="10.50.0.9").drop is None
    other = Route("10.50.0.0/16", ((8, "10.0.1.22"),), ((10, "10.0.3.6"),))
    rig.set(*scene(first=[*FIRST, other]))
    assert sent(rig, 3, "10.0.1.2", source="10.50.0.9").drop == Drop.REVERSE_PATH


def test_ports_without_port_security_cannot_send_from_elsewhere_either(rig: Rig) -> None:
    assert sent(rig, 4, "10.0.0.1", 101).drop is None
    for source in ("10.0.0.9", "8.8.8.8", "0.0.0.0", "169.254.0.9"):
        assert sent(rig, 4, "10.0.0.1", 101, source).drop == Drop.REVERSE_PATH
    assert sent(rig, 4, "fd00::1", 101, "fe80::9").drop == Drop.REVERSE_PATH


def test_a_link_local_source_stays_on_its_link_whatever_routes_say(rig: Rig) -> None:
    """RFC 4291 2.5.6; a user's default route leads to a workload in the very network."""
    rig.set(*scene(first=[*FIRST, Route("::/0", ((7, "fd00::3"),))]))
    assert sent(rig, 1, "fd00:0:0:1::2", source="fe80::ff:fe00:1").drop == Drop.REVERSE_PATH
    assert sent(rig, 1, "fd00:0:0:1::2").drop is None


def test_a_router_answers_whoever_asks_it(rig: Rig) -> None:
    """Its own address may be asked from any: from link-local ones, for instance."""
    link_local = "fe80::ff:fe00:1"
    echo = packets.frame((mac(1), link_local), (GATE, "fe80::ff:fe64:fe"), 58, packets.icmp(128))
    assert both(rig, 11, echo).answer is not None
    elsewhere = packets.frame((mac(4), "8.8.8.8"), (gate(101, 2), "10.0.2.254"), 1, packets.icmp(8))
    assert both(rig, 14, elsewhere).answer is not None
    for to in ("10.0.0.254", "10.0.3.1"):
        second = packets.frame((mac(4), "8.8.8.8"), (gate(101, 2), to), 1, packets.icmp(8))
        assert both(rig, 14, second).drop == Drop.REVERSE_PATH, "of another router"


def test_what_a_sender_may_not_goes_before_what_the_router_would_say(rig: Rig) -> None:
    rig.set(*scene({1: IN, 2: ALL}, {3: 2}))
    assert sent(rig, 1, "10.0.1.99") == Verdict(drop=Drop.EGRESS_POLICY)
    assert sent(rig, 1, "10.0.0.254") == Verdict(drop=Drop.EGRESS_POLICY)
    assert sent(rig, 1, "10.0.1.99", source="10.0.0.7") == Verdict(drop=Drop.SPOOFED_ADDRESS)
    assert sent(rig, 3, "9.9.9.9", source="10.0.1.7") == Verdict(drop=Drop.REVERSE_PATH)
    served = packets.frame(*ends(1, "10.0.1.99"), 17, packets.udp(67, 68))
    assert both(rig, 11, served) == Verdict(drop=Drop.DHCP_SERVER)


def test_dhcp_is_for_the_agent_even_when_it_is_sent_to_the_router(rig: Rig) -> None:
    rig.set(*scene(subnets=[Subnet("s", "10.0.0.0/24")]))
    renewal = packets.frame(*ends(1, "10.0.0.254"), 17, packets.udp(68, 67))
    assert both(rig, 11, renewal) == Verdict(asked=renewal)
    elsewhere = packets.frame(*ends(1, "10.0.1.99"), 17, packets.udp(68, 67))
    assert both(rig, 11, elsewhere) == Verdict(asked=elsewhere)


# groups


def from_group(group: str) -> tuple[Rule, ...]:
    return (*OUT, *(Rule(ingress=True, family=family, group=group) for family in (4, 6)))


def to_group(group: str) -> tuple[Rule, ...]:
    return (*IN, *(Rule(ingress=False, family=family, group=group) for family in (4, 6)))


@FAMILIES
def test_a_group_lets_its_members_of_other_networks_in(rig: Rig, six: bool) -> None:
    """Port 1 is in red, 8 in red and blue (they have groups by their numbers)."""
    rig.set(*scene({1: ALL, 2: from_group("blue")}, {2: 2}))
    assert sent(rig, 1, addresses(2)[six]).drop == Drop.INGRESS_POLICY
    assert sent(rig, 8, addresses(2)[six]).port == 12


@FAMILIES
def test_a_group_may_be_sent_to_in_other_networks(rig: Rig, six: bool) -> None:
    """Ports 2 and 23 are in blue, 22 is not; 23 is behind another router."""
    rig.set(*scene({1: ALL, 2: to_group("blue")}, {1: 2}))
    assert sent(rig, 1, addresses(2)[six]).port == 12
    assert sent(rig, 1, addresses(22)[six]).drop == Drop.EGRESS_POLICY
    assert sent(rig, 1, addresses(23)[six]).host == OTHER


def test_what_the_sender_may_be_told_is_judged_as_the_packet_itself(rig: Rig) -> None:
    """The TTL ends at the first router; the destination's group is known beyond the second."""
    rig.set(*scene({1: ALL, 2: to_group("blue")}, {1: 2}))
    for to, reason in ((23, Drop.TIME_EXCEEDED), (22, Drop.EGRESS_POLICY)):
        frame = packets.frame(*ends(1, addresses(to)[0]), 17, packets.udp(5, 6), hops=1)
        assert both(rig, 11, frame).drop == reason
    slices, plugs = scene({1: ALL, 2: to_group("blue")}, {1: 2})
    lost = Endpoint("lost", "02:00:00:00:ee:03", OTHER, ("10.66.0.1",), 2)
    slices["network/10"].append(lost)
    rig.set(slices, plugs)
    circle = packets.frame(*ends(1, "10.66.0.1"), 17, packets.udp(5, 6))
    assert both(rig, 11, circle).drop == Drop.EGRESS_POLICY, "there is no way to it"
    unknown = packets.frame(*ends(1, "10.0.1.99"), 17, packets.udp(5, 6))
    assert both(rig, 11, unknown).drop == Drop.EGRESS_POLICY, "it is in no group"


def arrival(router: int, source: str, number: int = 2, kind: int = 17) -> bytes:
    """From another host, where a router has routed it, to a port of ours."""
    voice = f"02:70:6f:00:00:{router:02x}"
    body = packets.udp(5, 53)
    return packets.frame((voice, source), at(number, ":" in source), kind, body)


@FAMILIES
def test_a_group_lets_members_on_other_hosts_in(rig: Rig, six: bool) -> None:
    """23 is in blue, and in a network that the last router reaches through another one."""
    rig.set(*scene({1: ALL, 2: from_group("blue")}, {2: 2}))
    assert both_overlay(rig, 8, OTHER, arrival(100, addresses(23)[six])).port == 12
    reason = both_overlay(rig, 8, OTHER, arrival(100, addresses(21)[six])).drop
    assert reason == Drop.INGRESS_POLICY, "21 is in no group"


def test_a_source_is_looked_for_where_the_router_has_it(rig: Rig) -> None:
    """Port 23 of network 2 is in blue; in network 0 and 1 there are others with its address."""
    slices, plugs = scene({1: ALL, 2: from_group("blue")}, {2: 2})
    far = addresses(23)[0]
    for net in (0, 1):
        twin = Endpoint(f"twin{net}", f"02:00:00:00:ee:0{net}", OTHER, (far, "9.9.9.9"), 0)
        slices[f"network/{7 + net}"].append(twin)
    rig.set(slices, plugs)
    assert both_overlay(rig, 8, OTHER, arrival(100, far)).port == 12
    for source in ("9.9.9.9", "10.0.1.254", "172.16.0.1", "10.66.0.1"):
        reason = both_overlay(rig, 8, OTHER, arrival(100, source)).drop
        assert reason == Drop.INGRESS_POLICY, "the routers know of nobody there"


# connections


def segment(rig: Rig, sender: int, to: int, flags: int, router: int = 100) -> Verdict:
    ports = (1000, 80) if sender < to else (80, 1000)
    frame = packets.frame(*ends(sender, addresses(to)[0], router), 6, packets.tcp(*ports, flags))
    return both(rig, 10 + sender, frame)


def test_answers_pass_through_routers_where_nothing_is_let_in(rig: Rig) -> None:
    rig.set(*scene({1: OUT, 2: (*OUT, *IN)}, {1: 1, 2: 2}))
    assert segment(rig, 2, 1, SYN_ACK).drop == Drop.INGRESS_POLICY
    assert segment(rig, 1, 2, SYN).port == 12
    assert segment(rig, 2, 1, SYN_ACK).port == 11
    assert len(rig.switch.tables["flows"].read()) == 1


def test_both_directions_are_one_flow_whichever_router_they_take(rig: Rig) -> None:
    """Router 101 has an interface in network 0 as well: answers come that way."""
    rig.set(
        *scene(
            {1: OUT, 2: ALL},
            {1: 1, 6: 2},
            first=[*FIRST, *BETWEEN],
            second=[*SECOND, interface(101, 0, 253)],
        )
    )
    assert segment(rig, 1, 6, SYN).port == 16
    assert segment(rig, 6, 1, SYN_ACK, router=101).port == 11
    assert segment(rig, 1, 6, ACK, router=101).port == 16


def test_flows_of_a_network_are_not_those_of_the_domain(rig: Rig) -> None:
    """The same two ends, once through the router, once straight."""
    rig.set(*scene({1: OUT, 2: ALL}, {1: 1, 8: 2}))
    assert segment(rig, 1, 8, SYN).port == 18
    straight = packets.frame(at(8), at(1), 6, packets.tcp(80, 1000, SYN_ACK))
    assert both(rig, 18, straight) == Verdict(drop=Drop.INGRESS_POLICY)
    assert segment(rig, 8, 1, SYN_ACK).port == 11


def test_a_flow_to_another_host_is_known_when_its_answer_arrives(rig: Rig) -> None:
    rig.set(*scene({1: OUT}))
    assert segment(rig, 1, 22, SYN).host == OTHER
    voice = ("02:70:6f:00:00:64", addresses(22)[0])
    answer = packets.frame(voice, at(1), 6, packets.tcp(80, 1000, SYN_ACK))
    assert both_overlay(rig, 7, OTHER, answer).port == 11
    bridged = packets.frame((GATE, addresses(22)[0]), at(1), 6, packets.tcp(80, 1000, SYN_ACK))
    assert both_overlay(rig, 7, OTHER, bridged) == Verdict(drop=Drop.INGRESS_POLICY)


def test_errors_about_a_routed_connection_pass_through_routers(rig: Rig) -> None:
    rig.set(*scene({1: OUT, 2: (*OUT, *IN)}, {1: 1, 2: 2}))
    assert segment(rig, 1, 2, SYN).port == 12
    told_off = packets.frame(at(1), at(2), 6, packets.tcp(1000, 80))
    error = packets.mac(gate(100, 1)) + packets.mac(mac(2)) + error_about(told_off)[12:]
    assert both(rig, 12, error).port == 11
    unheard_of = packets.frame(at(1), at(2), 6, packets.tcp(9, 9))
    error = packets.mac(gate(100, 1)) + packets.mac(mac(2)) + error_about(unheard_of)[12:]
    assert both(rig, 12, error) == Verdict(drop=Drop.INGRESS_POLICY)


def test_a_ping_of_the_router_leaves_no_flow(rig: Rig) -> None:
    echo = packets.frame(*ends(1, "10.0.0.254"), 1, packets.icmp(8))
    assert both(rig, 11, echo).answer
    assert not rig.switch.tables["flows"].read()


def test_networks_with_equal_addresses_do_not_meet(rig: Rig) -> None:
    """Another domain has the same addresses: its flows and routes are its own."""
    slices, plugs = scene({1: OUT, 2: (*OUT, *IN)}, {1: 1, 2: 2})
    twin = [Interface("t", 7, "02:00:00:ff:00:fe", 1500, ("10.0.0.252/24",))]
    twin.append(Interface("u", 8, "02:00:00:ff:01:fe", 1500, ("10.0.1.252/24",)))
    rig.set({**slices, "router/200": [Router(200, "r200", 200), *twin]}, plugs)
    assert segment(rig, 1, 2, SYN).port == 12
    frame = packets.frame(
        at(2), ("02:00:00:ff:01:fe", addresses(1)[0]), 6, packets.tcp(80, 1000, SYN_ACK)
    )
    assert both(rig, 12, frame) == Verdict(drop=Drop.INGRESS_POLICY)
