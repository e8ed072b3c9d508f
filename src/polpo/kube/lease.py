"""One of several leads: a Lease (coordination.k8s.io/v1) that is held, renewed and given back.

Times on other machines are not compared with ours: a holder is believed for as long as its Lease
lasts after *we* last saw it change. A leader that cannot renew stops leading before others may
begin (`RENEW_S` < `DURATION_S`), so there are never two.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from polpo.kube.api import Api
from polpo.kube.errors import ApiError
from polpo.kube.objects import Meta, Struct
from polpo.kube.resources import Resource
from polpo.runtime.clock import Clock, monotonic

DURATION_S, RENEW_S, RETRY_S = 15, 10.0, 2.0  # as Kubernetes' own controllers have them

log = structlog.get_logger()


class LeaseSpec(Struct, frozen=True):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(Struct, frozen=True):
    """coordination.k8s.io/v1 Lease."""

    metadata: Meta
    spec: LeaseSpec = LeaseSpec()


LEASES: Resource[Lease] = Resource("coordination.k8s.io", "v1", "leases", "Lease", Lease)


class Observed:
    """What we have seen of a Lease, and since when; pure but for the clock it is given."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self._spec: LeaseSpec | None = None
        self._since_s = 0.0

    def may_take(self, lease: Lease, now_s: float) -> bool:
        """Is it ours, nobody's, or of somebody who has not renewed it in time?"""
        spec = lease.spec
        if spec != self._spec:
            self._spec, self._since_s = spec, now_s
        if not spec.holder_identity or spec.holder_identity == self._identity:
            return True
        return now_s - self._since_s > (spec.lease_duration_seconds or DURATION_S)


def own_identity() -> str:
    """Of this process and no other: pods on their hosts' network share names, and pids."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


class Election:
    """`identity` is unique among those who stand (`own_identity`)."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        name: str,
        identity: str,
        *,
        retry_s: float = RETRY_S,
        renew_s: float = RENEW_S,
        clock: Clock = monotonic,
    ) -> None:
        self._api, self._namespace, self._name = api, namespace, name
        self._identity = identity
        self._retry_s, self._renew_s, self._clock = retry_s, renew_s, clock
        self._observed = Observed(identity)
        self.is_leader = False

    async def run(self, lead: Callable[[], Awaitable[None]]) -> None:
        """Stand for election for ever; `lead` runs while we lead and is cancelled when we do not
        any more. When this is cancelled, the Lease is given back."""
        while True:
            while not await self._try():  # noqa: ASYNC110 - the API server does not tell
                await asyncio.sleep(self._retry_s)
            self.is_leader = True
            leading = asyncio.ensure_future(lead())
            try:
                await self._renewed_until_lost(leading)
            finally:
                self.is_leader = False
                leading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await leading
                await self._give_back()

    async def _renewed_until_lost(self, leading: asyncio.Future[None]) -> None:
        """Also ends when `lead` does. Nothing that hangs keeps us longer than `renew_s`."""
        until_s = self._clock() + self._renew_s
        while (left_s := until_s - self._clock()) > 0 and not leading.done():
            await asyncio.wait([leading], timeout=min(self._retry_s, left_s))
            ours: bool | None = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, until_s - self._clock())):
                    ours = await self._try()
            if ours:
                until_s = self._clock() + self._renew_s
            elif ours is False:
                return

    async def _try(self) -> bool | None:
        """Take or renew the Lease. False if it is another's; None if that is not known."""
        try:
            lease = await self._api.get(LEASES, self._name, self._namespace)
            if lease is None:
                await self._api.create(LEASES, self._body(None))
                return True
            if not self._observed.may_take(lease, self._clock()):
                return False
            await self._api.replace(LEASES, self._body(lease))
        except ApiError as error:
            if error.status != 409:  # somebody was quicker: the next look tells who
                log.warning("election", lease=self._name, error=str(error))
            return None
        return True

    def _body(self, old: Lease | None, holder: str | None = None) -> dict[str, Any]:
        holder = self._identity if holder is None else holder
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = old.spec if old is not None else LeaseSpec()
        is_new = spec.holder_identity != holder
        meta = {"name": self._name, "namespace": self._namespace}
        version = {"resourceVersion": old.metadata.resource_version} if old is not None else {}
        return {
            "metadata": meta | version,
            "spec": {
                "holderIdentity": holder,
                "leaseDurationSeconds": DURATION_S if holder else 1,
                "acquireTime": now if is_new else spec.acquire_time,
                "renewTime": now,
                "leaseTransitions": (spec.lease_transitions or 0) + (is_new and old is not None),
            },
        }

    async def _give_back(self) -> None:
        """So that the next need not wait."""
        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(self._retry_s):
                lease = await self._api.get(LEASES, self._name, self._namespace)
                if lease is not None and lease.spec.holder_identity == self._identity:
                    await self._api.replace(LEASES, self._body(lease, ""))
