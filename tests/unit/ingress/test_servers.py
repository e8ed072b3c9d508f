"""Endpoints in a backend's slots."""

from polpo.ingress.proxy.servers import Endpoint, Servers, commands, place

A, B, C, D = (Endpoint(f"10.0.0.{n}", 80) for n in range(1, 5))


def test_there_is_always_a_slot_to_spare_when_slots_are_made() -> None:
    assert place(None, ()) == Servers((None, None))
    assert place(None, (A,)) == Servers((A, None))
    assert place(None, (A, B)) == Servers((A, B, None, None))


def test_who_stays_keeps_its_slot_and_who_comes_takes_one_that_was_free_before() -> None:
    before = Servers((A, B, None, None))
    after = place(before, (B, C))
    assert after == Servers((None, B, C, None))
    assert list(commands("x", before, after) or ()) == [
        "set server x/s3 addr 10.0.0.3 port 80",
        "set server x/s3 state ready",
        "set server x/s1 state maint",
    ]


def test_a_slot_that_is_given_up_is_taken_last() -> None:
    assert place(Servers((A, B)), (B, C)) == Servers((C, B))
    assert place(Servers((A, None)), (C,)) == Servers((None, C))


def test_more_endpoints_than_slots_need_a_reload() -> None:
    before = Servers((A, B))
    after = place(before, (A, B, C))
    assert after.slots == (A, B, C, None)
    assert commands("x", before, after) is None


def test_slots_are_never_fewer_than_they_were() -> None:
    before = place(None, (A, B, C, D))
    assert len(place(before, (A,)).slots) == len(before.slots) == 8
