"""What gateways make of packets, and traces through them to the outside and back."""

import pytest
from msgspec.structs import replace

from polpo.model.object import Object
from polpo.target import forwarding, rows
from polpo.testing.traced import FLOATING, GATEWAY, PORTS, rule, snapshot
from polpo.trace.engine import trace
from polpo.trace.gateway import Packet, pass_through
from polpo.trace.values import Question, Trace
from polpo.trace.world import Seen, World

TCP, ICMP = 6, 1
ROW = rows.Gateway(
    router="r",
    vni=9,
    port="t3",
    instance=3,
    peer_mac="0e:04:00:00:00:09",
    priority=200,
    physical_network="physnet1",
    mtu=1450,
    external_mac="fa:16:3e:00:00:09",
    external=("203.0.113.5/24", "2001:db8::5/64"),
    next_hops=("203.0.113.1", "2001:db8::1"),
    on_link=("198.51.100.0/24",),
    inside=("10.0.0.0/24", "10.1.0.0/24", "fd00::/64", "fd01::/64"),
    snat=("10.0.0.0/24", "10.1.0.0/24"),
    routed=("fd00::/64",),
    floating=(("203.0.113.22", "10.1.0.22"),),
    forwardings=(
        forwarding.Forwarding("203.0.113.30", "tcp", 8000, 8009, "10.1.0.21", 80),
        forwarding.Forwarding("203.0.113.30", "udp", 53, 54, "10.1.0.21", 5353, one=True),
    ),
    routes=(("198.18.0.0/15", ("203.0.113.7",)), ("10.1.0.128/25", ("203.0.113.8",))),
)


def passed(source: str, to: str, number: int = 80, row: rows.Gateway = ROW) -> tuple[str, ...]:
    """What becomes of TCP: fate, source, destination, its port, next hop or reason."""
    found = pass_through(row, Packet(source, to, TCP, number), active=True)
    left = found.packet
    return found.fate, left.source, left.to, str(left.number), found.next_hop or found.reason


def test_what_leaves_is_translated() -> None:
    assert passed("10.0.0.11", "9.9.9.9") == (
        *("outside", "203.0.113.5", "9.9.9.9", "80", "203.0.113.1"),
    )
    assert passed("10.1.0.22", "9.9.9.9")[1] == "203.0.113.22", "its floating IP"
    assert passed("10.0.0.11", "203.0.113.9")[4] == "203.0.113.9", "on the link outside"
    assert passed("10.0.0.11", "198.51.100.7")[4] == "198.51.100.7"


def test_extra_routes_lead_outside_by_the_longest_prefix() -> None:
    assert passed("10.0.0.11", "198.18.1.1")[4] == "203.0.113.7"
    assert passed("10.0.0.11", "10.1.0.200")[4] == "203.0.113.8", "longer than what is inside"
    everywhere = replace(ROW, next_hops=(), routes=(("0.0.0.0/0", ("203.0.113.9",)),))
    assert passed("10.0.0.11", "9.9.9.9", row=everywhere)[4] == "203.0.113.9"


def test_without_snat_only_floating_ips_and_routed_addresses_leave() -> None:
    bare = replace(ROW, snat=())
    assert passed("10.0.0.11", "9.9.9.9", row=bare)[::4] == ("dropped", "not_translated")
    assert passed("10.1.0.22", "9.9.9.9", row=bare)[:2] == ("outside", "203.0.113.22")
    shared = replace(bare, routed=("10.0.0.0/24",))
    assert passed("10.0.0.11", "9.9.9.9", row=shared)[:2] == ("outside", "10.0.0.11")


def test_ipv6_is_routed_as_it_is() -> None:
    assert passed("fd00::b", "2001:db8:9::9") == (
        *("outside", "fd00::b", "2001:db8:9::9", "80", "2001:db8::1"),
    )
    assert passed("fd01::b", "2001:db8:9::9")[0] == "dropped"


def test_an_outside_that_has_no_gateway_of_the_family() -> None:
    alone = replace(ROW, next_hops=())
    assert passed("10.0.0.11", "9.9.9.9", row=alone)[::4] == ("dropped", "no_route_outside")
    assert passed("10.0.0.11", "203.0.113.9", row=alone)[0] == "outside"


def test_floating_ips_and_forwarded_ports_lead_back_inside() -> None:
    assert passed("10.0.0.11", "203.0.113.22")[:3] == ("inside", "203.0.113.5", "10.1.0.22")
    assert passed("10.1.0.22", "203.0.113.22")[:3] == ("inside", "203.0.113.22", "10.1.0.22")
    assert passed("10.0.0.11", "203.0.113.30", 8003)[2:4] == ("10.1.0.21", "83")
    names = pass_through(ROW, Packet("10.0.0.11", "203.0.113.30", 17, 54), active=True)
    assert names.packet.number == 5353, "all to the one port"
    assert passed("10.0.0.11", "203.0.113.30", 8010)[:3] == (
        *("outside", "203.0.113.5", "203.0.113.30"),
    )


@pytest.mark.parametrize("to", ["10.1.0.9", "fd01::9"])
def test_what_is_inside_is_not_the_gateways_to_route(to: str) -> None:
    source = "fd00::b" if ":" in to else "10.0.0.11"
    assert passed(source, to)[::4] == ("dropped", "not_translated")


def test_its_own_address_is_its_own() -> None:
    assert passed("10.0.0.11", "203.0.113.5")[0] == "own"


def test_an_instance_that_is_not_active_passes_it_on() -> None:
    assert pass_through(ROW, Packet("10.0.0.11", "9.9.9.9", TCP, 80), active=False).fate == "peer"


# traces


def ask(
    to: str,
    *more: Object,
    by: str = "a1",
    protocol: int = TCP,
    number: int = 80,
    active: str = "h3",
) -> Trace:
    world = World(snapshot(*GATEWAY, *more), Seen(active={9: active} if active else {}))
    return trace(world, Question(by, to, protocol, number))


def told(found: Trace) -> list[str]:
    named = ((s, f" {s.about.id}" if s.about else "") for s in found.steps)
    return [f"{step.kind}:{name} {step.text} @{step.host}" for step, name in named]


def test_a_way_to_the_outside() -> None:
    assert told(ask("9.9.9.9"))[2:] == [
        "rule: clients-out lets it out: tcp 80 to 9.9.9.9 @h1",
        "route: r has 0.0.0.0/0 by way of 169.254.0.2 @h1",
        "tunnel: h3 gets it through the tunnel to 192.0.2.3 @h1",
        "nat: r 10.0.0.11 is 203.0.113.5 to the outside @h3",
        "leave: r sends it outside, to 203.0.113.1 @h3",
    ]
    assert ask("9.9.9.9").verdict == "left"
    assert ask("9.9.9.9", active="h1").steps[-1].host == "h1"


def test_while_nobody_knows_who_is_active_the_first_instance_is_asked() -> None:
    found = ask("9.9.9.9", active="")
    assert found.steps[-1].host == "h3"
    assert "route: r has 0.0.0.0/0 by way of 169.254.0.3 @h1" in told(found)


def test_a_standby_passes_it_on_to_its_peer_and_that_not_back() -> None:
    found = ask("9.9.9.9", active="h2")
    assert told(found)[4:] == [
        "tunnel: h3 gets it through the tunnel to 192.0.2.3 @h1",
        "gateway: r is not active here: its peer gets it @h3",
        "tunnel: h1 gets it through the tunnel to 192.0.2.1 @h3",
        "drop: r has no instance that is active @h1",
    ]


def test_a_floating_ip_as_the_source() -> None:
    found = told(ask("10.8.8.8", FLOATING, by="b2"))
    assert "nat: fip 10.1.0.22 is 203.0.113.22 to the outside @h3" in found


def test_a_floating_ip_of_a_neighbour_leads_out_and_back() -> None:
    found = ask("203.0.113.22", FLOATING)
    assert told(found)[3:] == [
        "route: r has 0.0.0.0/0 by way of 169.254.0.2 @h1",
        "tunnel: h3 gets it through the tunnel to 192.0.2.3 @h1",
        "nat: fip 203.0.113.22 is 10.1.0.22 @h3",
        "nat: r 10.0.0.11 is 203.0.113.5 to the outside @h3",
        "gateway: r sends it back inside @h3",
        "route: r has 10.1.0.1/24 on the link @h3",
        "tunnel: h2 gets it through the tunnel to 192.0.2.2 @h3",
        "drop: b2 has no rule that lets it in @h2",
    ]
    web = replace(PORTS[3], security_groups=("web", "clients"))
    assert ask("203.0.113.22", FLOATING, web).reason == "ingress_policy", "it is no client any more"
    opened = rule("web-any", "web", "ingress", remote_ip_prefix="203.0.113.0/24")
    assert ask("203.0.113.22", FLOATING, opened).verdict == "delivered"


def test_the_routers_address_outside() -> None:
    assert ask("203.0.113.5", protocol=ICMP, number=0).verdict == "answered"
    assert ask("203.0.113.5").reason == "for_router"


def test_ipv6_to_the_outside() -> None:
    found = ask("2001:db8:9::9")
    assert found.reason == "no_route", "the outside has no IPv6 subnet"
