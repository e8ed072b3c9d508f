"""What the domain names stand for that policies speak of: asked for again as answers grow old.

Wildcards can't be asked for (`answers`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import dns.asyncresolver
import dns.exception
import dns.resolver
import structlog

from polpo.policy.addresses import is_wildcard
from polpo.policy.places import PlaceIndex
from polpo.policy.seen import Seen
from polpo.runtime.clock import Clock, monotonic

SOONEST_S, LATEST_S, FAILED_S = 1.0, 300.0, 5.0
AT_ONCE = 50
FAMILIES = ("A", "AAAA")

log = structlog.get_logger()


class Answer(NamedTuple):
    """Addresses, and how long they hold."""

    addresses: frozenset[str]
    ttl_s: float


Ask = Callable[[str], Awaitable[Answer]]
"""A name -> answer. Raises DNSException."""


class Names:
    """`changed` is called when a name stands for something else. `look()` when names are others."""

    def __init__(
        self,
        places: PlaceIndex,
        seen: Seen,
        ask: Ask,
        changed: Callable[[], None],
        clock: Clock = monotonic,
    ) -> None:
        self._places, self._seen = places, seen
        self._ask, self._changed, self._clock = ask, changed, clock
        self._others = asyncio.Event()
        self._due_s: dict[str, float] = {}

    def look(self) -> None:
        if self._wanted() != self._due_s.keys():
            self._others.set()

    async def run(self) -> None:
        while True:
            wait_s = await self.turn()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._others.wait()
            self._others.clear()

    async def turn(self) -> float | None:
        """Asks for what is due; answers in how many seconds something is, None for never."""
        wanted, now = self._wanted(), self._clock()
        gone = self._due_s.keys() - wanted
        self._seen.forget(gone)
        for name in gone:
            del self._due_s[name]
        due = sorted(name for name in wanted if self._due_s.get(name, now) <= now)
        for first in range(0, len(due), AT_ONCE):
            await asyncio.gather(*map(self._resolve, due[first : first + AT_ONCE]))
        left = self._due_s.values()
        return max(min(left) - self._clock(), 0.0) if left else None

    async def _resolve(self, name: str) -> None:
        found = Answer(frozenset(), FAILED_S)
        try:
            found = await self._ask(name)
        except dns.exception.DNSException as failed:
            log.warning("a domain of policies does not resolve", name=name, error=str(failed))
        self._due_s[name] = self._clock() + min(max(found.ttl_s, SOONEST_S), LATEST_S)
        if self._seen.tell(name, sorted(found.addresses)):
            self._changed()

    def _wanted(self) -> set[str]:
        return {name for name in self._places.domains if not is_wildcard(name)}


def resolver(server: str = "", port: int = 53) -> Ask:
    """Of one server, or the system's."""

    async def ask(name: str) -> Answer:
        made = dns.asyncresolver.Resolver(configure=not server)
        if server:
            made.nameservers, made.port = [server], port
        found: set[str] = set()
        ttls: list[float] = []
        for family in FAMILIES:
            told = await made.resolve(f"{name}.", family, raise_on_no_answer=False)
            found |= {record.to_text() for record in told.rrset or ()}
            ttls.append(told.chaining_result.minimum_ttl if told.rrset else LATEST_S)
        return Answer(frozenset(found), min(ttls))

    return ask
