"""Follows a cluster's policies, namespaces and pods, and tells the network, while it runs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import structlog

from polpo.client.insisting import Insisting, Network
from polpo.kube.api import Api
from polpo.kube.backoff import Backoff
from polpo.kube.client import Client
from polpo.kube.events import Events
from polpo.kube.lease import own_identity
from polpo.kube.optional import Optional
from polpo.kube.reflection import Change
from polpo.kube.reflector import Reflector, all_synced
from polpo.kube.resources import NAMESPACES, NODES, Object
from polpo.policy.answers import Answers
from polpo.policy.hearing import Hearing, Place
from polpo.policy.index import Index
from polpo.policy.names import Ask, Names
from polpo.policy.objects import CLUSTER_POLICIES, PODS, POLICIES
from polpo.policy.older import KINDS
from polpo.policy.reach import Reach
from polpo.policy.reporting import Domains, Reporting
from polpo.policy.seen import Seen
from polpo.policy.telling import Telling, read_addresses, read_groups, read_pods

GATHER_S = 0.01
"""What one change of a Deployment brings comes in several events."""
COMPARE_S = 60.0
"""How often the network's groups are looked at: somebody may have edited them."""

NAME = "polpo-policy"
EVERYWHERE = ("0.0.0.0/0", "::/0")

T = TypeVar("T", bound=Object)

log = structlog.get_logger()


class Controller:
    """`cluster` by name or id; `place` is where the cluster's DNS may tell, if anywhere."""

    def __init__(
        self,
        client: Client,
        network: Network,
        cluster: str,
        ask: Ask,
        compare_s: float = COMPARE_S,
        place: Place | None = None,
    ) -> None:
        index = Index()
        self._index, self._compare_s = index, compare_s
        self._path = f"/clusters/{cluster}"
        self._news = asyncio.Event()
        newer = Optional(client, CLUSTER_POLICIES, self._heard(index.policies), self._news.set)
        self._followed: tuple[Reflector[Any] | Optional[Any], ...] = (
            Reflector(client, POLICIES, self._heard(index.policies), self._news.set),
            newer,
            *(
                Optional(
                    client,
                    (kind.resource,),
                    self._heard(partial(index.older, kind)),
                    self._news.set,
                )
                for kind in KINDS
            ),
            Reflector(client, NAMESPACES, self._heard(index.namespaces), self._news.set),
            Reflector(client, NODES, self._heard(index.places.nodes), self._news.set),
            Reflector(client, PODS, self._heard(index.pods), self._news.set),
        )
        api = Api(client, NAME)
        events = Events(api, "polpo.dev/policy", own_identity())
        self._seen = Seen(index.places)
        self._names = Names(index.places, self._seen, ask, self._changed)
        self._answers = Answers(index.places, self._seen, self._changed, self._heard_of)
        self._reporting = Reporting(api, events, index, lambda: newer.resource, self._domains)
        self._reach = Reach(network)
        self._hearing = Hearing(api, self._answers, self._reach.wait, place) if place else None
        self._insisting = Insisting(
            network, self._path, Backoff(), "the network does not take policies"
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for one in self._followed:
                group.create_task(one.run())
            group.create_task(self._names.run())
            group.create_task(self._answers.run())
            if self._hearing is not None:
                group.create_task(self._hearing.run())
            group.create_task(self._reporting.run())
            group.create_task(self._tell())

    def _heard(self, keep: Callable[[list[Change[T]]], None]) -> Callable[[list[Change[T]]], None]:
        def heard(changes: list[Change[T]]) -> None:
            keep(changes)
            self._names.look()
            self._answers.look()
            self._news.set()

        return heard

    def _changed(self) -> None:
        """Of addresses of names."""
        self._reach.begin()
        self._news.set()

    def _heard_of(self) -> None:
        self._reporting.heard()

    def _domains(self) -> Domains:
        heard = self._hearing is not None and self._answers.is_heard
        return Domains(heard, frozenset(self._seen.crowded))

    async def _look_at_network(self) -> Any:
        """Its groups; and which addresses are the cluster's own."""
        cluster = (await self._insisting.ask("GET"))["cluster"]
        routed = cluster.get("routed_cidrs", EVERYWHERE)  # an older network does not say
        self._answers.own((*cluster["service_cidrs"], *routed))
        return await self._insisting.ask("GET", "/groups")

    async def _tell(self) -> None:
        """Nothing is told before all is known: half of the policies would allow too much."""
        await all_synced(self._followed, self._news)
        has = await self._look_at_network()
        pods = read_pods(await self._insisting.ask("GET", "/pods"))
        addresses = read_addresses(has)
        self._seen.adopt(addresses)
        telling = Telling(self._index, read_groups(has), pods, addresses)
        log.info("policies are followed", path=self._path)
        while True:
            while not telling.is_done:
                batch = telling.next()
                if batch:
                    answer = await self._insisting.ask("POST", "/policy", batch)
                    self._reach.told(answer["revision"])
                    refused = {r["about"]: str(r["message"]) for r in answer["refused"]}
                    _complain(refused)
                    self._reporting.told((group.key for group in batch.groups), refused)
                    self._reporting.told_pods(batch.pods, refused)
                    telling.told(batch)
            self._reach.end()
            self._reporting.look()
            if not await self._something_new():
                has = await self._look_at_network()
                found = telling.compare(read_groups(has), read_addresses(has))
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


def _complain(refused: dict[str, str]) -> None:
    """One that the network can't carry keeps no other from being carried."""
    for about, reason in refused.items():
        log.error("a policy can't be carried", about=about, reason=reason)
