"""How fast a port may ask: who asks faster waits longer."""

from polpo.runtime.clock import Clock

EVERY_S, AT_ONCE = 0.02, 100  # 50 questions a second, a hundred without waiting


class Pace:
    """By the caller's interface. What is over is forgotten when it does not matter any more."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next: dict[int, float] = {}

    def delay_s(self, caller: int) -> float:
        """For one question more."""
        now = self._clock()
        self._next = {who: at for who, at in self._next.items() if at > now}
        at = self._next.get(caller, now) + EVERY_S
        self._next[caller] = at
        return max(0.0, at - now - AT_ONCE * EVERY_S)
