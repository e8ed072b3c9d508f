"""One Service, looked at: its load balancer is as it asks, or is gone if it asks for none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec

from polpo.client.session import ApiError
from polpo.cloud import annotations as a
from polpo.cloud import balancers, naming
from polpo.cloud.annotations import Annotations, Unusable
from polpo.cloud.balancers import ACTIVE, ERROR, Ensured
from polpo.cloud.compile import Around, wanted
from polpo.cloud.index import Index
from polpo.cloud.objects import Service
from polpo.cloud.openstack import OpenStack
from polpo.cloud.saying import (
    DELETED,
    DELETING,
    ENSURED,
    ENSURING,
    FAILED,
    ORPHANED,
    UNUSABLE,
    Saying,
    ingress_of,
)
from polpo.cloud.wanted import Wanted
from polpo.runtime.clock import monotonic

RESYNC_S = 300.0
"""So long what was seen in the cloud is believed."""
SOON_S, LATER_S, LOOKS = 0.1, 2.0, 50
"""A new load balancer is asked for soon, and after so many looks less often."""

T = TypeVar("T")


class Kept(msgspec.Struct):
    """What we know that is there: by whom we may be asked often without asking the cloud."""

    wanted: Wanted
    ensured: Ensured
    at_s: float
    looks: int = 0


class Keeper:
    """`look` answers when to look again: seconds, or None for when something changes."""

    def __init__(self, index: Index, around: Around, cloud: OpenStack, saying: Saying) -> None:
        self._index, self._around, self._cloud, self._saying = index, around, cloud, saying
        self._kept: dict[str, Kept] = {}

    async def look(self, key: str) -> float | None:
        """Raises the ApiErrors of both sides."""
        service = self._index.service(key)
        if service is None:
            self._kept.pop(key, None)
            return None
        if not self._index.is_wanted(service):
            await self._take_away(service)
            self._kept.pop(key, None)
            return None
        try:
            return await self._ensure(service)
        except Unusable as error:
            await self._saying.event(service, UNUSABLE, str(error), warns=True)
            return RESYNC_S
        except ApiError as error:
            await self._saying.event(service, FAILED, f"the cloud: {error}", warns=True)
            raise

    async def _ensure(self, service: Service) -> float | None:
        around = msgspec.structs.replace(self._around, nodes=self._index.all_nodes())
        asked = wanted(service, self._index.slices_of(service.key), around)
        kept = self._kept.get(service.key)
        if kept is None or kept.wanted != asked or monotonic() - kept.at_s > RESYNC_S:
            kept = await self._make(service, asked)
        elif kept.ensured.status != ACTIVE:
            status = await self._off(balancers.status_of, kept.ensured.id)
            kept.ensured = msgspec.structs.replace(kept.ensured, status=status)
            kept.at_s = kept.at_s if status else -RESYNC_S
        return await self._say(service, kept)

    async def _make(self, service: Service, asked: Wanted) -> Kept:
        held = await self._saying.hold(service)
        is_new = not held.ingress and service.key not in self._kept
        most = self._around.settings.max_shared_lb
        ensured, _ = await asyncio.gather(
            self._off(balancers.ensure, asked, most),
            self._begin(service) if is_new else asyncio.sleep(0),
        )
        kept = self._kept[service.key] = Kept(asked, ensured, monotonic())
        return kept

    async def _begin(self, service: Service) -> None:
        await self._saying.event(service, ENSURING, "a load balancer is looked for or made")

    async def _say(self, service: Service, kept: Kept) -> float | None:
        """An address is told when somebody answers at it."""
        ensured = kept.ensured
        await self._saying.mark(service, ensured)
        if ensured.status == ERROR:
            note = f"load balancer {ensured.id} is in ERROR: see `openstack loadbalancer show`"
            await self._saying.event(service, ORPHANED, note, warns=True)
            return LATER_S
        if ensured.status == ACTIVE or service.ingress:
            shown = ingress_of(kept.wanted, ensured)
            if service.ingress != shown:
                await self._saying.publish(service, shown)
                where = ", ".join(ensured.addresses)
                await self._saying.event(service, ENSURED, f"load balancer {ensured.id}: {where}")
        if ensured.status == ACTIVE:
            return RESYNC_S
        kept.looks += 1
        return SOON_S if kept.looks < LOOKS else LATER_S

    async def _take_away(self, service: Service) -> None:
        if not service.finalizers and not service.ingress:
            return
        await self._saying.event(service, DELETING, "its load balancer is removed")
        given = Annotations(service.metadata.annotations)
        name = naming.name_of(self._around.cluster.name, service)
        said = naming.floating_description(self._around.cluster.name, service)
        try:
            keep = given.boolean(a.KEEP_FLOATING, False)
        except Unusable:
            keep = True  # what we cannot read we do not take as leave to delete
        id = given.text(a.LOAD_BALANCER_ID)
        uid = service.metadata.uid
        await self._off(
            lambda cloud: balancers.remove(cloud, name, uid, said, id, keep=keep),
        )
        if not service.metadata.deletion_timestamp:
            service = await self._saying.unmark(service)
            service = await self._saying.publish(service, ())
        await self._saying.event(service, DELETED, "its load balancer is removed")
        await self._saying.release(service)

    async def _off(self, do: Callable[..., T], *arguments: object) -> T:
        """In a thread: the cloud's API is asked call by call."""
        return await asyncio.to_thread(do, self._cloud, *arguments)
