"""A kind that a cluster has, has not, or gets later."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from polpo.kube.client import Client
from polpo.kube.objects import Service
from polpo.kube.optional import Optional
from polpo.kube.reflection import Change
from polpo.kube.resources import SERVICE_IMPORTS
from polpo.testing.kubernetes.api_server import ApiServer, until
from polpo.testing.kubernetes.objects import Object

IMPORT: Object = {"kind": "ServiceImport", "metadata": {"name": "a", "namespace": "x"}}


class Seen:
    def __init__(self, client: Client) -> None:
        self.keys: list[str] = []
        self.synced = 0
        given = self._changed, self._sync
        self.kind = Optional(client, [SERVICE_IMPORTS], *given, again_s=0.01)  # type: ignore[arg-type]

    def _changed(self, changes: list[Change[Service]]) -> None:
        self.keys += [change.key for change in changes]

    def _sync(self) -> None:
        self.synced += 1


@pytest.fixture
async def seen(api: ApiServer, client: Client) -> AsyncIterator[Seen]:
    seen = Seen(client)
    api.undefined.add("serviceimports")
    api.refuse = 503
    task = asyncio.create_task(seen.kind.run())
    yield seen
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_nothing_is_known_before_somebody_has_answered(api: ApiServer, seen: Seen) -> None:
    await until(lambda: len(api.asked) > 2)
    assert not seen.kind.synced
    api.refuse = 0
    await until(lambda: seen.synced > 0)
    assert seen.kind.synced


async def test_a_kind_that_is_defined_later_is_followed_then(api: ApiServer, seen: Seen) -> None:
    api.refuse = 0
    await until(lambda: seen.kind.synced)
    api.put(IMPORT)
    api.undefined.clear()
    await until(lambda: seen.keys == ["x/a"])
