"""The loop: target, actual, changes; again when the target or the kernel moves, and by a timer.

One thread and no locks: a pass is a plain function that runs between two events. Waking is all
that events do; what is true is read from the kernel each time.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Protocol

from polpo.agent.patience import Patience
from polpo.agent.target import Target
from polpo.runtime.clock import Clock, processor
from polpo.target.wire import Line

VERIFY_S = 5.0  # everything is looked at so often, event or none
BUSY = 0.004  # the share of a core that looking may take by the timer; slower hosts look less often
EVENTS_BUSY = 0.4  # the same for events, which others can cause as fast as they like


class Pass(Protocol):
    """One reconciler's part in a pass (see reconciler.Step)."""

    @property
    def noun(self) -> str: ...

    def put(self) -> None: ...

    def remove(self) -> None: ...


class Rows(Protocol):
    """What can be brought up to date by the changed rows alone."""

    def hear(self, batch: list[Line]) -> bool: ...

    def write(self) -> None: ...


class World(Protocol):
    """What surrounds a pass: which ports are wired, and what is to be forgotten after."""

    def look(self) -> None: ...

    def tidy(self) -> None: ...


class Loop:
    """`reached` is the last revision that is wholly in the kernel."""

    def __init__(
        self,
        target: Target,
        world: World,
        rows: Rows,
        steps: Sequence[Pass],
        patience: Patience,
        clock: Clock,
    ) -> None:
        self._target, self._world, self._rows = target, world, rows
        self._steps, self._patience, self._clock = steps, patience, clock
        self._woken, self._hurried = asyncio.Event(), asyncio.Event()
        self._waiters: set[asyncio.Future[None]] = set()
        self.reached = 0
        self.last_s = self._cost_s = 0.0  # of the last pass: by the clock, and of a core
        self.passes = 0
        self.after: list[Callable[[], None]] = []  # called when something has been written,
        self.after_pass: list[Callable[[], None]] = []  # and when all has been looked at

    def wake(self) -> None:
        """Look again, soon."""
        self._woken.set()

    def hurry(self) -> None:
        """Somebody on this host waits for it: look now, without a rest."""
        self._hurried.set()
        self.wake()

    def moved(self, batch: list[Line]) -> None:
        """The target has moved. If only rows of tables did, they are written here and now."""
        more = self._rows.hear(batch)
        if more or self._target.concerns_ports(batch) or not self.passes or self.error():
            self.wake()
        else:
            self._rows.write()
            self._reach()

    async def run(self) -> None:
        while True:
            await self._wait()
            self._hurried.clear()
            if self._target.known:
                self.converge()
            await self._rest()

    def converge(self) -> None:
        """One pass over everything: put forward, remove backward."""
        self._woken.clear()
        began, cost = self._clock(), processor()
        self._world.look()
        for step in self._steps:
            self._try(step.noun, step.put)
        for step in reversed(self._steps):
            self._try(step.noun, step.remove)
        self._world.tidy()
        self.last_s, self._cost_s = self._clock() - began, processor() - cost
        self.passes += 1
        for tell in self.after_pass:
            tell()
        self._reach()

    def _try(self, noun: str, work: Callable[[], None]) -> None:
        """A reconciler that can't even read does not stop the others."""
        try:
            work()
        except OSError as e:
            self._patience.note(noun, work.__name__, e.strerror or str(e))
        else:
            self._patience.note(noun, work.__name__, None)

    def error(self) -> str | None:
        """What keeps the target from being reached, None if nothing does."""
        return self._patience.error()

    async def next_pass(self) -> None:
        """Returns when a pass has ended, or rows have been written."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)

    def _reach(self) -> None:
        if self._patience.error() is None:
            self.reached = self._target.revision
        for tell in self.after:
            tell()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _rest(self) -> None:
        """So that events, however many, take no more than their share of a core."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._cost_s / EVENTS_BUSY):
                await self._hurried.wait()

    async def _wait(self) -> None:
        """Until woken, or the timer, or something that failed is due again."""
        verify_s = max(VERIFY_S, self._cost_s / BUSY)
        due_s = self._patience.next_s()
        timeout_s = verify_s if due_s is None else min(verify_s, max(due_s, 0.05))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
