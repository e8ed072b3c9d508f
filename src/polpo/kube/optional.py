"""Follows a kind that a cluster may not have: its definition (CRD) may come at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from polpo.kube.client import Client
from polpo.kube.reflector import Changed, Reflector
from polpo.kube.resources import Object, Resource
from polpo.kube.served import served

AGAIN_S = 10.0

T = TypeVar("T", bound=Object)


class Optional(Generic[T]):
    """`resources`: the same kind in several versions; the first that is served is taken."""

    def __init__(
        self,
        client: Client,
        resources: Sequence[Resource[T]],
        changed: Changed[T],
        synced: Callable[[], None],
        again_s: float = AGAIN_S,
    ) -> None:
        self._client, self._resources, self._again_s = client, resources, again_s
        self._changed, self._when_synced = changed, synced
        self._reflector: Reflector[T] | None = None
        self._resource: Resource[T] | None = None
        self._asked = False

    @property
    def synced(self) -> bool:
        """All that there is is known, be it that there is none."""
        return self._asked and (self._reflector is None or self._reflector.synced)

    @property
    def resource(self) -> Resource[T] | None:
        """The version that is followed."""
        return self._resource

    async def run(self) -> None:
        """To the end of its task."""
        while (resource := await self._served()) is None:
            if self._asked:
                self._when_synced()
            await asyncio.sleep(self._again_s)
        self._resource = resource
        self._reflector = Reflector(self._client, resource, self._changed, self._when_synced)
        self._asked = True
        await self._reflector.run()

    async def _served(self) -> Resource[T] | None:
        """None as well while nobody answers; then it is not known either that there is none."""
        for resource in self._resources:
            plurals = await served(self._client, resource.group, resource.version)
            if plurals is None:
                return None
            if resource.plural in plurals:
                return resource
        self._asked = True
        return None
