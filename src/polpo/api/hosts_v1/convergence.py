"""How long revisions take to be everywhere, and waiting for one of them to be."""

import asyncio
from collections import deque

from polpo.api.hosts_v1.reports import Reports
from polpo.api.metrics import Metrics
from polpo.runtime.clock import Clock
from polpo.store.store import Store

LOOK_S = 1.0
"""How late it is seen that a host which held others up has died."""

OPEN = 10_000
"""Most revisions whose end is waited for; older ones are measured no more."""


class Convergence:
    """Told by `noted` of commits, by `heard` that a host has reported."""

    def __init__(self, store: Store, reports: Reports, metrics: Metrics, clock: Clock) -> None:
        self._store, self._reports, self._metrics, self._clock = store, reports, metrics, clock
        self._open: deque[tuple[int, float]] = deque(maxlen=OPEN)
        self._progress = asyncio.Event()
        self.everywhere = 0
        self.took_s: float | None = None

    async def run(self) -> None:
        """Until cancelled: note when revisions are committed."""
        noted = self._store.snapshot.revision
        while True:
            await self._store.wait_after(noted)
            noted = self._store.snapshot.revision
            self._open.append((noted, self._clock()))

    async def watch_deaths(self) -> None:
        """Until cancelled: a host that stops reporting moves things on, too."""
        while True:
            await asyncio.sleep(LOOK_S)
            self.heard()

    def heard(self) -> None:
        """Look how far all live hosts are; cheap when nothing has moved."""
        everywhere = self._reports.reached(self._store.snapshot)
        while self._open and self._open[0][0] <= everywhere:
            self.took_s = self._clock() - self._open.popleft()[1]
            self._metrics.convergence.observe(self.took_s)
        if everywhere != self.everywhere:
            self.everywhere = everywhere
            self._progress.set()
            self._progress = asyncio.Event()

    async def wait(self, revision: int, timeout_s: float) -> bool:
        """Whether every live host reaches the revision in this time."""
        try:
            async with asyncio.timeout(timeout_s):
                while self.everywhere < revision:
                    await self._progress.wait()
        except TimeoutError:
            return False
        return True
