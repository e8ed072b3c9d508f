"""The feed: turns revisions into batches, and lets each stream say them at its own speed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from polpo.api.hosts_v1.batch import Batch, Log, compile_batch
from polpo.api.hosts_v1.full_texts import FullTexts
from polpo.api.hosts_v1.text import dropped_text, full_text
from polpo.api.metrics import Metrics
from polpo.compiler.changes import rewind
from polpo.compiler.slices import carried, host_name, host_slice
from polpo.compiler.view import View
from polpo.store.store import Store
from polpo.target.wire import RevisionLine, encode_line

GATHER_S = 0.02
"""At most one batch in this time: a burst of writes is one line to each host."""

HEARTBEAT_S = 5.0

MEMORY = 64
"""How many resumptions from revisions that are no batch's are remembered."""


class _Start(NamedTuple):
    """Where a stream begins: on `batch`, with the host having what it had in `had`."""

    batch: Batch
    had: View | None
    texts: dict[str, bytes]


class Feed:
    """`run` for as long as streams are wanted; `close` ends them all at once."""

    def __init__(self, store: Store, metrics: Metrics) -> None:
        self._store, self._metrics = store, metrics
        self._log = Log(Batch(View(store.snapshot), {}))
        self._full = FullTexts()
        self._moved = asyncio.Event()
        self._resumed: dict[int, tuple[Batch, _Start]] = {}
        self.closed = False

    async def run(self) -> None:
        """Until cancelled: a batch for each revision or burst of them."""
        while True:
            await self._store.wait_after(self._log.head.revision)
            await self._advance()
            self._wake()
            await asyncio.sleep(GATHER_S)

    async def beat(self) -> None:
        """Until cancelled: has every stream repeat its revision now and then."""
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._full.prune(self._log.head)
            self._wake()

    def close(self) -> None:
        self.closed = True
        self._wake()

    async def stream(
        self, host: str, since: int, is_wanted: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """Lines for the host, from what it has at `since`; ends when it must begin again."""
        start = await self._start(since)
        had = _needed(start.had, host) if start.had is not None else frozenset[str]()
        at, texts = start.batch, [start.texts]
        while is_wanted() and not self.closed:
            moved, behind = self._moved, list(at.later())
            at, texts = (behind[-1] if behind else at), texts + [b.texts for b in behind]
            needs = _needed(at.view, host) if _may_differ(had, host, texts) else had
            async for text in self._say(host, had, needs, texts, at):
                yield text
            had, texts = needs, []
            await self._until(moved, at)
            if at.lost:
                return

    async def _until(self, moved: asyncio.Event, at: Batch) -> None:
        """Returns at the next batch or beat; at once if there is a batch already."""
        if at.next is None and not at.lost and not self.closed:
            await moved.wait()

    async def _say(
        self,
        host: str,
        had: frozenset[str],
        needs: frozenset[str],
        texts: list[dict[str, bytes]],
        at: Batch,
    ) -> AsyncIterator[bytes]:
        """What leads from having `had` to having `needs` at batch `at`."""
        for slice in sorted(needs - had):
            for line in await self._full_lines(slice, host, at):
                yield line
        lines = [dropped_text(slice) for slice in sorted(had - needs)]
        kept = had & needs
        lines += [text for step in texts for slice, text in step.items() if slice in kept]
        lines.append(encode_line(RevisionLine(at.revision)))
        yield b"".join(lines)

    async def _full_lines(self, slice: str, host: str, at: Batch) -> list[bytes]:
        if slice == host_name(host):
            return full_text(slice, host_slice(at.view, host))
        return await self._full.lines(slice, at)

    async def _advance(self) -> None:
        head, snapshot = self._log.head, self._store.snapshot
        changes = await self._store.changes_since(head.revision)
        if changes is None:
            self._log.restart(Batch(View(snapshot), {}))
            return
        changes = [change for change in changes if change.revision <= snapshot.revision]
        after = head.view.after(snapshot, changes)
        with self._metrics.compile_time.time():
            batch = await asyncio.to_thread(compile_batch, head.view, after, changes)
        self._metrics.rows_compiled.inc(batch.rows)
        self._log.append(batch)

    async def _start(self, since: int) -> _Start:
        if since > self._log.head.revision:
            await self._store.refresh()  # another replica may have told it of more
            await self._catch_up()
        head = self._log.head
        if since <= 0 or since > head.revision:
            return _Start(head, None, {})
        batch = self._log.at(since)
        return _Start(batch, batch.view, {}) if batch is not None else await self._resume(since)

    async def _catch_up(self) -> None:
        while self._log.head.revision < self._store.snapshot.revision:
            await self._moved.wait()

    async def _resume(self, since: int) -> _Start:
        """From a revision that the log does not have: what has changed is compiled for once."""
        head = self._log.head
        known = self._resumed.get(since)
        if known is not None and known[0] is head:
            return known[1]
        changes = await self._store.changes_since(since)
        if changes is None:
            return _Start(head, None, {})
        changes = [change for change in changes if change.revision <= head.revision]
        had = head.view.after(rewind(head.view.snapshot, changes, since), changes)
        bridge = await asyncio.to_thread(compile_batch, had, head.view, changes)
        if len(self._resumed) >= MEMORY:
            self._resumed.clear()
        start = _Start(head, had, bridge.texts)
        self._resumed[since] = (head, start)
        return start

    def _wake(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()


def _needed(view: View, host: str) -> frozenset[str]:
    return carried(view, host) | {host_name(host)}


def _may_differ(had: frozenset[str], host: str, texts: list[dict[str, bytes]]) -> bool:
    """What a host needs follows from its own slice."""
    return not had or any(host_name(host) in step for step in texts)
