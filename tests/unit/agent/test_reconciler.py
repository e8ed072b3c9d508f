"""Drift, failures and patience around any reconciler."""

from collections.abc import Mapping

from polpo.agent.drift import Drift
from polpo.agent.patience import Patience
from polpo.agent.reconciler import Failures, Step, one_by_one
from polpo.target.changes import Changes


class Shelf:
    """A kernel of things with a number; `refused` can't be put."""

    noun = "thing"

    def __init__(self) -> None:
        self.things: dict[str, int] = {}
        self.refused: set[str] = set()
        self.writes = 0

    def read_actual(self) -> Mapping[str, int]:
        return dict(self.things)

    def apply(self, changes: Changes[str, int]) -> Failures[str]:
        return one_by_one(changes, self._put, self.things.__delitem__)

    def _put(self, key: str, value: int) -> None:
        self.writes += 1
        if key in self.refused:
            raise OSError(16, "busy")
        self.things[key] = value


class Scene:
    def __init__(self) -> None:
        self.now = 0.0
        self.shelf, self.target = Shelf(), {"a": 1, "b": 2}
        self.drift, self.patience = Drift(), Patience(lambda: self.now)
        self.step = Step(self.shelf, lambda: self.target, self.drift, self.patience)

    def pass_(self) -> None:
        self.step.put()
        self.step.remove()


def test_actual_becomes_target_and_a_second_pass_writes_nothing() -> None:
    scene = Scene()
    scene.shelf.things = {"b": 2, "old": 9}
    scene.pass_()
    assert scene.shelf.things == scene.target
    assert scene.shelf.writes == 1
    scene.pass_()
    assert scene.shelf.writes == 1


def test_what_was_there_at_the_start_is_no_drift_and_no_target_change_is() -> None:
    scene = Scene()
    scene.shelf.things = {"old": 9, "a": 7}
    scene.pass_()
    scene.target = {"a": 5}
    scene.pass_()
    assert not scene.drift.repaired


def test_missing_altered_and_unexpected_things_are_drift() -> None:
    scene = Scene()
    scene.pass_()
    scene.shelf.things = {"a": 9, "c": 3}
    scene.pass_()
    assert scene.drift.repaired == {"thing": 3}
    assert scene.shelf.things == scene.target


def test_what_comes_and_what_goes_is_no_drift() -> None:
    """A new port's device is seen by later reconcilers as soon as an earlier one has made it."""
    scene = Scene()
    scene.pass_()
    scene.shelf.things |= {"c": 0}
    scene.target = {"a": 1, "c": 3}
    scene.shelf.things.pop("b")
    scene.pass_()
    assert not scene.drift.repaired
    assert scene.shelf.things == scene.target


def test_one_that_fails_does_not_stop_the_others_and_is_tried_ever_later() -> None:
    scene = Scene()
    scene.shelf.refused = {"a"}
    scene.pass_()
    assert scene.shelf.things == {"b": 2}
    assert scene.patience.error() == "thing a: busy"
    waits = []
    for _ in range(4):
        wait_s = scene.patience.next_s()
        assert wait_s is not None
        waits.append(wait_s)
        scene.now += wait_s + 0.001
        scene.pass_()
    assert waits == sorted(waits)
    assert not scene.drift.repaired
    writes = scene.shelf.writes
    scene.pass_()
    assert scene.shelf.writes == writes


def test_a_failure_ends_with_success_or_when_nobody_asks_any_more() -> None:
    scene = Scene()
    scene.shelf.refused = {"a", "b"}
    scene.pass_()
    scene.target = {"b": 2}
    scene.shelf.refused = set()
    scene.patience.hurry()
    scene.pass_()
    assert scene.patience.error() is None
    assert scene.patience.next_s() is None


def test_what_is_written_without_a_look_is_no_drift_and_tried_again_if_refused() -> None:
    scene = Scene()
    scene.pass_()
    scene.target = {"a": 1, "b": 2, "c": 3, "d": 4}
    scene.shelf.refused = {"d"}
    assert scene.step.put_one("c", 3)
    assert not scene.step.put_one("d", 4)
    scene.shelf.refused, scene.now = set(), 1.0
    scene.pass_()
    scene.target = {"b": 2, "c": 3, "d": 4}
    assert scene.step.remove_one("a")
    scene.pass_()
    assert scene.shelf.things == scene.target
    assert not scene.drift.repaired
