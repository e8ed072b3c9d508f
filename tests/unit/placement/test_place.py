"""Where gateways go, one decision at a time. In all histories: tests/property/test_placement.py."""

import pytest
from msgspec.structs import replace

from polpo.model.load_balancer import LoadBalancer
from polpo.model.network import Network
from polpo.model.placement import HIGH, LOW, MOVING, Placement, instance_id
from polpo.model.router import Router
from polpo.model.snapshot import Snapshot
from polpo.placement.homes import Home, Report, Said
from polpo.placement.needs import ANYWHERE, Need, needs
from polpo.placement.place import place

NETS, NONE = frozenset({"physnet1"}), frozenset[str]()
NEED = Need("r", 7, "physnet1")
NOTHING = Said({})


def home(
    name: str, zone: str = "nova", up: bool = True, there: bool = True, heard: bool = False
) -> Home:
    return Home(name, zone, up, NETS if there else NONE, NETS if there else NONE, heard)


def homes(*found: Home) -> dict[str, Home]:
    return {home.name: home for home in found}


def placement(instance: int, host: str, priority: int = LOW, router: str = "r") -> Placement:
    id = instance_id(router, instance)
    return Placement(id=id, function_id=router, instance=instance, host=host, priority=priority)


def said(**roles: str) -> Said:
    """host="active", "ready" (and not active) or "" (neither), of router 7."""
    seven = frozenset({7})
    return Said(
        {
            host: Report(9, seven if role == "active" else frozenset(), seven if role else NONE7)
            for host, role in roles.items()
        }
    )


NONE7 = frozenset[int]()
PAIR = [placement(3, "a", HIGH), placement(4, "b")]


def where(placements: list[Placement]) -> dict[int, tuple[str, int]]:
    return {p.instance: (p.host, p.priority) for p in placements}


def test_two_homes_and_one_ahead() -> None:
    placed = place([NEED], homes(home("a"), home("b"), home("c")), [], NOTHING)
    assert placed == PAIR


def test_the_active_ones_are_spread() -> None:
    two = [NEED, Need("s", 8, "physnet1")]
    placed = place(two, homes(home("a"), home("b")), [], NOTHING)
    assert {p.host for p in placed if p.priority == HIGH} == {"a", "b"}


def test_one_home_where_there_is_one_and_a_second_when_there_is() -> None:
    alone = place([NEED], homes(home("a")), [], NOTHING)
    assert where(alone) == {3: ("a", HIGH)}
    both = place([NEED], homes(home("a"), home("b")), alone, NOTHING)
    assert both == PAIR


def test_a_router_that_is_not_ha_has_one() -> None:
    placed = place([replace(NEED, instances=1)], homes(home("a"), home("b")), [], NOTHING)
    assert where(placed) == {3: ("a", HIGH)}


def test_other_zones_go_before_smaller_loads() -> None:
    loaded = [placement(3, "b", HIGH, "s")]
    two = [NEED, Need("s", 8, "physnet1", instances=1)]
    placed = place(two, homes(home("a", "x"), home("b", "y"), home("c", "x")), loaded, NOTHING)
    assert {p.host for p in placed if p.function_id == "r"} == {"a", "b"}


def test_hints_are_respected_even_if_nothing_fits() -> None:
    need = replace(NEED, zones=frozenset({"y"}))
    assert where(place([need], homes(home("a", "x"), home("b", "y")), [], NOTHING)) == {
        3: ("b", HIGH)
    }
    assert place([need], homes(home("a", "x")), [], NOTHING) == []


def test_nobody_without_the_physical_network_gets_one() -> None:
    assert place([replace(NEED, physical_network="other")], homes(home("a")), [], NOTHING) == []


def test_what_is_no_router_with_a_gateway_any_more_has_no_placement() -> None:
    assert place([], homes(home("a"), home("b")), PAIR, NOTHING) == []


def test_a_lost_host_is_replaced_and_whoever_is_left_is_ahead() -> None:
    there = homes(home("a", there=False), home("b"), home("c"))
    placed = place([NEED], there, PAIR, said(b="active", c=""))
    assert where(placed) == {3: ("c", LOW), 4: ("b", HIGH)}


def test_a_removed_host_is_replaced() -> None:
    placed = place([NEED], homes(home("b"), home("c")), PAIR, said(b="active"))
    assert where(placed) == {3: ("c", LOW), 4: ("b", HIGH)}


def test_an_instance_too_many_is_taken_down_the_active_one_stays() -> None:
    need, there = replace(NEED, instances=1), homes(home("a"), home("b"))
    going = place([need], there, PAIR, said(a="ready", b="active"))
    assert leaving(going) == {3}
    assert where(place([need], there, going, said(a="", b="active"))) == {4: ("b", HIGH)}


def test_what_was_on_a_removed_host_is_gone_where_there_is_no_other() -> None:
    assert where(place([NEED], homes(home("b")), PAIR, said(b="active"))) == {4: ("b", HIGH)}


def test_nothing_is_moved_where_there_is_nowhere_else() -> None:
    there = homes(home("a", there=False), home("b"))
    assert place([NEED], there, PAIR, said(b="active")) == PAIR


@pytest.mark.parametrize("peer", ["ready", "active"])
def test_a_silent_agent_on_a_host_that_is_heard_moves_nothing(peer: str) -> None:
    """Its gateway works, active or standing by. A second instance 3 would be in its way."""
    there = homes(home("a", there=False, heard=True), home("b"), home("c"))
    assert place([NEED], there, PAIR, said(b=peer, c="")) == PAIR


def test_a_host_without_its_uplink_is_replaced_once_it_is_not_active() -> None:
    there = homes(home("a", there=False, heard=True), home("b"), home("c"))
    assert place([NEED], there, PAIR, said(a="active", b="ready")) == PAIR
    gone = place([NEED], there, PAIR, said(a="", b="active"))
    assert leaving(gone) == {3}
    assert where(place([NEED], there, gone, said(a="", b="active")))[3] == ("c", LOW)


def test_reports_that_are_older_than_a_placement_say_nothing_of_it() -> None:
    there = homes(home("a", up=False), home("b"), home("c"))
    new = [replace(p, revision=10) for p in PAIR]
    assert place([NEED], there, new, said(a="active", b="ready")) == new


def leaving(placements: list[Placement]) -> set[int]:
    return {placement.instance for placement in placements if placement.leaving}


def test_draining_takes_a_standby_down_before_it_is_somewhere_else() -> None:
    """Else it would not hear any more that its peer is active."""
    there = homes(home("a"), home("b", up=False), home("c"))
    going = place([NEED], there, PAIR, said(a="active", b="ready"))
    assert where(going) == where(PAIR)
    assert leaving(going) == {4}
    assert place([NEED], there, going, said(a="active", b="ready")) == going
    placed = place([NEED], there, going, said(a="active", b=""))
    assert where(placed) == {3: ("a", HIGH), 4: ("c", LOW)}
    assert placed[1].came_from == "b"
    assert not leaving(placed)


def test_one_that_is_leaving_when_its_host_dies_has_left() -> None:
    going = [PAIR[0], replace(PAIR[1], leaving=True)]
    there = homes(home("a"), home("b", up=False, there=False), home("c"))
    assert where(place([NEED], there, going, said(a="active")))[4] == ("c", LOW)
    heard = homes(home("a"), home("b", up=False, there=False, heard=True), home("c"))
    assert place([NEED], heard, going, said(a="active")) == going


def test_draining_has_the_peer_become_active_first() -> None:
    there = homes(home("a", up=False), home("b"), home("c"))
    asked = place([NEED], there, PAIR, said(a="active", b="ready"))
    assert where(asked) == {3: ("a", LOW), 4: ("b", MOVING)}
    assert asked[1].preempt
    assert place([NEED], there, asked, said(a="active", b="ready")) == asked
    going = place([NEED], there, asked, said(a="ready", b="active"))
    assert where(going) == {3: ("a", LOW), 4: ("b", HIGH)}
    assert leaving(going) == {3}
    done = place([NEED], there, going, said(a="", b="active"))
    assert where(done) == {3: ("c", LOW), 4: ("b", HIGH)}
    assert not done[1].preempt


def test_draining_waits_for_a_peer_that_is_not_ready() -> None:
    there = homes(home("a", up=False), home("b"), home("c"))
    assert place([NEED], there, PAIR, said(a="active", b="")) == PAIR


def test_draining_stops_where_the_agent_is_silent() -> None:
    """Nobody would take the instance away that is no longer wanted."""
    there = homes(home("a", up=False), home("b"), home("c"))
    assert place([NEED], there, PAIR, said(b="ready", c="")) == PAIR


def test_draining_leaves_the_last_one_where_it_is() -> None:
    alone = [placement(3, "a", HIGH)]
    assert place([NEED], homes(home("a", up=False)), alone, said(a="active")) == alone


def test_draining_one_of_two_hosts_leaves_one_instance() -> None:
    there = homes(home("a"), home("b", up=False))
    going = place([NEED], there, PAIR, said(a="active", b="ready"))
    assert leaving(going) == {4}
    assert where(place([NEED], there, going, said(a="active", b=""))) == {3: ("a", HIGH)}


def test_draining_a_router_that_is_not_ha_makes_a_second_one_for_the_while() -> None:
    need, alone = replace(NEED, instances=1), [placement(3, "a", HIGH)]
    there = homes(home("a", up=False), home("b"))
    second = place([need], there, alone, said(a="active", b=""))
    assert where(second) == {3: ("a", HIGH), 4: ("b", LOW)}
    asked = place([need], there, second, said(a="active", b="ready"))
    assert asked[1].preempt
    going = place([need], there, asked, said(a="ready", b="active"))
    assert leaving(going) == {3}
    assert where(place([need], there, going, said(a="", b="active"))) == {4: ("b", HIGH)}


def test_a_router_that_is_switched_off_has_nothing_to_lose() -> None:
    there = homes(home("a", up=False), home("b"), home("c"))
    assert where(place([replace(NEED, carries=False)], there, PAIR, NOTHING))[3][0] == "c"


def test_draining_goes_one_at_a_time() -> None:
    need = Need("s", 8, "physnet1")
    pairs = [*PAIR, placement(3, "a", LOW, "s"), placement(4, "b", HIGH, "s")]
    both = frozenset({7, 8})
    reports = {"a": Report(9, both, both), "b": Report(9, frozenset(), both)}
    there = homes(home("a"), home("b", up=False), home("c"))
    going = place([NEED, need], there, pairs, Said(reports))
    assert [p.leaving for p in going] == [False, True, False, False]
    reports["b"] = Report(9, frozenset({8}), frozenset({8}))
    first = place([NEED, need], there, going, Said(reports))
    assert [p.host for p in first] == ["a", "c", "a", "b"]
    assert place([NEED, need], there, first, Said(reports)) == first
    reports["c"] = Report(9, frozenset(), frozenset({7}))
    reports["a"] = Report(9, frozenset({7, 8}), both)
    reports["b"] = Report(9, frozenset(), frozenset({8}))
    second = place([NEED, need], there, first, Said(reports))
    assert [p.leaving for p in second] == [False, False, False, True]


def test_a_moves_end_is_that_it_is_done_even_if_the_host_is_wanted_again() -> None:
    there = homes(home("a"), home("b"))
    asked = [PAIR[0], replace(PAIR[1], priority=MOVING, preempt=True)]
    assert place([NEED], there, asked, said(a="active", b="ready")) == asked
    done = place([NEED], there, asked, said(a="ready", b="active"))
    assert where(done) == {3: ("a", LOW), 4: ("b", HIGH)}


def test_routers_with_a_way_out_need_gateways() -> None:
    outside = Network(
        id="E", vni=1, mtu=1450, external=True, network_type="flat", physical_network="physnet1"
    )
    nowhere = Network(id="V", vni=2, mtu=1450, external=True)
    made = [
        Router(id="1", vni=3, external_network_id="E", gateway_port_id="P"),
        Router(id="2", vni=4, external_network_id="V", gateway_port_id="Q"),
        Router(id="3", vni=5),
        Router(
            id="4",
            vni=6,
            external_network_id="E",
            gateway_port_id="S",
            ha=False,
            admin_state_up=False,
            availability_zone_hints=("x",),
        ),
    ]
    assert needs(Snapshot.of([outside, nowhere, *made], 1)) == [
        Need("1", 3, "physnet1"),
        Need("4", 6, "physnet1", frozenset({"x"}), 1, False),
    ]


def test_a_failover_that_is_asked_for_waits_for_a_standby_that_can() -> None:
    asked = replace(NEED, wish=1)
    two = homes(home("a"), home("b"))
    assert place([asked], two, PAIR, said(a="active", b="")) == PAIR
    first, second = place([asked], two, PAIR, said(a="active", b="ready"))
    assert (first.priority, first.preempt, first.wish) == (LOW, False, 1)
    assert (second.priority, second.preempt, second.wish) == (MOVING, True, 1)
    under_way = [replace(p, revision=5) for p in (first, second)]
    assert place([asked], two, under_way, said(a="active", b="ready")) == under_way
    arrived = place([asked], two, under_way, said(a="ready", b="active"))
    assert where(arrived) == {3: ("a", LOW), 4: ("b", HIGH)}


def test_instances_made_after_a_failover_do_not_begin_another() -> None:
    asked = replace(NEED, wish=3)
    placed = place([asked], homes(home("a"), home("b")), [], NOTHING)
    assert [p.wish for p in placed] == [3, 3]


def test_load_balancers_need_any_two_hosts() -> None:
    plain = LoadBalancer(id="1", vni=3, vip_address="", vip_network_id="N", vip_port_id="")
    snapshot = Snapshot()
    for balancer in (
        replace(plain, wish=2),
        replace(plain, id="2", vni=4, topology="SINGLE", compute_zone="x"),
        replace(plain, id="3", vni=5, provider="switch"),
    ):
        snapshot = snapshot.put(balancer)
    assert needs(snapshot) == [
        Need("1", 3, ANYWHERE, wish=2),
        Need("2", 4, ANYWHERE, frozenset({"x"}), 1),
        Need("3", 5, ANYWHERE),
    ]
