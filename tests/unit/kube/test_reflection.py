"""What a reflection asks next, and what it says has changed."""

import pytest

from polpo.kube.backoff import Backoff
from polpo.kube.objects import ListMeta, Meta, Namespace, Page
from polpo.kube.reflection import Change, Event, List, Reflection, Watch


def item(name: str, revision: int) -> Namespace:
    return Namespace(Meta(name=name, resource_version=str(revision)))


def page(revision: int, *items: Namespace, more: str = "") -> Page[Namespace]:
    return Page(ListMeta(resource_version=str(revision), continue_=more), items)


@pytest.fixture
def reflection() -> Reflection[Namespace]:
    return Reflection(Backoff(first_s=1.0, longest_s=8.0, seed=1), page=2)


@pytest.fixture
def watching(reflection: Reflection[Namespace]) -> Reflection[Namespace]:
    """Knows a and b, as of revision 10."""
    reflection.page(page(10, item("a", 3), item("b", 4)))
    return reflection


def names(changes: list[Change[Namespace]]) -> list[tuple[str, bool]]:
    return [(change.key, change.object is not None) for change in changes]


def test_a_list_is_asked_for_in_pages_and_then_a_watch_from_its_revision(
    reflection: Reflection[Namespace],
) -> None:
    assert reflection.ask() == List("", 2)
    assert names(reflection.page(page(10, item("a", 3), item("b", 4), more="next"))) == [
        ("a", True),
        ("b", True),
    ]
    assert not reflection.synced
    assert reflection.ask() == List("next", 2)
    reflection.page(page(10, item("c", 5)))
    assert reflection.synced
    assert reflection.ask() == Watch("10")


def test_an_empty_list_is_a_whole_one(reflection: Reflection[Namespace]) -> None:
    assert reflection.page(Page(ListMeta(resource_version="7"), None)) == []
    assert reflection.synced
    assert reflection.ask() == Watch("7")


def test_a_watch_brings_what_is_new_changed_and_gone(watching: Reflection[Namespace]) -> None:
    changes = watching.events(
        [
            Event("ADDED", item("c", 11)),
            Event("MODIFIED", item("a", 12)),
            Event("DELETED", item("b", 13)),
        ]
    )
    assert names(changes) == [("c", True), ("a", True), ("b", False)]
    assert watching.ask() == Watch("13")


def test_a_bookmark_is_only_a_revision(watching: Reflection[Namespace]) -> None:
    assert watching.events([Event("BOOKMARK", item("", 99))]) == []
    assert watching.ask() == Watch("99")


def test_what_is_known_is_not_said_again(watching: Reflection[Namespace]) -> None:
    assert watching.events([Event("ADDED", item("a", 3)), Event("DELETED", item("x", 11))]) == []


def test_a_revision_that_is_forgotten_has_it_list_anew_and_say_the_difference(
    watching: Reflection[Namespace],
) -> None:
    assert watching.failed(410) == 0
    assert watching.ask() == List("", 2)
    assert watching.synced
    assert names(watching.page(page(50, item("a", 3), item("d", 49)))) == [
        ("d", True),
        ("b", False),
    ]
    assert watching.known == {"a": "3", "d": "49"}


def test_an_api_that_is_away_takes_nothing_away(watching: Reflection[Namespace]) -> None:
    for _ in range(5):
        assert watching.failed(0) > 0
    assert watching.ask() == Watch("10")
    assert set(watching.known) == {"a", "b"}


def test_a_list_that_broke_off_begins_from_the_start(watching: Reflection[Namespace]) -> None:
    watching.failed(410)
    watching.page(page(50, item("a", 3), more="next"))
    watching.failed(0)
    assert watching.ask() == List("", 2)
    assert names(watching.page(page(51, item("b", 4)))) == [("a", False)]


def test_a_list_that_takes_longer_than_the_server_remembers_is_asked_for_whole(
    reflection: Reflection[Namespace],
) -> None:
    reflection.page(page(10, item("a", 3), more="next"))
    assert reflection.failed(410) == 0
    assert reflection.ask() == List("", 0)
    reflection.page(page(20, item("a", 3), item("b", 12)))
    reflection.failed(410)
    assert reflection.ask() == List("", 2)


def test_waits_grow_and_end_and_begin_small_again(watching: Reflection[Namespace]) -> None:
    waits = [watching.failed(0) for _ in range(6)]
    for wait, whole in zip(waits, (1, 2, 4, 8, 8, 8), strict=True):
        assert whole / 2 <= wait <= whole
    watching.events([Event("BOOKMARK", item("", 11))])
    assert watching.failed(0) <= 1


def test_a_server_that_asks_for_patience_gets_it(watching: Reflection[Namespace]) -> None:
    assert watching.failed(429, retry_after_s=20.0) == 20


def test_a_watch_that_ends_at_once_and_says_nothing_is_not_repeated_at_once(
    watching: Reflection[Namespace],
) -> None:
    assert watching.ended(0.1, events=0) > 0
    assert watching.ended(0.1, events=1) == 0
    assert watching.ended(300.0, events=0) == 0
    assert watching.ask() == Watch("10")


def test_a_watch_that_is_answered_with_an_error_has_it_list_anew(
    watching: Reflection[Namespace],
) -> None:
    assert watching.failed(500) > 0
    assert watching.ask() == List("", 2)
