"""Follows a cluster's Services and tells the network of them, for as long as it runs."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import structlog

from polpo.client.insisting import Insisting, Network
from polpo.kube.api import Api
from polpo.kube.backoff import Backoff
from polpo.kube.client import Client
from polpo.kube.events import About, Events
from polpo.kube.objects import EndpointSlice, Service
from polpo.kube.reflection import Change
from polpo.kube.reflector import Reflector, all_synced
from polpo.kube.resources import ENDPOINT_SLICES, SERVICES
from polpo.services.index import Index
from polpo.services.telling import Batch, Telling, read

GATHER_S = 0.01
"""What one change of a Deployment brings comes in several events."""

log = structlog.get_logger()


class Controller:
    """`cluster` by name or id."""

    def __init__(self, client: Client, network: Network, cluster: str) -> None:
        self._index = Index()
        self._events = Events(Api(client), "polpo.dev/services", socket.gethostname())
        self._path = f"/clusters/{cluster}/services"
        self._news = asyncio.Event()
        self._reflectors = (
            Reflector(client, SERVICES, self._services, self._news.set),
            Reflector(client, ENDPOINT_SLICES, self._slices, self._news.set),
        )
        self._insisting = Insisting(
            network, self._path, Backoff(), "the network does not take Services"
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())
            group.create_task(self._tell())

    def _services(self, changes: list[Change[Service]]) -> None:
        self._index.services(changes)
        self._news.set()

    def _slices(self, changes: list[Change[EndpointSlice]]) -> None:
        self._index.slices(changes)
        self._news.set()

    async def _tell(self) -> None:
        """Nothing is told before all is known: half of the endpoints would be too few."""
        await all_synced(self._reflectors, self._news)
        telling = Telling(self._index, read(await self._insisting.ask("GET")))
        log.info("Services are followed", path=self._path)
        while True:
            batch = telling.next()
            if batch.put or batch.remove:
                await self._complain(batch, await self._insisting.ask("POST", body=batch))
            telling.told(batch)
            if not self._index.touched:
                await self._news.wait()
                await asyncio.sleep(GATHER_S)
                self._news.clear()

    async def _complain(self, batch: Batch, answer: Any) -> None:
        """One that the network can't carry keeps no other from being carried: its owner is told."""
        names = {one.id: one.name for one in batch.put}
        for refused in answer["refused"]:
            id, reason = refused["id"], refused["message"]
            log.error("a Service can't be carried", service=names.get(id, ""), reason=reason)
            if id in names:
                await self._events.say(_about(id, names[id], reason))


def _about(id: str, service: str, reason: str) -> About:
    namespace, _, name = service.partition("/")
    what = "Warning", "NotCarried", "Carry", reason
    return About("Service", "v1", namespace, name, id, *what)
