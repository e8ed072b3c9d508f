"""Batches count when their revision has come; networks no longer carried are dropped."""

from polpo.agent.target import Target
from polpo.target.rows import Endpoint, Network
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


def test_a_heartbeat_is_an_empty_batch() -> None:
    target = Target("h")
    target.hear(Line(revision=1))
    assert target.hear(Line(revision=1)) == []
