"""Statuses of Gateways, their classes, routes and policies, written to the API server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from polpo.ingress.gateway import objects, routes
from polpo.ingress.gateway.conditions import Status
from polpo.ingress.rounds import rounds
from polpo.kube.api import Api
from polpo.kube.errors import ApiError
from polpo.kube.resources import Resource

log = structlog.get_logger("polpo.ingress")
AGAIN_S = 1.0
AT_ONCE = 8
RESOURCES: dict[str, Resource[Any]] = {
    resource.kind: resource
    for resource in (
        objects.CLASSES,
        objects.GATEWAYS,
        objects.POLICIES,
        routes.HTTP,
        routes.GRPC,
        routes.TLS,
    )
}
Json = dict[str, Any]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Telling:
    """Only while it leads: of several replicas one speaks. `controller` is whose items are ours."""

    def __init__(self, api: Api, controller: str, now: Callable[[], str] = _now) -> None:
        self._api, self._controller, self._now = api, controller, now
        self._written: dict[tuple[str, str], Status] = {}
        self._told: tuple[Status, ...] = ()
        self._news = asyncio.Event()

    def tell(self, told: tuple[Status, ...]) -> None:
        if told != self._told:
            self._told = told
            self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        self._written.clear()
        await rounds(self._news, AGAIN_S, lambda: self._round(self._told))

    async def _round(self, told: tuple[Status, ...]) -> bool:
        due = [s for s in told if self._written.get((s.kind, s.key)) != s]
        done = True
        for first in range(0, len(due), AT_ONCE):
            some = due[first : first + AT_ONCE]
            done &= all(await asyncio.gather(*(self._write(status) for status in some)))
        known = {(status.kind, status.key) for status in told}
        for gone in self._written.keys() - known:
            done &= await self._leave(gone)
        return done

    async def _leave(self, gone: tuple[str, str]) -> bool:
        """Of what concerns us no more our items go; of the rest there is nobody to tell."""
        last = self._written[gone]
        left = await self._write(last._replace(body={last.listed: []})) if last.listed else True
        if left:
            del self._written[gone]
        return left

    async def _write(self, status: Status) -> bool:
        """From what there is now: others may have written, too."""
        namespace, _, name = status.key.rpartition("/")
        resource = RESOURCES[status.kind]
        try:
            found = await self._api.get(resource, name, namespace)
            if found is not None and found.metadata.uid == status.uid:
                now = found.status or {}
                body = merged(now, status, self._controller, self._now())
                if body != {field: now.get(field) for field in body}:
                    version = {"resourceVersion": found.metadata.resource_version}
                    sent = {"metadata": version, "status": body}
                    await self._api.patch(resource, name, namespace, sent, "status")
        except ApiError as error:
            if error.status == 404:
                return True
            if error.status != 409:
                log.warning("a status can't be written", of=status.key, error=str(error))
            return False
        self._written[(status.kind, status.key)] = status
        return True


def merged(now: Json, status: Status, controller: str, at: str) -> Json:
    """What is to be there: others' items as they are, and of conditions that have not turned the
    time when they did."""
    if status.listed:
        listed = now.get(status.listed) or []
        others = [one for one in listed if one.get("controllerName") != controller]
        mine = [one for one in listed if one.get("controllerName") == controller]
        wanted = [_timed(one, _same(one, mine), at) for one in status.body[status.listed]]
        return {status.listed: [*others, *wanted]}
    body = _timed(status.body, now, at)
    if "listeners" in body:
        before = {one.get("name"): one for one in now.get("listeners") or []}
        listeners = body["listeners"]
        body["listeners"] = [_timed(one, before.get(one["name"], {}), at) for one in listeners]
    return body


def _same(one: Json, among: list[Json]) -> Json:
    """The item of the same parent or ancestor."""
    for other in among:
        if all(one.get(field) == other.get(field) for field in ("parentRef", "ancestorRef")):
            return other
    return {}


def _timed(wanted: Json, now: Json, at: str) -> Json:
    before = {condition.get("type"): condition for condition in now.get("conditions") or []}
    conditions = []
    for condition in wanted.get("conditions") or []:
        old = before.get(condition["type"], {})
        same = old.get("status") == condition["status"]
        turned = old.get("lastTransitionTime") if same else None
        conditions.append(condition | {"lastTransitionTime": turned or at})
    return wanted | {"conditions": conditions}
