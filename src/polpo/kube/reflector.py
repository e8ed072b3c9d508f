"""Keeps somebody told of all objects of a kind, for as long as it runs."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any, Generic, Protocol, TypeVar

from polpo.kube.backoff import Backoff
from polpo.kube.client import Client
from polpo.kube.decoding import Decoding, Warn, to_log
from polpo.kube.errors import ApiError
from polpo.kube.reflection import PAGE, Change, List, Reflection, Watch
from polpo.kube.resources import Object, Resource
from polpo.runtime.clock import monotonic

WATCH_S = 300  # a watch is asked for this long, up to twice: clients part from one another
OVERDUE_S = 30  # after that one that says nothing is dead

T = TypeVar("T", bound=Object)
Changed = Callable[[list[Change[T]]], None]


class Known(Protocol):
    @property
    def synced(self) -> bool:
        """All that there was is known."""


async def all_synced(followed: Collection[Known], news: asyncio.Event) -> None:
    """`news` is set whenever one may have become so, and is cleared."""
    while not all(one.synced for one in followed):
        await news.wait()
        news.clear()


class Reflector(Generic[T]):
    """`changed` gets what one read has brought, in order; `synced` is called once, after the first
    whole list. `labels` and `fields` are selectors in the API's own text; `warn` gets lines for
    people."""

    def __init__(
        self,
        client: Client,
        resource: Resource[T],
        changed: Changed[T],
        synced: Callable[[], None] = lambda: None,
        *,
        namespace: str = "",
        labels: str = "",
        fields: str = "",
        backoff: Backoff | None = None,
        watch_s: int = WATCH_S,
        warn: Warn = to_log,
        page: int = PAGE,
        overdue_s: float = OVERDUE_S,
    ) -> None:
        self._client, self._resource = client, resource
        self._changed, self._synced = changed, synced
        self._path = resource.path(namespace)
        self._query = {"labelSelector": labels, "fieldSelector": fields}
        self._query = {name: text for name, text in self._query.items() if text}
        self._reflection: Reflection[T] = Reflection(backoff, page)
        self._watch_s, self._overdue_s, self._warn = watch_s, overdue_s, warn
        self._decoding: Decoding[T] = Decoding(resource, warn)

    @property
    def synced(self) -> bool:
        return self._reflection.synced

    async def run(self) -> None:
        """To the end of its task; nothing that a server does ends it."""
        while True:
            wait_s = await self._step()
            if wait_s:
                await asyncio.sleep(wait_s)

    async def _step(self) -> float:
        """One list page or one watch; answers how long to wait then."""
        ask = self._reflection.ask()
        try:
            if isinstance(ask, List):
                await self._list(ask)
                return 0.0
            return await self._watch(ask)
        except ApiError as error:
            wait_s = self._reflection.failed(error.status, error.retry_after_s)
            if error.status != 410:
                self._warn(
                    f"the Kubernetes API failed us, {self._resource.plural} again in "
                    f"{wait_s:.1f} s: {error} (status {error.status})"
                )
            return wait_s

    async def _list(self, ask: List) -> None:
        query: dict[str, Any] = dict(self._query)
        if ask.limit:
            query["limit"] = ask.limit
        if ask.continue_:
            query["continue"] = ask.continue_
        body = await self._client.call("GET", self._path, query)
        first = not self._reflection.synced
        self._deliver(self._reflection.page(self._decoding.page(body)))
        if first and self._reflection.synced:
            self._synced()

    async def _watch(self, ask: Watch) -> float:
        seconds = int(self._watch_s * (1 + random.random()))
        query = self._query | {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": ask.revision,
            "timeoutSeconds": str(seconds),
        }
        begun, events = monotonic(), 0
        with _overdue(self._client):
            async with (
                asyncio.timeout(seconds + self._overdue_s),
                self._client.stream(self._path, query) as pieces,
            ):
                async for lines in _lines(pieces):
                    events += len(lines)
                    self._deliver(self._reflection.events(self._decoding.events(lines)))
        return self._reflection.ended(monotonic() - begun, events)

    def _deliver(self, changes: list[Change[T]]) -> None:
        if changes:
            self._changed(changes)


@contextlib.contextmanager
def _overdue(client: Client) -> Any:
    try:
        yield
    except TimeoutError:
        raise ApiError(0, f"a watch at {client.cluster.server} has not ended in time") from None


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[list[bytes]]:
    """Whole lines, those of one read together."""
    rest = b""
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        whole = [line for line in lines if line]
        if whole:
            yield whole
