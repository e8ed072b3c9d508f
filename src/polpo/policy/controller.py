"""Follows a cluster's policies, namespaces and pods, and tells the network, while it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from polpo.client.insisting import Insisting, Network
from polpo.kube.backoff import Backoff
from polpo.kube.client import Client
from polpo.kube.reflection import Change
from polpo.kube.reflector import Reflector, all_synced
from polpo.kube.resources import NAMESPACES, Object
from polpo.policy.index import Index
from polpo.policy.objects import PODS, POLICIES
from polpo.policy.telling import Telling, read_groups, read_pods

GATHER_S = 0.01
"""What one change of a Deployment brings comes in several events."""
COMPARE_S = 60.0
"""How often the network's groups are looked at: somebody may have edited them."""

T = TypeVar("T", bound=Object)

log = structlog.get_logger()


class Controller:
    """`cluster` by name or id."""

    def __init__(
        self, client: Client, network: Network, cluster: str, compare_s: float = COMPARE_S
    ) -> None:
        index = Index()
        self._index, self._compare_s = index, compare_s
        self._path = f"/clusters/{cluster}"
        self._news = asyncio.Event()
        self._reflectors: tuple[Reflector[Any], ...] = (
            Reflector(client, POLICIES, self._heard(index.policies), self._news.set),
            Reflector(client, NAMESPACES, self._heard(index.namespaces), self._news.set),
            Reflector(client, PODS, self._heard(index.pods), self._news.set),
        )
        self._insisting = Insisting(
            network, self._path, Backoff(), "the network does not take policies"
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())
            group.create_task(self._tell())

    def _heard(self, keep: Callable[[list[Change[T]]], None]) -> Callable[[list[Change[T]]], None]:
        def heard(changes: list[Change[T]]) -> None:
            keep(changes)
            self._news.set()

        return heard

    async def _tell(self) -> None:
        """Nothing is told before all is known: half of the policies would allow too much."""
        await all_synced(self._reflectors, self._news)
        groups = read_groups(await self._insisting.ask("GET", "/groups"))
        telling = Telling(self._index, groups, read_pods(await self._insisting.ask("GET", "/pods")))
        log.info("policies are followed", path=self._path)
        while True:
            while not telling.is_done:
                batch = telling.next()
                if batch:
                    _complain(await self._insisting.ask("POST", "/policy", batch))
                    telling.told(batch)
            if not await self._something_new():
                found = telling.compare(read_groups(await self._insisting.ask("GET", "/groups")))
                if found:
                    log.warning("somebody has changed groups; they are mended", groups=found)

    async def _something_new(self) -> bool:
        """Or else it is time to compare."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._compare_s):
                await self._news.wait()
            await asyncio.sleep(GATHER_S)
            self._news.clear()
            return True
        return False


def _complain(answer: Any) -> None:
    """One that the network can't carry keeps no other from being carried."""
    for refused in answer["refused"]:
        log.error("a policy can't be carried", about=refused["about"], reason=refused["message"])
