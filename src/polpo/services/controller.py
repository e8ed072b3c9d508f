"""Follows a cluster's Services and tells the network of them, for as long as it runs and leads."""

from __future__ import annotations

import asyncio

import structlog

from polpo.client.insisting import Insisting, Network
from polpo.kube.api import Api
from polpo.kube.backoff import Backoff
from polpo.kube.client import Client
from polpo.kube.events import Events
from polpo.kube.lease import Election, own_identity
from polpo.kube.objects import EndpointSlice, Node, Service
from polpo.kube.reflection import Change
from polpo.kube.reflector import Reflector, all_synced
from polpo.kube.resources import ENDPOINT_SLICES, NODES, SERVICES
from polpo.services.index import Index
from polpo.services.nodes import Nodes
from polpo.services.saying import Saying
from polpo.services.telling import Batch, Telling, read

NAME, NAMESPACE = "polpo-services", "kube-system"
GATHER_S = 0.01
"""What one change of a Deployment brings comes in several events."""

log = structlog.get_logger()


class Controller:
    """`cluster` by name or id. Several may run: one of them leads."""

    def __init__(self, client: Client, network: Network, cluster: str) -> None:
        self._client, self._network, self._cluster = client, network, cluster
        self._identity = own_identity()
        self._election = Election(Api(client, NAME), NAMESPACE, NAME, self._identity)

    async def run(self) -> None:
        await self._election.run(self._lead)

    async def _lead(self) -> None:
        log.info("leads", identity=self._identity)
        events = Events(Api(self._client, NAME), "polpo.dev/services", self._identity)
        await Following(self._client, self._network, self._cluster, events).run()


class Following:
    """What there is, from its beginning to what the network has."""

    def __init__(self, client: Client, network: Network, cluster: str, events: Events) -> None:
        self._index, self._places = Index(), Nodes()
        self._saying = Saying(events, self._index)
        self._news = asyncio.Event()
        self._reflectors = (
            Reflector(client, NODES, self._nodes, self._news.set),
            Reflector(client, SERVICES, self._services, self._news.set),
            Reflector(client, ENDPOINT_SLICES, self._slices, self._news.set),
        )
        self._insisting = Insisting(
            network, f"/clusters/{cluster}", Backoff(), "the network does not take Services"
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())
            group.create_task(self._tell())

    def _nodes(self, changes: list[Change[Node]]) -> None:
        self._places.nodes(changes)
        self._news.set()

    def _services(self, changes: list[Change[Service]]) -> None:
        self._index.services(changes)
        self._news.set()

    def _slices(self, changes: list[Change[EndpointSlice]]) -> None:
        self._index.slices(changes)
        self._news.set()

    async def _tell(self) -> None:
        """Nothing is told before all is known: half of the endpoints would be too few."""
        await all_synced(self._reflectors, self._news)
        telling = Telling(self._index, read(await self._insisting.ask("GET", "/services")))
        log.info("Services are followed")
        while True:
            await self._tell_nodes()
            batch = telling.next()
            if batch.put or batch.remove:
                await self._tell_batch(batch)
            telling.told(batch)
            if not self._index.touched:
                await self._news.wait()
                await asyncio.sleep(GATHER_S)
                self._news.clear()

    async def _tell_nodes(self) -> None:
        nodes = self._places.to_tell()
        if nodes is not None:
            await self._insisting.ask("PUT", "/nodes", {"nodes": nodes})
            self._places.told(nodes)

    async def _tell_batch(self, batch: Batch) -> None:
        answer = await self._insisting.ask("POST", "/services", batch)
        put = {one.id: one for one in batch.put}
        for refused in answer["refused"]:
            if refused["id"] in put:
                await self._saying.refused(put[refused["id"]], refused["message"])
        await self._saying.clashes(batch.put)
        await self._saying.left_out(batch.put)
