"""Keeps what instances have seen of members: which ones do not work, for the switches' sake.

HAProxy knows by itself. What the switches carry has to be told to all hosts, so it is an object.
Each replica of the controller does this; what is to be is worked out within the transaction again.
"""

import asyncio
from collections.abc import Iterator, Mapping

from polpo.api.balancing import Balanced
from polpo.api.hosts_v1.reports import Reports
from polpo.api.placer import first
from polpo.model.load_balancer import Listener, LoadBalancer, Member, Outage
from polpo.model.snapshot import Snapshot
from polpo.store.store import Store
from polpo.store.transaction import Transaction

LOOK_S = 5.0
"""Members are looked at when a host says something new of them, and so often."""

CONCERNED = (LoadBalancer, Listener, Member, Outage)
DOWN = "DOWN"


class Outages:
    def __init__(self, store: Store, reports: Reports) -> None:
        self._store, self._reports = store, reports
        self._woken = asyncio.Event()
        self._done: Snapshot | None = None
        reports.on_members = self._woken.set

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            heard = self._woken.is_set()
            self._woken.clear()
            revision = self._store.snapshot.revision
            await self.look(heard)
            await first(self._store.wait_after(revision), self._woken.wait(), within_s=LOOK_S)

    async def look(self, heard: bool = True) -> None:
        """Once: write what is to be. `heard`: a host may have said something new."""
        snapshot = self._store.snapshot
        same = self._done is not None and snapshot.has_the_same(self._done, *CONCERNED)
        self._done = snapshot
        if (heard or not same) and any(self._changes(snapshot)):
            await self._store.write(self._write)

    def _write(self, tx: Transaction) -> None:
        for outage, is_out in list(self._changes(tx.snapshot)):
            tx.put(outage) if is_out else tx.remove(outage)

    def _changes(self, snapshot: Snapshot) -> Iterator[tuple[Outage, bool]]:
        """Outages that are not kept yet; and those that are over, or nobody's any more."""
        balanced = Balanced(self._reports, snapshot)
        for outage in snapshot.all(Outage):
            if snapshot.get(LoadBalancer, outage.load_balancer_id) is None:
                yield outage, False
        for balancer in snapshot.all(LoadBalancer):
            if _is_switched(snapshot, balancer):
                yield from _of(snapshot, balancer, balanced.carrying(balancer).members)


def _is_switched(snapshot: Snapshot, balancer: LoadBalancer) -> bool:
    listeners = snapshot.by(Listener, "load_balancer", balancer.id)
    return any(listener.is_switched(balancer.provider) for listener in listeners)


def _of(
    snapshot: Snapshot, balancer: LoadBalancer, seen: Mapping[str, str]
) -> Iterator[tuple[Outage, bool]]:
    """A member of which nothing is said stays as it was."""
    members = {member.id for member in snapshot.by(Member, "load_balancer", balancer.id)}
    kept = {o.id: o for o in snapshot.by(Outage, "load_balancer", balancer.id)}
    for id, outage in kept.items():
        if id not in members or seen.get(id, DOWN) != DOWN:
            yield outage, False
    for id in members - kept.keys():
        if seen.get(id) == DOWN:
            yield Outage(id=id, load_balancer_id=balancer.id), True
