"""Whether one member lives, by the answers that it gives and does not give. Pure: no clock.

It is asked every `delay` seconds, and has failed once when it has not answered for `timeout`; of a
UDP port silence is a good answer, and a bad one is that it is refused. So many failures in a row
make it dead, so many answers in a row alive; before either it is as it was.
"""

import math

from polpo.model.load_balancer import HealthMonitor


class Pulse:
    """`alive`: None as long as nothing is known; `asked_at`: last. Seconds, of one clock."""

    def __init__(self, monitor: HealthMonitor) -> None:
        self.monitor = monitor
        self.alive: bool | None = None
        self.asked_at: float | None = None
        self._waits = False
        self._row = 0  # answers in a row; failures, if negative

    def due(self, now: float) -> bool:
        """To be asked."""
        at = self.asked_at
        return not self._waits and (at is None or now - at >= self.monitor.delay)

    @property
    def since(self) -> float:
        """Of when it was asked last; who never was has waited for ever."""
        return -math.inf if self.asked_at is None else self.asked_at

    def asked(self, now: float) -> None:
        self.asked_at, self._waits = now, True

    def answered(self) -> None:
        """Late answers count for nothing."""
        if self._waits:
            self._note(max(self._row, 0) + 1)

    def refused(self) -> None:
        if self._waits:
            self._note(min(self._row, 0) - 1)

    def look(self, now: float) -> None:
        """Nothing has come in time."""
        if self._waits and now - (self.asked_at or 0.0) >= self.monitor.timeout:
            if self.monitor.type == "UDP-CONNECT":
                self.answered()
            else:
                self.refused()

    def _note(self, row: int) -> None:
        self._waits, self._row = False, row
        if row >= self.monitor.max_retries:
            self.alive = True
        elif -row >= self.monitor.max_retries_down:
            self.alive = False
