"""Rows of one kind follow the target's lines."""

from polpo.agent.target import Target
from polpo.target.rows import Endpoint, Network, Subnet
from polpo.target.wire import Line

ONE, TWO = Subnet("1", "10.0.0.0/24"), Subnet("2", "10.0.1.0/24")
OTHER = Endpoint("p", "02:00:00:00:00:01", "192.0.2.1")


def target(*lines: Line) -> Target:
    found = Target("a")
    for line in (*lines, Line(revision=1)):
        found.hear(line)
    return found


def test_rows_come_change_and_go() -> None:
    full = Line(slice="network/7", full=True, rows=(ONE, OTHER))
    assert list(target(full).subnets.of("network/7")) == [ONE]
    more = Line(slice="network/7", rows=(TWO,), gone=("subnet/1", "endpoint/p"))
    held = target(full, more)
    assert list(held.subnets.all()) == [TWO]
    assert (held.subnet(7, "2"), held.subnet(7, "1"), held.subnet(8, "2")) == (TWO, None, None)


def test_a_slice_that_begins_anew_or_is_dropped_has_no_older_rows() -> None:
    full = Line(slice="network/7", full=True, rows=(ONE,))
    assert not target(full, Line(slice="network/7", full=True)).subnets.all()
    assert not target(full, Line(slice="network/7", dropped=True)).subnets.all()


def test_networks_that_the_host_carries_no_more_go_when_the_feed_begins_anew() -> None:
    held = target(Line(slice="network/7", full=True, rows=(ONE,)))
    held.hear(Line(slice="host/a", full=True, rows=(Network(8, 1450),)))
    held.hear(Line(revision=2))
    assert not held.subnets.all()


def test_ports_are_concerned_by_their_subnets() -> None:
    held = Target("a")
    assert held.concerns_ports([Line(slice="network/7", rows=(ONE,))])
    assert held.concerns_ports([Line(slice="network/7", gone=("subnet/1",))])
    assert held.concerns_ports([Line(slice="host/a")])
    assert not held.concerns_ports([Line(slice="network/7", rows=(OTHER,), gone=("endpoint/q",))])
