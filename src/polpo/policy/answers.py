"""What wildcards of policies stand for, as the cluster's DNS tells of the answers that it gives."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping

from polpo.kube.domains import LOOK_S, Wanted, wanted
from polpo.policy.addresses import is_wildcard
from polpo.policy.outside import Outside
from polpo.policy.places import PlaceIndex
from polpo.policy.seen import Seen
from polpo.runtime.clock import Clock, monotonic

SILENT_S = 3 * LOOK_S
SWEEP_S = 10.0


class Answers:
    """`changed` is called when a wildcard stands for something else, `heard` when there is a DNS
    that tells, or none any more, or a name is crowded. `look()` when policies are others."""

    def __init__(
        self,
        places: PlaceIndex,
        seen: Seen,
        changed: Callable[[], None],
        heard: Callable[[], None],
        clock: Clock = monotonic,
    ) -> None:
        self._places, self._seen = places, seen
        self._changed, self._heard, self._clock = changed, heard, clock
        self._heard_s = clock()  # whoever told those before us needs a moment to find us
        self._said: tuple[bool, int] = (True, 0)
        self._wanted = wanted(())
        self._others = asyncio.Event()
        self._own: tuple[str, ...] = ()
        self._is_over = False

    @property
    def is_heard(self) -> bool:
        """Whether a DNS server of the cluster tells."""
        return self._clock() - self._heard_s < SILENT_S

    def own(self, prefixes: Iterable[str]) -> None:
        """What of the network is the cluster's own, besides its nodes. So may be what was told
        before.
        """
        before, self._own = self._own, tuple(prefixes)
        if before != self._own:
            self.sweep()

    def look(self) -> None:
        now = wanted(filter(is_wildcard, self._places.domains))
        if now != self._wanted:
            self._seen.forget(set(self._wanted.patterns) - set(now.patterns))
            self._wanted = now
            self._others.set()
            self._others = asyncio.Event()

    async def wanted(self, version: str, within_s: float = LOOK_S) -> Wanted:
        """Who asks is a DNS server, and tells."""
        self._listen()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while self._wanted.version == version and not self._is_over:
                    await self._others.wait()
        self._listen()
        return self._wanted

    def end(self) -> None:
        """Nobody is to wait any more."""
        self._is_over = True
        self._others.set()

    def take(self, told: Mapping[str, Iterable[str]]) -> None:
        """Of patterns that policies still have."""
        outside = self._outside()
        for pattern in told.keys() & set(self._wanted.patterns):
            if self._seen.tell(pattern, filter(outside.has, told[pattern])):
                self._changed()
        self._say()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.sweep()

    def sweep(self) -> None:
        """What is too old goes, and what is the cluster's own by now."""
        outside = self._outside()
        for pattern in self._wanted.patterns:
            if self._seen.drop(lambda address: not outside.has(address), pattern):
                self._changed()
        self._say()

    def _outside(self) -> Outside:
        return Outside((*self._own, *self._places.node_addresses()))

    def _listen(self) -> None:
        self._heard_s = self._clock()
        self._say()

    def _say(self) -> None:
        now = self.is_heard, len(self._seen.crowded)
        if now != self._said:
            self._said = now
            self._heard()
