"""The controller places gateways: once however many replicas do, and never for a short silence."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from polpo.api.hosts_v1.reports import Reports
from polpo.api.placer import Placer
from polpo.model.host import Host
from polpo.model.load_balancer import INSTANCE, LoadBalancer
from polpo.model.network import Network
from polpo.model.object import Object
from polpo.model.placement import INSTANCES, Placement, instance_id
from polpo.model.port import Port
from polpo.model.router import Router
from polpo.store.store import Store
from polpo.target.status import Status

PATIENCE_S = 15.0
ROUTERS = 20


class Replica:
    """A controller: its store, what it has heard, its clock, its placer."""

    def __init__(self, store: Store) -> None:
        self.store, self.time = store, 1000.0
        self.reports = Reports(lambda: self.time, lambda: self.time)
        self.placer = Placer(store, self.reports, lambda: self.time, PATIENCE_S)

    def hear(self, *hosts: str, uplink: str = "physnet1", **more: Any) -> None:
        for host in hosts:
            status = Status(revision=9, uplinks={uplink: "eth1"} if uplink else {}, **more)
            self.reports.hear(host, msgspec.json.encode(status))

    async def wait(self, seconds: float, *hosts: str, **more: Any) -> None:
        """Meanwhile these go on to report, and we to look."""
        end = self.time + seconds
        while self.time < end:
            self.time += 1.0
            self.hear(*hosts, **more)
            await self.placer.look()

    def where(self) -> dict[str, set[str]]:
        """Router -> hosts."""
        found: dict[str, set[str]] = {}
        for placement in self.store.snapshot.all(Placement):
            found.setdefault(placement.function_id, set()).add(placement.host)
        return found


def made(tx: Any) -> None:
    for name in "abc":
        tx.put(Host(id=f"H{name}", name=name, address=f"192.0.2.{ord(name)}", token_hash=name))
    tx.put(
        Network(
            id="E",
            vni=1,
            mtu=1450,
            external=True,
            network_type="flat",
            physical_network="physnet1",
        )
    )
    for n in range(ROUTERS):
        tx.put(
            Router(id=f"R{n:02}", vni=10 + n, external_network_id="E", gateway_port_id=f"P{n:02}")
        )


@pytest_asyncio.fixture
async def replica(database_url: str) -> AsyncIterator[Replica]:
    store = await Store.open(database_url, lambda: "now")
    await store.write(made)
    yield Replica(store)
    await store.close()


async def test_routers_are_placed_on_hosts_with_their_uplink(replica: Replica) -> None:
    await replica.placer.look()
    assert replica.where() == {}
    replica.hear("a", "b")
    replica.hear("c", uplink="other")
    await replica.placer.look()
    assert replica.where() == {f"R{n:02}": {"a", "b"} for n in range(ROUTERS)}


async def test_what_has_no_gateway_any_more_loses_its_homes(replica: Replica) -> None:
    replica.hear("a", "b")
    await replica.placer.look()
    router = replica.store.snapshot.get(Router, "R00")
    assert router is not None
    await replica.store.write(lambda tx: tx.remove(router))
    await replica.placer.look()
    assert "R00" not in replica.where()


async def test_many_replicas_place_once(replica: Replica, database_url: str) -> None:
    """Each with a store of its own where the database is shared."""
    shared = replica.store.is_shared
    others = [
        Replica(await Store.open(database_url, lambda: "now") if shared else replica.store)
        for _ in range(3)
    ]
    for one in (replica, *others):
        one.hear("a", "b", "c")
    await asyncio.gather(*(one.placer.look() for one in (replica, *others)))
    for one in (replica, *others):
        await one.store.refresh()
        placements = list(one.store.snapshot.all(Placement))
        assert len(placements) == 2 * ROUTERS
        assert len({(p.function_id, p.host) for p in placements}) == 2 * ROUTERS
        assert {p.revision_number for p in placements} == {0}, "each was written once"
        if one.store is not replica.store:
            await one.store.close()


async def test_a_host_that_is_silent_for_long_is_replaced(replica: Replica) -> None:
    replica.hear("a", "b")
    await replica.placer.look()
    vnis = tuple(range(10, 10 + ROUTERS))
    await replica.wait(PATIENCE_S - 1, "b", "c", active=vnis, ready=vnis, looked=99)
    assert replica.where()["R00"] == {"a", "b"}
    await replica.wait(3, "b", "c", active=vnis, ready=vnis, looked=99)
    assert all(hosts == {"b", "c"} for hosts in replica.where().values())


async def test_it_is_known_since_when_an_instance_is_where_it_is(replica: Replica) -> None:
    """Floating IPs are as their gateway's host says from then on."""
    replica.hear("a", "b")
    await replica.placer.look()
    vnis = tuple(range(10, 10 + ROUTERS))
    first = replica.store.snapshot.revision
    assert {p.since for p in replica.store.snapshot.all(Placement)} == {first}
    await replica.wait(PATIENCE_S + 2, "b", "c", active=vnis, ready=vnis, looked=99)
    for placement in replica.store.snapshot.all(Placement):
        assert (placement.since == first) == (placement.host == "b")


async def test_a_silent_agents_host_that_others_hear_is_left_alone(replica: Replica) -> None:
    replica.hear("a", "b")
    await replica.placer.look()
    await replica.wait(3 * PATIENCE_S, "b", "c", heard=("192.0.2.97",))
    assert replica.where()["R00"] == {"a", "b"}
    await replica.wait(3 * PATIENCE_S, "b", "c")
    assert replica.where()["R00"] == {"b", "c"}


async def test_an_uplink_that_is_away_shortly_moves_nothing(replica: Replica) -> None:
    replica.hear("a", "b", "c")
    await replica.placer.look()
    await replica.wait(PATIENCE_S + 1, "a", "b", "c")
    before, revision = replica.where(), replica.store.snapshot.revision
    await replica.wait(PATIENCE_S - 2, "a", "b", "c", uplink="")
    await replica.wait(PATIENCE_S + 1, "a", "b", "c")
    assert replica.where() == before
    assert replica.store.snapshot.revision == revision


async def test_a_controller_that_has_slept_blames_nobody(replica: Replica) -> None:
    """Whoever reports first is not the only one alive."""
    replica.hear("a", "b", "c")
    await replica.placer.look()
    before = replica.where()
    replica.time += 3600
    replica.hear("c")
    await replica.placer.look()
    await replica.wait(5, "c")
    assert replica.where() == before
    await replica.wait(PATIENCE_S + 1, "a", "b", "c")
    assert replica.where() == before


async def test_nothing_is_written_while_nothing_changes(replica: Replica) -> None:
    replica.hear("a", "b", "c")
    await replica.placer.look()
    revision = replica.store.snapshot.revision
    await replica.wait(60, "a", "b", "c")
    assert replica.store.snapshot.revision == revision


async def test_it_looks_by_itself_when_something_moves(replica: Replica) -> None:
    task = asyncio.create_task(replica.placer.run())
    replica.hear("a", "b")
    async with asyncio.timeout(30):
        while len(replica.where()) < ROUTERS:
            await replica.store.wait_after(replica.store.snapshot.revision)
    await replica.store.write(
        lambda tx: tx.put(Router(id="N", vni=99, external_network_id="E", gateway_port_id="P"))
    )
    async with asyncio.timeout(30):
        while "N" not in replica.where():
            await replica.store.wait_after(replica.store.snapshot.revision)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_load_balancers_ports_are_bound_where_its_instances_are(replica: Replica) -> None:
    """Also on hosts without an uplink; and they move with the instance."""
    await replica.store.write(lambda tx: [tx.put(x) for x in balanced()])
    replica.hear("a", "b", "c", uplink="")
    await replica.placer.look()
    assert replica.where()["B"] == bound(replica) == {"a", "b"}
    roles = {"active": (99,), "ready": (99,), "looked": 99}
    await replica.wait(PATIENCE_S + 2, "b", "c", uplink="", **roles)
    assert replica.where()["B"] == bound(replica) == {"b", "c"}


def balanced() -> Iterator[Object]:
    yield LoadBalancer(id="B", vni=99, vip_address="10.0.0.9", vip_network_id="N", vip_port_id="V")
    for n in INSTANCES:
        yield Port(
            id=f"P{n}",
            network_id="N",
            mac_address=f"02:00:00:00:00:0{n}",
            device_id=instance_id("B", n),
            device_owner=INSTANCE,
        )


def bound(replica: Replica) -> set[str]:
    ports = list(replica.store.snapshot.by(Port, "network", "N"))
    assert all(port.wiring == port.revision for port in ports)
    return {port.host for port in ports}
