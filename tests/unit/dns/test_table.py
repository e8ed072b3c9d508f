"""The table of answers: bounded, and without what has changed."""

from polpo.dns.server.table import FOREVER, Kept, Table, Terms


def kept(*about: bytes, ends: float = FOREVER) -> Kept:
    return b"answer", 0, Terms(ends) if ends < FOREVER else None, about


def test_what_is_about_a_name_is_dropped_when_it_changes() -> None:
    table = Table(10)
    for key in (b"1", b"2", b"3"):
        table.keep(key, kept(b"name", b"other" + key))
    table.forget([b"other2"])
    assert [table.find(key, 0) is not None for key in (b"1", b"2", b"3")] == [True, False, True]
    table.forget([b"name"])
    assert len(table) == 0


def test_what_is_asked_for_stays_and_the_rest_makes_room() -> None:
    table = Table(10)
    table.keep(b"often", kept(b"name"))
    for number in range(100):
        table.keep(b"%d" % number, kept(b"n%d" % number))
        assert table.find(b"often", 0)
        assert len(table) <= 20
    table.forget([b"name"])
    assert table.find(b"often", 0) is None


def test_what_is_kept_again_and_again_takes_no_more_room() -> None:
    table = Table(10)
    for _ in range(1000):
        for key in (b"1", b"2"):
            table.keep(key, kept(b"name", ends=1))
    assert table._young_about == {b"name": {b"1", b"2"}}


def test_what_has_ended_is_not_there() -> None:
    table = Table(10)
    table.keep(b"1", kept(ends=5))
    assert table.find(b"1", 4)
    assert table.find(b"1", 5) is None
