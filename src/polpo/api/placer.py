"""Places network functions, as `placement` says: when something moves, and once a second.

Each replica of the controller does so. What is to be is worked out once more within the transaction
that writes it, and an instance and a home are claims: nothing is there twice.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog
from msgspec.structs import replace

from polpo.api.hosts_v1.reports import Reports
from polpo.api.listening import Listening
from polpo.model.host import Host
from polpo.model.load_balancer import LoadBalancer
from polpo.model.network import Network
from polpo.model.placement import Placement
from polpo.model.port import Port
from polpo.model.router import Router
from polpo.model.snapshot import Snapshot
from polpo.placement.binding import rebound
from polpo.placement.homes import Said
from polpo.placement.needs import needs
from polpo.placement.place import place
from polpo.placement.presence import Presence, homes
from polpo.runtime.clock import Clock
from polpo.store.store import Store
from polpo.store.transaction import Transaction

LOOK_S = 1.0
"""How late it is seen that a host is silent."""

GATHER_S = 0.1
"""At most one look in this time."""

CONCERNED = (Router, LoadBalancer, Network, Host, Placement)


class Placer:
    """`clock` is monotonic, that of the reports. Silence is borne for `patience_s`."""

    def __init__(self, store: Store, reports: Reports, clock: Clock, patience_s: float) -> None:
        self._store = store
        self._listening = Listening(reports, clock, patience_s)
        self._done: tuple[Snapshot, Presence, Said] | None = None
        self._woken = asyncio.Event()
        self._log = structlog.get_logger("polpo.controller")
        reports.on_gateways = self._woken.set

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._woken.clear()
            revision = self._store.snapshot.revision
            await self.look()
            await first(self._store.wait_after(revision), self._woken.wait(), within_s=LOOK_S)
            await asyncio.sleep(GATHER_S)

    async def look(self) -> None:
        """Once: write what is to be, if it is something else than what is."""
        snapshot = self._store.snapshot
        if not any(snapshot.count(kind) for kind in (Router, LoadBalancer, Placement)):
            return
        presence, said = self._listening.presence(), self._listening.said()
        if self._done is not None:
            before, *heard = self._done
            if heard == [presence, said] and snapshot.has_the_same(before, *CONCERNED):
                return
        if any(_changes(snapshot, presence, said)):
            await self._store.write(lambda tx: _write(tx, presence, said))
        self._done = (snapshot, presence, said)


def _changes(
    snapshot: Snapshot, presence: Presence, said: Said
) -> tuple[list[Placement], list[Placement], list[Port]]:
    """Placements to be removed, and to be put; and ports to be put."""
    now = {placement.id: placement for placement in snapshot.all(Placement)}
    wanted = place(needs(snapshot), homes(snapshot, presence), now.values(), said)
    left = {placement.id for placement in wanted}
    gone = [placement for id, placement in now.items() if id not in left]
    come = [placement for placement in wanted if now.get(placement.id) != placement]
    return gone, come, list(rebound(snapshot, wanted))


def _write(tx: Transaction, presence: Presence, said: Said) -> None:
    gone, come, ports = _changes(tx.snapshot, presence, said)
    for placement in gone:
        tx.remove(placement)
    for placement in come:
        before = tx.snapshot.get(Placement, placement.id)
        stays = before is not None and before.host == placement.host
        tx.put(placement if stays else replace(placement, since=tx.revision))
    for port in ports:
        tx.put(replace(port, wiring=tx.revision))


async def first(*waits: Coroutine[Any, Any, Any], within_s: float) -> None:
    """Returns when one of them does, or when it is time."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
