"""What instances see of members becomes objects, where a switch has to be told."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest_asyncio

from polpo.api.hosts_v1.reports import Reports
from polpo.api.outages import Outages
from polpo.model.host import Host
from polpo.model.load_balancer import Listener, LoadBalancer, Member, Outage, Pool
from polpo.model.object import Object
from polpo.model.placement import Placement, instance_id
from polpo.store.store import Store
from polpo.target.balancer import Balancing
from polpo.target.status import Status

OF: dict[str, Any] = {"load_balancer_id": "B"}
VNI = 30


def made(tx: Any) -> None:
    tx.put(
        LoadBalancer(id="B", vni=VNI, vip_address="10.0.0.9", vip_network_id="N", vip_port_id="V")
    )
    tx.put(Listener(id="l", protocol="UDP", protocol_port=53, default_pool_id="p", **OF))
    tx.put(Pool(id="p", protocol="UDP", lb_algorithm="ROUND_ROBIN", **OF))
    for n in (1, 2):
        tx.put(Member(id=f"m{n}", pool_id="p", address=f"10.0.0.{n}", protocol_port=53, **OF))
    for instance, host in ((3, "a"), (4, "b")):
        tx.put(Host(id=f"H{host}", name=host, address=f"192.0.2.{instance}", token_hash=host))
        id = instance_id("B", instance)
        tx.put(Placement(id=id, function_id="B", instance=instance, host=host, priority=200))


class Watch:
    """A controller that hears host `a`, which has the active one, and looks."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.reports = Reports(lambda: 0.0, lambda: 0.0)
        self.outages = Outages(store, self.reports)

    async def hear(self, host: str = "a", active: tuple[int, ...] = (VNI,), **seen: str) -> None:
        status = Status(revision=9, active=active, balancing={VNI: Balancing(members=seen)})
        self.reports.hear(host, msgspec.json.encode(status))
        await self.outages.look()

    async def remove(self, kind: type[Object], id: str) -> None:
        found = self.store.snapshot.get(kind, id)
        assert found is not None
        await self.store.write(lambda tx: tx.remove(found))

    def out(self) -> set[str]:
        return {outage.id for outage in self.store.snapshot.all(Outage)}


@pytest_asyncio.fixture
async def watch(database_url: str) -> AsyncIterator[Watch]:
    store = await Store.open(database_url, lambda: "now")
    await store.write(made)
    yield Watch(store)
    await store.close()


async def test_a_member_is_out_while_the_active_instance_says_so(watch: Watch) -> None:
    await watch.hear(m1="UP", m2="DOWN")
    assert watch.out() == {"m2"}
    await watch.hear("b", (), m1="DOWN", m2="UP")  # the standby is not asked
    assert watch.out() == {"m2"}
    await watch.hear(m1="UP", m2="UP")
    assert watch.out() == set()


async def test_what_is_known_stays_while_nobody_says_anything(watch: Watch) -> None:
    await watch.hear(m1="UP", m2="DOWN")
    await watch.hear(active=())
    assert watch.out() == {"m2"}


async def test_nothing_is_written_twice(watch: Watch) -> None:
    await watch.hear(m1="UP", m2="DOWN")
    revision = watch.store.snapshot.revision
    await watch.hear(m1="UP", m2="DOWN")
    await watch.outages.look(heard=False)
    assert watch.store.snapshot.revision == revision


async def test_outages_go_with_what_they_are_of(watch: Watch) -> None:
    await watch.hear(m1="DOWN", m2="DOWN")
    await watch.remove(Member, "m1")
    await watch.outages.look(heard=False)
    assert watch.out() == {"m2"}
    await watch.remove(LoadBalancer, "B")
    await watch.outages.look(heard=False)
    assert watch.out() == set()


async def test_what_haproxy_carries_needs_no_words(watch: Watch) -> None:
    tcp = Listener(id="l", protocol="TCP", protocol_port=53, default_pool_id="p", **OF)
    await watch.store.write(lambda tx: tx.put(tcp))
    await watch.hear(m1="UP", m2="DOWN")
    assert watch.out() == set()
