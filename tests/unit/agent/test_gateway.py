"""What a gateway's row comes to: rules, configuration, routes."""

from pathlib import Path

import msgspec
import pytest

from polpo.agent.gateway import onward, vrrp
from polpo.agent.gateway.ruleset import ruleset
from polpo.agent.gateway.vrrp import link_local
from polpo.agent.pairs import transit
from polpo.kernel.addresses import Route
from polpo.target import wire
from polpo.target.forwarding import Forwarding
from polpo.target.rows import AnyRow, Gateway

ROW = Gateway(
    router="r",
    vni=7,
    port="p",
    instance=3,
    peer_mac="fa:16:3e:00:00:04",
    priority=200,
    physical_network="physnet1",
    mtu=1500,
    external_mac="fa:16:3e:ee:00:01",
    external=("203.0.113.5/24", "2001:db8::5/64"),
    next_hops=("203.0.113.1", "2001:db8::1"),
    inside=("10.0.0.0/24", "fd00::/64"),
    snat=("10.0.0.0/24",),
    routed=("fd00::/64",),
    floating=(("203.0.113.9", "10.0.0.9"),),
)


def configuration(row: Gateway) -> str:
    return vrrp.configuration(row, Path("/run/isolation"))


def changed(**fields: object) -> Gateway:
    return msgspec.structs.replace(ROW, **fields)


def test_a_row_survives_the_feed() -> None:
    row: AnyRow = changed(forwardings=(Forwarding("203.0.113.8", "tcp", 1, 2, "10.0.0.1", 3),))
    line = wire.decode_line(wire.encode_line(wire.SliceLine(slice="host/a", rows=(row,))))
    assert line.rows == (row,)


def test_a_range_of_ports_is_an_element_each() -> None:
    row = changed(forwardings=(Forwarding("203.0.113.8", "udp", 53, 54, "10.0.0.1", 5353),))
    rules = ruleset(row)
    assert "17 . 203.0.113.8 . 53 : 10.0.0.1 . 5353" in rules
    assert "17 . 203.0.113.8 . 54 : 10.0.0.1 . 5354" in rules


def test_of_two_floating_ips_for_one_address_it_speaks_as_the_first() -> None:
    row = changed(floating=(("203.0.113.9", "10.0.0.9"), ("203.0.113.10", "10.0.0.9")))
    rules = ruleset(row)
    assert "203.0.113.9 : 10.0.0.9, 203.0.113.10 : 10.0.0.9" in rules
    assert (
        "map fixed { type ipv4_addr : ipv4_addr; elements = { 10.0.0.9 : 203.0.113.9 }; }" in rules
    )


def test_without_an_ipv4_address_outside_nothing_is_translated_to_it() -> None:
    rules = ruleset(changed(external=("2001:db8::5/64",), snat=()))
    assert "snat ip to ip saddr map" in rules
    assert "@sources" not in rules


def test_there_are_no_rules_for_what_the_row_does_not_have() -> None:
    """They would cost each new connection."""
    plain = ruleset(changed(floating=()))
    assert "map @" not in plain
    assert "ip saddr @sources snat ip to 203.0.113.5" in plain
    forwarding = Forwarding("203.0.113.8", "tcp", 80, 80, "10.0.0.1", 80)
    assert "map @forwardings" in ruleset(changed(floating=(), forwardings=(forwarding,)))
    assert "map @floating" in ruleset(ROW)


@pytest.mark.parametrize(
    "fields",
    [
        {"floating": (("203.0.113.9", "fd00::9"),)},
        {"floating": (('9" }; drop', "10.0.0.9"),)},
        {"snat": ("10.0.0.1/24",)},
        {"snat": ("fd00::/64",)},
        {"routed": ("all",)},
        {"external": ("203.0.113.5/33",)},
        {"peer_mac": "fa:16 accept"},
    ],
)
def test_rules_are_not_made_of_nonsense(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        ruleset(changed(**fields))


def test_the_active_one_gets_all_that_the_router_is_outside() -> None:
    row = changed(
        forwardings=(Forwarding("203.0.113.8", "tcp", 80, 80, "10.0.0.1", 80),),
        on_link=("198.51.100.0/24",),
    )
    lines = [line.strip() for line in configuration(row).splitlines()]
    outside = [line for line in lines if line.endswith("dev external0")]
    assert outside == [
        "203.0.113.5/24 dev external0",
        "2001:db8::5/64 dev external0",
        "fe80::f816:3eff:feee:1/64 dev external0",
        "203.0.113.8/32 dev external0",
        "203.0.113.9/32 dev external0",
        "198.51.100.0/24 dev external0",
    ]
    assert "0.0.0.0/0 via 203.0.113.1 dev external0 onlink" in lines
    assert "::/0 via 2001:db8::1 dev external0 onlink" in lines


def test_more_routes_outside_and_one_for_everywhere_goes_before_the_next_hop() -> None:
    row = changed(
        next_hops=("203.0.113.1", "203.0.113.2", "2001:db8::1"),
        routes=(
            ("198.51.100.0/24", ("203.0.113.8", "203.0.113.9")),
            ("::/0", ("2001:db8::9",)),
        ),
    )
    lines = [line.strip() for line in configuration(row).splitlines()]
    assert [line for line in lines if "via" in line] == [
        "0.0.0.0/0 via 203.0.113.1 dev external0 onlink",
        "198.51.100.0/24 nexthop via 203.0.113.8 dev external0 onlink weight 1"
        " nexthop via 203.0.113.9 dev external0 onlink weight 1",
        "::/0 via 2001:db8::9 dev external0 onlink",
    ]


def test_ports_may_all_be_one_inside() -> None:
    row = changed(forwardings=(Forwarding("203.0.113.8", "udp", 53, 54, "10.0.0.1", 53, True),))
    rules = ruleset(row)
    assert "17 . 203.0.113.8 . 53 : 10.0.0.1 . 53" in rules
    assert "17 . 203.0.113.8 . 54 : 10.0.0.1 . 53" in rules


def test_a_forwarded_port_of_the_routers_own_address_adds_no_address() -> None:
    row = changed(forwardings=(Forwarding("203.0.113.5", "tcp", 80, 80, "10.0.0.1", 80),))
    assert configuration(row) == configuration(ROW)


def test_who_preempts_and_who_does_not() -> None:
    assert "nopreempt" in configuration(ROW)
    assert "nopreempt" not in configuration(changed(preempt=True))


def test_each_speaks_to_its_peer() -> None:
    first, second = configuration(ROW), configuration(changed(instance=4))
    assert "unicast_src_ip 169.254.0.3" in first
    assert "unicast_src_ip 169.254.0.4" in second
    assert transit.address(6, transit.peer(ROW.instance)) == "fe80::4"


def test_link_local_is_of_the_mac() -> None:
    assert link_local("02:00:00:00:00:01") == "fe80::1"[:4] + "::ff:fe00:1"


def test_routes_lead_inside_by_the_router_and_onward_by_the_peer() -> None:
    assert onward.routes(ROW) == {
        Route("10.0.0.0/24", "169.254.0.1"),
        Route("fd00::/64", "fe80::1"),
        Route("0.0.0.0/0", "169.254.0.4", 4096),
        Route("::/0", "fe80::4", 4096),
    }
