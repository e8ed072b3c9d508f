"""How fast we may ask: the options apiserver_qps, apiserver_burst and apiserver_max_inflight."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from polpo.runtime.clock import Clock, monotonic

QPS, BURST = 50.0, 100  # lists come in pages, so a start asks more than Kubernetes' own client does


class Pace:
    """A bucket of `burst` requests that fills with `qps` a second; 0 means the default."""

    def __init__(
        self, qps: float = 0.0, burst: int = 0, inflight: int = 0, clock: Clock = monotonic
    ) -> None:
        self._qps, self._burst = qps or QPS, float(burst or BURST)
        self._clock = clock
        self._left, self._at = self._burst, clock()
        self._inflight = asyncio.Semaphore(inflight) if inflight else None

    def wait_s(self) -> float:
        """Takes one; answers how long to wait before it may be used. Those who wait are in line."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._qps) - 1
        self._at = now
        return max(0.0, -self._left / self._qps)

    @contextlib.asynccontextmanager
    async def inflight(self) -> AsyncIterator[None]:
        """While a request waits for its answer's head (a watch then goes on without)."""
        if self._inflight is None:
            yield
            return
        async with self._inflight:
            yield
