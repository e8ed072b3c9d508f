"""Batches count when their revision has come; networks no longer carried are dropped."""

from polpo.agent.target import Target
from polpo.target.rows import Endpoint, Interface, Network, Routing
from polpo.target.wire import Line

ROW = Endpoint("p1", "02:00:00:00:00:01", "192.0.2.1")


def test_nothing_counts_before_the_revision() -> None:
    target = Target("h")
    assert target.hear(Line(slice="network/7", full=True, rows=(ROW,))) is None
    assert (target.slices, target.known) == ({}, False)
    assert target.hear(Line(revision=3)) is not None
    assert (target.revision, target.known) == (3, True)
    assert target.slices == {"network/7": {"endpoint/p1": ROW}}


def test_a_cut_stream_leaves_no_half_of_a_batch() -> None:
    target = Target("h")
    target.hear(Line(slice="network/7", rows=(ROW,)))
    target.forget_half_said()
    target.hear(Line(revision=1))
    assert target.slices == {}


def test_a_feed_that_begins_anew_leaves_no_stale_network() -> None:
    target = Target("h")
    target.hear(Line(slice="host/h", full=True, rows=(Network(7, 1400), Network(8, 1400))))
    for vni in (7, 8):
        target.hear(Line(slice=f"network/{vni}", full=True, rows=(ROW,)))
    target.hear(Line(revision=1))
    target.hear(Line(slice="host/h", full=True, rows=(Network(8, 1400),)))
    batch = target.hear(Line(revision=2))
    assert set(target.slices) == {"host/h", "network/8"}
    assert batch is not None
    assert Line(slice="network/7", dropped=True) in batch


def test_routers_are_known_by_the_hosts_own_rows_as_networks_are() -> None:
    target = Target("h")
    interface = Interface("i", 7, "02:00:00:00:00:01", 1400, ("10.0.0.1/24",))
    carried = (Network(7, 1400, 9), Network(9, 1400, 9), Routing(9))
    target.hear(Line(slice="host/h", full=True, rows=carried))
    for name in ("network/7", "network/9", "router/9", "router/8"):
        target.hear(Line(slice=name, full=True, rows=(interface,)))
    batch = target.hear(Line(revision=1))
    assert set(target.slices) == {"host/h", "network/7", "network/9", "router/9"}
    target.hear(Line(slice="host/h", full=True, rows=(Network(7, 1400),)))
    batch = target.hear(Line(revision=2))
    assert set(target.slices) == {"host/h", "network/7"}
    assert batch is not None
    assert Line(slice="router/9", dropped=True) in batch
    assert not target.interfaces.of("router/9")


def test_a_heartbeat_is_an_empty_batch() -> None:
    target = Target("h")
    target.hear(Line(revision=1))
    assert target.hear(Line(revision=1)) == []
