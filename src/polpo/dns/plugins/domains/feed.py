"""Control's part: asks `polpo policy` for wildcards, and tells it the addresses of answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import TypeVar

import msgspec

from polpo.dns.corefile.block import ServerBlock
from polpo.dns.plugin import Outlet
from polpo.dns.plugins.domains.meeting import meet
from polpo.dns.plugins.domains.setup import AWAY, LOST, PATTERNS, UNTOLD, Domains
from polpo.dns.plugins.domains.words import Known, Pair, Wanted, read_pairs, written
from polpo.dns.plugins.kubernetes.options import Options
from polpo.dns.plugins.kubernetes.setup import parse as kubernetes
from polpo.dns.plugins.kubernetes.watching import cluster_of
from polpo.dns.wire.name import from_text, to_text
from polpo.kube import domains
from polpo.kube.backoff import Backoff
from polpo.kube.client import Client
from polpo.kube.configuration import Cluster, ConfigurationError
from polpo.kube.errors import ApiError

MOST_AT_ONCE, MOST_UNTOLD = 500, 10_000
SLOTS = 4
PATIENCE_S = 0.3  # beyond what hosts are waited for
READY_S, TRY_S = 1.0, 1.0
LONGEST_S, NOWHERE_S = 5.0, 30.0
NOT_THERE = (403, 404)
"""A cluster without policies has no such Secret."""
_STAR = "*."

T = TypeVar("T")


def make_feed(value: Domains, outlet: Outlet, block: ServerBlock) -> DomainsFeed:
    """The API server is that of the block's `kubernetes`, or the pod's."""
    directives = block.named("kubernetes")
    options = kubernetes(directives, block) if directives else Options(zones=())
    return DomainsFeed(value, outlet, lambda: cluster_of(options))


class DomainsFeed:
    """Whatever is not there, answers go on: nothing waits for who did not answer the last time."""

    def __init__(self, value: Domains, outlet: Outlet, cluster: Callable[[], Cluster]) -> None:
        self._hold_s, self._outlet, self._cluster = value.hold_s, outlet, cluster
        self._wanted = Wanted((), holds=False)
        self._untold: dict[Pair, None] = {}
        self._news = asyncio.Event()
        self._slots = asyncio.Semaphore(SLOTS)
        self._policy: Client | None = None
        self._why = ""
        self.ready = False
        counts, self._values = outlet.counts, outlet.counts.values
        self._patterns, self._left = counts.slot(PATTERNS.name), counts.slot(UNTOLD.name)
        self._lost, self._away = counts.slot(LOST.name), counts.slot(AWAY.name)
        self._values[self._away] = 1

    def everything(self) -> Iterable[bytes]:
        return (written(self._wanted),)

    def hear(self, message: bytes) -> None:
        """From a worker."""
        pairs = read_pairs(message)
        room = max(MOST_UNTOLD - len(self._untold), 0)
        self._values[self._lost] += len(pairs[room:])
        self._put_back(pairs[:room])
        self._news.set()

    async def run(self) -> None:
        self._policy = None
        async with asyncio.TaskGroup() as group:
            asyncio.get_running_loop().call_later(READY_S, self._begin)
            group.create_task(self._follow())
            group.create_task(self._tell(group))

    def _begin(self) -> None:
        """Nobody need wait any longer for what may be far away."""
        self.ready = True

    async def _follow(self) -> None:
        backoff = Backoff(longest_s=LONGEST_S)
        while True:
            is_nowhere = False
            try:
                async with meet(self._cluster()) as policy:
                    await self._ask(policy, backoff)
            except (ApiError, ConfigurationError) as error:
                self._lose(str(error))
                is_nowhere = isinstance(error, ApiError) and error.status in NOT_THERE
            self.ready = True
            await asyncio.sleep(NOWHERE_S if is_nowhere else backoff.wait_s())

    async def _ask(self, policy: Client, backoff: Backoff) -> None:
        """Until it does not answer."""
        version = ""
        while True:
            body = await policy.call("GET", domains.PATH, {"version": version})
            said = _read(body, domains.Wanted)
            version = said.version
            names = tuple(_names(said.patterns))
            self._values[self._patterns] = len(names)
            self._want(Wanted(names, holds=self._wanted.holds or self._policy is None))
            self._policy, self.ready, self._why = policy, True, ""
            backoff.reset()
            self._news.set()

    def _lose(self, why: str) -> None:
        self._policy = None
        self._want(msgspec.structs.replace(self._wanted, holds=False))
        if why != self._why:
            self._why = why
            self._outlet.say(f"[WARNING] plugin/domains: polpo policy is not told: {why}")

    async def _tell(self, group: asyncio.TaskGroup) -> None:
        """And tries, while answers do not wait, whether they may again."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if self._wanted.holds else TRY_S):
                    await self._news.wait()
            self._news.clear()
            while self._policy is not None and (self._untold or not self._wanted.holds):
                await self._slots.acquire()
                batch = list(self._untold)[:MOST_AT_ONCE]
                for pair in batch:
                    del self._untold[pair]
                group.create_task(self._put(self._policy, batch))
                if not self._untold:
                    break

    async def _put(self, policy: Client, pairs: list[Pair]) -> None:
        told = domains.Told(_by_pattern(pairs), self._hold_s)
        try:
            async with asyncio.timeout(self._hold_s + PATIENCE_S):
                body = await policy.call("PUT", domains.PATH, body=msgspec.json.encode(told))
            taken = _read(body, domains.Taken)
        except (ApiError, TimeoutError):
            self._put_back(pairs)
            holds = False
        else:
            holds = taken.in_force
            if pairs:
                self._outlet.send(written(Known(tuple(pairs), holds)))
        finally:
            self._slots.release()
        self._values[self._left] = len(self._untold)
        if policy is self._policy:
            self._want(msgspec.structs.replace(self._wanted, holds=holds))

    def _put_back(self, pairs: Iterable[Pair]) -> None:
        self._untold |= dict.fromkeys(pairs)
        self._values[self._left] = len(self._untold)

    def _want(self, now: Wanted) -> None:
        self._values[self._away] = not now.holds
        if now != self._wanted:
            self._wanted = now
            self._news.set()
            self._outlet.send(written(now))


def _read(body: bytes, type: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=type)
    except msgspec.MsgspecError as error:
        raise ApiError(502, f"it says what it may not: {error}") from error


def _names(patterns: Iterable[str]) -> Iterator[bytes]:
    """What they are below; no name is below what is none."""
    for pattern in patterns:
        with contextlib.suppress(ValueError):
            yield from_text(pattern.removeprefix(_STAR))


def _by_pattern(pairs: Iterable[Pair]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, address in pairs:
        pattern = _STAR + to_text(name).removesuffix(".")
        found.setdefault(pattern, []).append(str(ip_address(address)))
    return {pattern: tuple(addresses) for pattern, addresses in found.items()}
