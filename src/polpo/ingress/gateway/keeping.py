"""Gateways' Services, made, changed and taken away."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from polpo.ingress.objects import SERVICES
from polpo.ingress.rounds import rounds
from polpo.kube.api import Api
from polpo.kube.errors import ApiError

log = structlog.get_logger("polpo.ingress")
AGAIN_S = 2.0
Json = dict[str, Any]


class Keeping:
    """Only while it leads. `namespace` is where they are."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api, self._namespace = api, namespace
        self._wanted: tuple[Json, ...] = ()
        self._stale: tuple[str, ...] = ()
        self._written: dict[str, Json] = {}
        self._news = asyncio.Event()

    def tell(self, wanted: tuple[Json, ...], stale: tuple[str, ...]) -> None:
        if (wanted, stale) != (self._wanted, self._stale):
            self._wanted, self._stale = wanted, stale
            self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        self._written.clear()
        await rounds(self._news, AGAIN_S, self._round)

    async def _round(self) -> bool:
        """What can't be done is tried again, and holds up nothing else."""
        done = True
        for name in self._stale:
            self._written.pop(name, None)
            done &= await self._gone(name)
        for body in self._wanted:
            name = body["metadata"]["name"]
            if self._written.get(name) != body and await self._made(body):
                self._written[name] = body
            done &= self._written.get(name) == body
        return done

    async def _made(self, body: Json) -> bool:
        try:
            await self._api.apply(SERVICES, body, force=True)
        except ApiError as error:
            log.warning("a Gateway's Service", of=body["metadata"]["name"], error=str(error))
            return False
        return True

    async def _gone(self, name: str) -> bool:
        try:
            await self._api.delete(SERVICES, name, self._namespace)
        except ApiError as error:
            log.warning("a Gateway's Service stays", of=name, error=str(error))
            return False
        return True
