"""Statuses as a table: what hosts say on the left, what Octavia's clients read on the right."""

import pytest

from polpo.api.context import Carrying, Instance
from polpo.api.loadbalancer_v2 import statuses
from polpo.model.load_balancer import HealthMonitor, Listener, LoadBalancer, Member, Part, Pool
from polpo.model.object import Object
from polpo.model.snapshot import Snapshot

LB = LoadBalancer(
    id="lb", vni=1, vip_address="10.0.0.5", vip_network_id="N", vip_port_id="V", wiring=7
)
LISTENER = Listener(
    id="l", load_balancer_id="lb", protocol="HTTP", protocol_port=80, default_pool_id="p"
)
POOL = Pool(id="p", load_balancer_id="lb", protocol="HTTP", lb_algorithm="ROUND_ROBIN")
MONITOR = HealthMonitor(
    id="h", load_balancer_id="lb", pool_id="p", type="TCP", delay=1, timeout=1, max_retries=1
)


def member(id: str, on: bool = True) -> Member:
    return Member(
        id=id,
        load_balancer_id="lb",
        pool_id="p",
        address=f"10.0.0.{id}",
        protocol_port=80,
        admin_state_up=on,
    )


BOTH = {"i3": Instance("a", "192.0.2.1", "MASTER"), "i4": Instance("b", "192.0.2.2", "BACKUP")}


def of(*objects: Object) -> Snapshot:
    return Snapshot.of((LB, LISTENER, POOL, *objects), 9)


def placed(**members: str) -> Carrying:
    return Carrying(reached=9, instances=BOTH, members={k[1:]: v for k, v in members.items()})


def operating(carrying: Carrying, *objects: Object) -> tuple[str, ...]:
    """Of the load balancer, its listener, its pool and its members."""
    snapshot = of(*objects)
    members = (obj for obj in objects if isinstance(obj, Member))
    subjects: tuple[LoadBalancer | Part, ...] = (LB, LISTENER, POOL, *members)
    return tuple(statuses.operating(snapshot, carrying, subject) for subject in subjects)


@pytest.mark.parametrize(
    ("carrying", "provisioning"),
    [
        (Carrying(), "PENDING_CREATE"),
        (Carrying(reached=6), "PENDING_UPDATE"),
        (Carrying(reached=7), "ACTIVE"),
        (Carrying(reached=8), "ACTIVE"),
        (Carrying(reached=7, error="HAProxy does not begin"), "ERROR"),
        (Carrying(reached=6, error="HAProxy does not begin"), "ERROR"),
    ],
)
def test_a_load_balancer_is_active_when_hosts_have_reached_its_tree(
    carrying: Carrying, provisioning: str
) -> None:
    assert statuses.of_balancer(carrying, LB) == provisioning


@pytest.mark.parametrize(
    ("number", "revision", "provisioning"),
    [(0, 8, "PENDING_CREATE"), (1, 8, "PENDING_UPDATE"), (0, 7, "ACTIVE"), (5, 6, "ACTIVE")],
)
def test_a_part_is_active_when_hosts_have_reached_it(
    number: int, revision: int, provisioning: str
) -> None:
    part = member("1")
    assert statuses.provisioning(Carrying(reached=7), revision, number == 0) == provisioning
    assert part.revision_number == 0


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ({}, ("ONLINE", "ONLINE", "ONLINE")),
        ({"m1": "UP"}, ("ONLINE", "ONLINE", "ONLINE", "ONLINE")),
        ({"m1": "NO_CHECK"}, ("ONLINE", "ONLINE", "ONLINE", "NO_MONITOR")),
        ({"m1": "DRAIN"}, ("ONLINE", "ONLINE", "ONLINE", "DRAINING")),
        ({"m1": "MAINT"}, ("ONLINE", "ONLINE", "ONLINE", "OFFLINE")),
        ({"m1": "DOWN"}, ("ERROR", "ONLINE", "ERROR", "ERROR")),
        (
            {"m1": "UP", "m2": "DOWN"},
            ("DEGRADED", "ONLINE", "DEGRADED", "ONLINE", "ERROR"),
        ),
    ],
)
def test_what_works_is_told_from_the_members_up(
    seen: dict[str, str], found: tuple[str, ...]
) -> None:
    members = (member(id[1:]) for id in seen)
    assert operating(placed(**seen), *members) == found


def test_nothing_works_before_a_host_has_it() -> None:
    assert operating(Carrying(), member("1")) == ("OFFLINE", "OFFLINE", "OFFLINE", "NO_MONITOR")
    found = operating(Carrying(), member("1"), MONITOR)
    assert found == ("OFFLINE", "OFFLINE", "OFFLINE", "OFFLINE")


def test_what_is_switched_off_is_offline_and_harms_nobody() -> None:
    found = operating(placed(m1="UP", m2="DOWN"), member("1"), member("2", on=False))
    assert found == ("ONLINE", "ONLINE", "ONLINE", "ONLINE", "OFFLINE")


def test_a_load_balancer_with_too_few_instances_is_degraded() -> None:
    for lost in ({}, {"i3": BOTH["i3"]}, {**BOTH, "i4": Instance("b", "192.0.2.2")}):
        assert operating(Carrying(reached=9, instances=lost))[0] == "DEGRADED"


def test_an_error_is_one_of_the_load_balancer_and_its_listeners() -> None:
    carrying = Carrying(reached=9, instances=BOTH, error="no")
    assert operating(carrying)[:2] == ("ERROR", "ERROR")


def test_a_pool_that_nothing_leads_to_is_offline_and_harms_nobody() -> None:
    alone = Pool(id="q", load_balancer_id="lb", protocol="TCP", lb_algorithm="ROUND_ROBIN")
    dead = Member(id="9", load_balancer_id="lb", pool_id="q", address="10.0.0.9", protocol_port=1)
    snapshot, carrying = of(alone, dead), placed(m9="DOWN")
    assert statuses.operating(snapshot, carrying, alone) == "OFFLINE"
    assert statuses.operating(snapshot, carrying, LB) == "ONLINE"
