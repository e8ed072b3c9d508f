"""Events on Services that are carried in part, or not at all: their users see why."""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from polpo.kube.events import About, Events
from polpo.model.told import ToldService
from polpo.services.clashes import Place
from polpo.services.index import Index

log = structlog.get_logger()


class Saying:
    def __init__(self, events: Events, index: Index) -> None:
        self._events, self._index = events, index
        self._lost: dict[str, dict[Place, str]] = {}
        self._left_out: dict[str, tuple[str, ...]] = {}

    async def refused(self, service: ToldService, reason: str) -> None:
        """One that the network can't carry keeps no other from being carried."""
        log.error("a Service can't be carried", service=service.name, reason=reason)
        await self._say(service, "NotCarried", reason)

    async def clashes(self, services: Iterable[ToldService]) -> None:
        """Once for each time that a Service has lost other places than before."""
        for service in services:
            lost = self._index.lost(service.name)
            if lost and lost != self._lost.get(service.name):
                which = (f"{place} is {name}'s" for place, name in sorted(lost.items()))
                await self._say(service, "Clash", f"{', '.join(which)}, which is older or has it")
            self._lost.pop(service.name, None)
            if lost:
                self._lost[service.name] = lost

    async def left_out(self, services: Iterable[ToldService]) -> None:
        """Once for each time that a Service has other ports than before that are not carried."""
        for service in services:
            ports = self._index.left_out(service.name)
            if ports and ports != self._left_out.get(service.name):
                note = f"{', '.join(ports)}: TCP and UDP are carried"
                await self._say(service, "NotCarried", note)
            self._left_out.pop(service.name, None)
            if ports:
                self._left_out[service.name] = ports

    async def _say(self, service: ToldService, reason: str, note: str) -> None:
        namespace, _, name = service.name.partition("/")
        what = "Warning", reason, "Carry", note
        await self._events.say(About("Service", "v1", namespace, name, service.id, *what))
