"""How often somebody may be wrong: a failed login is counted by account and source address.

The count is kept in memory, by each replica for itself, and is bounded. Counting by account
alone would let anybody lock out anybody; an account attacked from many addresses at once is
guarded by the cost of each attempt.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from polpo.api.identity_v3.errors import TooManyAttempts

LIMIT = 10
WINDOW_S = 60.0
"""After LIMIT failures the pair is refused until WINDOW_S after the first of them."""

REMEMBERED = 10_000
"""Pairs. One attempt costs about 20 ms of CPU, so nobody fills this within a window."""


class _Failures(msgspec.Struct):
    since: float
    count: int = 0


class Attempts:
    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures: OrderedDict[tuple[str, str], _Failures] = OrderedDict()

    def check(self, account: str, source: str) -> None:
        """Raises TooManyAttempts."""
        failures = self._current(account, source)
        if failures is not None and failures.count >= LIMIT:
            left_s = failures.since + WINDOW_S - self._clock()
            raise TooManyAttempts(max(1, round(left_s)))

    def failed(self, account: str, source: str) -> None:
        failures = self._current(account, source)
        if failures is None:
            failures = self._failures[account, source] = _Failures(since=self._clock())
        failures.count += 1
        if len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, account: str, source: str) -> None:
        self._failures.pop((account, source), None)

    def _current(self, account: str, source: str) -> _Failures | None:
        failures = self._failures.get((account, source))
        if failures is not None and self._clock() - failures.since >= WINDOW_S:
            del self._failures[account, source]
            return None
        return failures
