"""How long to wait after a failure: longer each time, and never all at once."""

from __future__ import annotations

import random

FIRST_S, LONGEST_S, FACTOR = 0.5, 30.0, 2.0


class Backoff:
    """Half of each wait is by chance: clients that failed together do not come back together."""

    def __init__(
        self, first_s: float = FIRST_S, longest_s: float = LONGEST_S, seed: int | None = None
    ) -> None:
        self._first_s, self._longest_s = first_s, longest_s
        self._next_s = first_s
        self._random = random.Random(seed)

    def wait_s(self) -> float:
        """For this failure; the next will be longer."""
        whole, self._next_s = self._next_s, min(self._next_s * FACTOR, self._longest_s)
        return whole * (0.5 + self._random.random() / 2)

    def reset(self) -> None:
        """It works again."""
        self._next_s = self._first_s
