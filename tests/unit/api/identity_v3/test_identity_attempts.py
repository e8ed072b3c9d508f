"""Wrong passwords are counted by account and source, within a window, in bounded memory."""

import pytest

from polpo.api.identity_v3.attempts import LIMIT, REMEMBERED, WINDOW_S, Attempts
from polpo.api.identity_v3.errors import TooManyAttempts


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def exhausted(clock: Clock) -> Attempts:
    attempts = Attempts(clock)
    for _ in range(LIMIT):
        attempts.check("mia", "10.0.0.1")
        attempts.failed("mia", "10.0.0.1")
    return attempts


def test_after_the_limit_the_pair_is_refused_and_told_when_to_return() -> None:
    attempts = exhausted(Clock())
    with pytest.raises(TooManyAttempts) as refusal:
        attempts.check("mia", "10.0.0.1")
    assert refusal.value.headers == {"Retry-After": str(int(WINDOW_S))}


def test_others_are_not_locked_out() -> None:
    attempts = exhausted(Clock())
    attempts.check("mia", "10.0.0.2")
    attempts.check("rea", "10.0.0.1")


def test_the_window_ends() -> None:
    clock = Clock()
    attempts = exhausted(clock)
    clock.now = WINDOW_S
    attempts.check("mia", "10.0.0.1")


def test_a_success_forgets_the_failures() -> None:
    attempts = Attempts(Clock())
    for _ in range(LIMIT * 2):
        attempts.failed("mia", "10.0.0.1")
        attempts.succeeded("mia", "10.0.0.1")
    attempts.check("mia", "10.0.0.1")


def test_memory_is_bounded() -> None:
    attempts = Attempts(Clock())
    for n in range(REMEMBERED + 5):
        attempts.failed(str(n), "")
    assert len(attempts._failures) == REMEMBERED
