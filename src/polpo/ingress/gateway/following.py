"""Follows Gateway API's kinds, as soon as the cluster has them: users install them themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import structlog

from polpo.ingress.gateway import objects, routes
from polpo.ingress.state import State
from polpo.kube.client import Client
from polpo.kube.reflection import Change
from polpo.kube.reflector import Reflector
from polpo.kube.resources import Resource
from polpo.kube.served import served

AGAIN_S = 10.0
NEEDED: tuple[Resource[Any], ...] = (objects.CLASSES, objects.GATEWAYS, routes.HTTP)
MORE: tuple[Resource[Any], ...] = (objects.GRANTS, objects.POLICIES, routes.GRPC, routes.TLS)
"""Newer kinds: without them the rest goes on."""

log = structlog.get_logger("polpo.ingress")


class Following:
    """`synced`: all is known that there is; before the cluster has been asked nothing is."""

    def __init__(self, client: Client, state: State, news: Callable[[], None]) -> None:
        self._client, self._state, self._news = client, state, news
        self._reflectors: dict[str, Reflector[Any]] = {}
        self._asked = False

    @property
    def synced(self) -> bool:
        return self._asked and all(one.synced for one in self._reflectors.values())

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                plurals = await served(self._client, objects.GROUP, "v1")
                if plurals is not None:
                    self._asked = True
                    for resource in self._due(plurals):
                        group.create_task(self._reflector(resource).run())
                    self._news()
                await asyncio.sleep(AGAIN_S)

    def _due(self, plurals: set[str]) -> list[Resource[Any]]:
        if not all(resource.plural in plurals for resource in NEEDED):
            return []
        there = [one for one in (*NEEDED, *MORE) if one.plural in plurals]
        return [one for one in (*there, objects.NAMESPACES) if one.plural not in self._reflectors]

    def _reflector(self, resource: Resource[Any]) -> Reflector[Any]:
        kept = self._state.more[resource.kind]

        def changed(changes: list[Change[Any]]) -> None:
            self._state.note(kept, changes)
            self._news()

        log.info("follows", kind=resource.kind)
        made: Reflector[Any] = Reflector(self._client, resource, changed, self._news)
        self._reflectors[resource.plural] = made
        return made
