"""The store: `write` makes revisions, `snapshot` is what is, `changes_since` what happened.

Writers queue; one thread takes what has queued, locks the head row, brings the snapshot up to
what other replicas wrote, runs each writing function on it, and commits them all at once. Each
has its own revision and fails alone; the disk is waited for once. Readers never wait: they use
the newest committed snapshot, in memory.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError

from polpo.model.change import Change
from polpo.model.snapshot import Snapshot
from polpo.runtime.clock import monotonic
from polpo.store import database, follow, statuses
from polpo.store.errors import Taken, Unavailable, Unfit
from polpo.store.migrate import migrate
from polpo.store.transaction import Transaction, replay

R = TypeVar("R")

BATCH = 64
"""Most writes in one commit: bounds how long the first of them waits for the last."""

KEPT_IN_MEMORY = 20_000
KEPT_IN_DATABASE = 200_000
"""Changes that a watch can go back, in memory and in the database."""


class _Write(Generic[R]):
    """A queued write; `done` gets its result, or what it raised."""

    def __init__(self, act: Callable[[Transaction], R]) -> None:
        self.act = act
        self.done: asyncio.Future[R] = asyncio.get_running_loop().create_future()


class _Outcome(msgspec.Struct):
    """What a batch came to: per write its result or exception, and the state after it."""

    results: list[tuple[Any, BaseException | None]]
    foreign: list[Change[Any]]
    changes: list[Change[Any]]
    snapshot: Snapshot


class Store:
    """Made by `open`; ended by `close`. Its methods are for one event loop."""

    def __init__(self, engine: Engine, snapshot: Snapshot, now: Callable[[], str]) -> None:
        self.snapshot = snapshot
        self._engine = engine
        self._now = now
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._queue: list[_Write[Any]] = []
        self._writing: asyncio.Task[None] | None = None
        self._recent: deque[Change[Any]] = deque(maxlen=KEPT_IN_MEMORY)
        self._recent_from = snapshot.revision
        self._moved = asyncio.Event()
        self.on_commit: Callable[[int, float], None] = lambda writes, seconds: None

    @classmethod
    async def open(cls, url: str, now: Callable[[], str]) -> "Store":
        """Migrates if need be and reads everything. Raises Unavailable."""

        def load() -> tuple[Engine, Snapshot]:
            engine = database.connect(url)
            migrate(engine)
            with engine.begin() as connection:
                return engine, database.read_snapshot(connection)

        try:
            return cls(*await asyncio.to_thread(load), now)
        except DBAPIError as error:
            raise Unavailable(str(error.orig)) from error
        except OSError as error:
            raise Unavailable(str(error)) from error

    @property
    def is_shared(self) -> bool:
        """Whether other replicas may write to the same database."""
        return self._engine.dialect.name == "postgresql"

    async def close(self) -> None:
        """Waits for writes under way."""
        if self._writing is not None:
            await self._writing
        self._thread.shutdown()
        self._engine.dispose()

    async def write(self, act: Callable[[Transaction], R]) -> R:
        """Run `act` on the newest state and commit what it wrote: all of it, or nothing.

        Returns when it is durable. `act` runs in the writing thread, must be quick and pure, and
        may run more than once (only the last run counts). What it raises is raised here.
        Raises Taken, Missing, Unfit, Unavailable.
        """
        write = _Write(act)
        self._queue.append(write)
        if self._writing is None:
            self._writing = asyncio.create_task(self._drain())
        return await asyncio.shield(write.done)

    async def wait_after(self, revision: int) -> None:
        """Returns when there is a revision later than this."""
        while self.snapshot.revision <= revision:
            await self._moved.wait()

    async def changes_since(self, revision: int) -> list[Change[Any]] | None:
        """What later revisions changed, in order; None if that has been forgotten."""
        if revision >= self._recent_from:
            return [c for c in self._recent if c.revision > revision]
        return await self._in_thread(lambda: self._read_changes(revision))

    async def refresh(self) -> None:
        """Take in what other replicas have written."""
        outcome = await self._in_thread(lambda: self._commit([]))
        self._publish(outcome)

    async def follow(self) -> None:
        """Take in other replicas' writes as they are committed, until cancelled.

        SQLite has no other replicas: then this only waits.
        """
        if not self.is_shared:
            await asyncio.Event().wait()
        async for _ in follow.notifications(self._engine):
            await self.refresh()

    async def save_statuses(self, bodies: dict[str, str], at: float) -> None:
        """Keep what hosts reported (JSON by host name), for other replicas and after a restart."""
        await self._in_thread(lambda: statuses.save(self._engine, bodies, at))

    async def load_statuses(self, after: float = 0.0) -> list[tuple[str, float, str]]:
        """(host, at, body) of reports saved later than `after`."""
        return await self._in_thread(lambda: statuses.load(self._engine, after))

    async def _drain(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue[:BATCH], self._queue[BATCH:]
                await self._run(batch)
        finally:
            self._writing = None

    async def _run(self, batch: list[_Write[Any]]) -> None:
        """Commit a batch; if the database refuses it, each write by itself."""
        begun = monotonic()
        try:
            outcome = await self._in_thread(lambda: self._commit(batch))
        except Exception as error:
            if len(batch) > 1 and not isinstance(error, Unavailable):
                for write in batch:
                    await self._run([write])
                return
            for write in batch:
                _settle(write.done, None, error)
            return
        self._publish(outcome)
        self.on_commit(len(batch), monotonic() - begun)
        for write, (result, raised) in zip(batch, outcome.results, strict=True):
            _settle(write.done, result, raised)

    def _commit(self, batch: list[_Write[Any]]) -> _Outcome:
        """In the writing thread: the one place where revisions are made."""
        with self._engine.begin() as connection:
            head = database.lock_head(connection)
            snapshot, foreign = self.snapshot, list[Change[Any]]()
            if head > snapshot.revision:
                foreign = list(database.read_changes(connection, snapshot.revision))
                snapshot = replay(snapshot, foreign).at(head)
            outcome = _run_all(snapshot, batch, self._now())
            outcome.foreign = foreign
            if outcome.changes:
                database.write_changes(connection, outcome.changes)
                database.set_head(connection, outcome.snapshot.revision)
                self._prune(connection, head, outcome.snapshot.revision)
            return outcome

    def _prune(self, connection: Any, before: int, after: int) -> None:
        """Now and then, not at each write: when the revision passes a round number."""
        if before // 1000 != after // 1000:
            database.prune_changes(connection, after - KEPT_IN_DATABASE)

    def _read_changes(self, since: int) -> list[Change[Any]] | None:
        with self._engine.begin() as connection:
            oldest = database.oldest_change(connection)
            if oldest is None or oldest > since + 1:
                return None
            return list(database.read_changes(connection, since))

    def _publish(self, outcome: _Outcome) -> None:
        known = self.snapshot.revision
        self._remember(c for c in (*outcome.foreign, *outcome.changes) if c.revision > known)
        if outcome.snapshot.revision > known:
            self.snapshot = outcome.snapshot
            self._moved.set()
            self._moved = asyncio.Event()

    def _remember(self, changes: Iterable[Change[Any]]) -> None:
        for change in changes:
            if len(self._recent) == KEPT_IN_MEMORY:
                self._recent_from = self._recent[0].revision
            self._recent.append(change)

    async def _in_thread(self, work: Callable[[], R]) -> R:
        def guarded() -> R:
            try:
                return work()
            except IntegrityError as error:
                raise Taken("the database", str(error.orig), None) from error
            except DataError as error:  # somebody's own fault: no other write of the batch fails
                raise Unfit(str(error.orig)) from error
            except DBAPIError as error:
                raise Unavailable(str(error.orig)) from error

        running: Awaitable[R] = asyncio.get_running_loop().run_in_executor(self._thread, guarded)
        return await running


def _run_all(snapshot: Snapshot, batch: list[_Write[Any]], now: str) -> _Outcome:
    """Run the writes one after another, each on what the ones before it left."""
    outcome = _Outcome(results=[], foreign=[], changes=[], snapshot=snapshot)
    for write in batch:
        transaction = Transaction(outcome.snapshot, outcome.snapshot.revision + 1, now)
        try:
            result = write.act(transaction)
        except Exception as error:  # the writer's own refusal: it goes to its caller
            outcome.results.append((None, error))
            continue
        outcome.results.append((result, None))
        if changes := transaction.changes():
            outcome.changes += changes
            outcome.snapshot = transaction.snapshot.at(transaction.revision)
    return outcome


def _settle(done: asyncio.Future[Any], result: Any, raised: BaseException | None) -> None:
    if done.done():
        return
    if raised is None:
        done.set_result(result)
    else:
        done.set_exception(raised)
