"""A restarted controller knows what hosts had reported, and for how long to believe it."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest_asyncio
from tests.contract.hosts_v1.conftest import TurnedClock

from polpo.api.hosts_v1.report_keeping import ReportKeeping
from polpo.api.hosts_v1.reports import Reports
from polpo.api.wiring import HostWiring
from polpo.model.host import Host
from polpo.model.network import Network
from polpo.model.port import Port
from polpo.store.store import Store
from polpo.target.status import Status

PORT = Port(id="P", network_id="N", mac_address="02::1", host="h1", wiring=1)


class Replica:
    """One process: its reports, its monotonic clock, the wall's clock."""

    def __init__(self, store: Store, wall: TurnedClock) -> None:
        self.store, self.clock, self.wall = store, TurnedClock(), wall
        self.reports = Reports(self.clock, wall)
        self.keeping = ReportKeeping(store, self.reports, wall)

    def hear(self, host: str, revision: int, *ports: str) -> None:
        self.reports.hear(host, msgspec.json.encode(Status(revision=revision, ports=ports)))

    def pass_time(self, seconds: float) -> None:
        self.clock.time += seconds
        self.wall.time += seconds

    def status(self) -> str:
        return HostWiring(self.reports).port_status(self.store.snapshot, PORT)


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(database_url, lambda: "now")

    def act(tx: Any) -> None:
        for n in (1, 2):
            tx.put(Host(id=f"H{n}", name=f"h{n}", address=f"a{n}", token_hash=f"t{n}"))
        tx.put(Network(id="N", vni=7, mtu=1450))
        tx.put(PORT)

    await opened.write(act)
    yield opened
    await opened.close()


async def test_a_restart_turns_no_port_down(store: Store) -> None:
    wall = TurnedClock()
    before = Replica(store, wall)
    before.hear("h1", 1, "P")
    await before.keeping._save()
    wall.time += 3600  # the controller was away for an hour, the switches were not
    after = Replica(store, wall)
    await after.keeping.load()
    assert after.status() == "ACTIVE"
    after.pass_time(16)
    assert after.status() == "DOWN", "it had time enough to say that it is alive"


async def test_who_was_dead_before_the_restart_stays_so(store: Store) -> None:
    before = Replica(store, TurnedClock())
    before.hear("h1", 1, "P")
    await before.keeping._save()
    before.pass_time(60)
    before.hear("h2", 1)
    await before.keeping._save()
    after = Replica(store, before.wall)
    await after.keeping.load()
    assert (after.reports.is_alive("h1"), after.reports.is_alive("h2")) == (False, True)


async def test_what_did_not_change_is_not_written_again_at_once(store: Store) -> None:
    replica = Replica(store, TurnedClock())
    replica.hear("h1", 1, "P")
    await replica.keeping._save()
    first = await store.load_statuses()
    for seconds, kept in ((1, 1), (1, 1), (4, 2)):
        replica.pass_time(seconds)
        replica.hear("h1", 1, "P")
        await replica.keeping._save()
        seen = {at for _, at, _ in [*first, *await store.load_statuses()]}
        assert len(seen) == kept
    replica.pass_time(1)
    replica.hear("h1", 1)
    await replica.keeping._save()
    assert '"ports"' not in (await store.load_statuses())[0][2]


async def test_another_replica_learns_what_hosts_tell_this_one(store: Store) -> None:
    if not store.is_shared:
        return
    one, two = Replica(store, wall := TurnedClock()), Replica(store, wall)
    one.hear("h1", 1, "P")
    await one.keeping._save()
    await two.keeping._follow()
    assert two.status() == "ACTIVE"
    wall.time += 1
    one.hear("h1", 1)
    await one.keeping._save()
    await two.keeping._follow()
    assert two.status() == "DOWN"
