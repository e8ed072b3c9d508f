"""Failures: what failed, why, and when to try it again. Backs off; other keys are not delayed."""

import random
from collections.abc import Collection
from typing import NamedTuple

import structlog

from polpo.runtime.clock import Clock

FIRST_S, LAST_S = 0.2, 30.0
WAITING_S = 0.05


class Waiting(str):
    """A reason that is none to worry: it is under way, and looked at again at once."""

    __slots__ = ()


class _Failure(NamedTuple):
    reason: str
    wait_s: float
    due_s: float


class Patience:
    """(noun, key) -> its failure, as long as it lasts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[tuple[str, object], _Failure] = {}
        self._log = structlog.get_logger("polpo.agent")

    def due(self, noun: str, key: object) -> bool:
        failure = self._failures.get((noun, key))
        return failure is None or failure.due_s <= self._clock()

    def failed(self, noun: str, key: object) -> bool:
        return (noun, key) in self._failures

    def failure(self, noun: str, key: object) -> str | None:
        """Why it fails; None if it does not, or is only under way."""
        failure = self._failures.get((noun, key))
        if failure is None or isinstance(failure.reason, Waiting):
            return None
        return failure.reason

    def any_of(self, noun: str) -> bool:
        return any(key[0] == noun for key in self._failures)

    def note(self, noun: str, key: object, reason: str | None) -> None:
        """The outcome of an attempt; `reason` None means success."""
        before = self._failures.pop((noun, key), None)
        if reason is None:
            return
        if isinstance(reason, Waiting):
            self._failures[noun, key] = _Failure(reason, FIRST_S / 2, self._clock() + WAITING_S)
            return
        if before is None or before.reason != reason:
            self._log.error("cannot be applied", kind=noun, key=str(key), reason=reason)
        wait_s = min(LAST_S, 2 * before.wait_s if before else FIRST_S)
        due_s = self._clock() + wait_s * random.uniform(0.8, 1.2)
        self._failures[noun, key] = _Failure(reason, wait_s, due_s)

    def keep_only(self, noun: str, keys: Collection[object]) -> None:
        """Forget failures of keys that need nothing any more."""
        gone = [k for k in self._failures if k[0] == noun and k[1] not in keys]
        for key in gone:
            del self._failures[key]

    def hurry(self) -> None:
        """The world has changed: everything may be tried at once."""
        self._failures = {k: v._replace(due_s=0.0) for k, v in self._failures.items()}

    def next_s(self) -> float | None:
        """Seconds until the next attempt is due; None if nothing has failed."""
        if not self._failures:
            return None
        return max(0.0, min(f.due_s for f in self._failures.values()) - self._clock())

    def error(self) -> str | None:
        """One line for the status: the first failure, and how many there are."""
        if not self._failures:
            return None
        (noun, key), failure = next(iter(self._failures.items()))
        more = f" (and {len(self._failures) - 1} more)" if len(self._failures) > 1 else ""
        return f"{noun} {key}: {failure.reason}{more}"
