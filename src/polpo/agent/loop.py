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
SETTLE_S = 0.05  # after errands, until all is looked at
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
        self._ran_errands = False
        self._waiters: set[asyncio.Future[None]] = set()
        self.reached = 0
        self.behind = True  # rows of the target may not be written yet,
        self._owes_pass = True  # or more than rows: the target is not reached before a pass
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
        """The target has moved. Rows of tables are written here and now; if there is more, a
        pass follows.
        """
        more = self._rows.hear(batch)
        if not self.passes or self.error():
            self.behind = True
            self._owe_pass()
            return
        self._rows.write()
        if more or self._target.concerns_ports(batch):
            self._owe_pass()
        if self._owes_pass:
            self.tell_waiters()
        else:
            self._reach()

    def _owe_pass(self) -> None:
        self._owes_pass = True
        self.wake()

    def errand(self, work: Callable[[], bool]) -> bool:
        """Work that somebody waits for, before the pass that looks at all. Whether it is done;
        before the first pass none is.
        """
        if not self.passes:
            return False
        self._ran_errands = True
        self.wake()
        try:
            return work()
        except OSError:
            return False  # the pass says why

    async def run(self) -> None:
        while True:
            await self._wait()
            await self._settle()
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
        self.behind = self._owes_pass = False
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
        self.tell_waiters()

    def tell_waiters(self) -> None:
        """Something that one may wait for has happened."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _settle(self) -> None:
        """Errands cause events, and come in crowds: one pass looks at what many have done."""
        if self._ran_errands:
            self._ran_errands = False
            await self._unless_hurried(SETTLE_S)

    async def _rest(self) -> None:
        """So that events, however many, take no more than their share of a core."""
        await self._unless_hurried(self._cost_s / EVENTS_BUSY)

    async def _unless_hurried(self, time_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(time_s):
                await self._hurried.wait()

    async def _wait(self) -> None:
        """Until woken, or the timer, or something that failed is due again."""
        verify_s = max(VERIFY_S, self._cost_s / BUSY)
        due_s = self._patience.next_s()
        timeout_s = verify_s if due_s is None else min(verify_s, max(due_s, 0.05))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._woken.wait()
