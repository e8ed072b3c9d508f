"""What a host makes of its feed is what the compiler says it must have; however it is cut."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from polpo.api.hosts_v1 import batch as batch_module
from polpo.api.hosts_v1 import feed as feed_module
from polpo.api.hosts_v1.feed import Feed
from polpo.api.metrics import Metrics
from polpo.compiler.slices import all_slices, carried, host_name
from polpo.compiler.view import View
from polpo.model.host import Host
from polpo.model.network import Network, Subnet
from polpo.model.port import FixedIP, Port
from polpo.model.router import INTERFACE, Router
from polpo.model.security_group import SecurityGroupRule
from polpo.store.store import Store
from polpo.store.transaction import Transaction
from polpo.target.rows import Slices
from polpo.target.wire import Line, apply_line, decode_line

HOSTS = ("h0", "h1", "h2")


class Listener:
    """A host that reads its feed for as long as it is told, and keeps what it has."""

    def __init__(self, feed: Feed, host: str) -> None:
        self._feed, self.host = feed, host
        self.slices: Slices = {}
        self.revision = 0
        self.lines: list[Line] = []

    async def read_until(self, revision: int) -> list[Line]:
        """One stream, from where it stands to that revision; the lines it took."""
        said: list[Line] = []
        async with asyncio.timeout(30):
            async for text in self._feed.stream(self.host, self.revision, lambda: True):
                for line in map(decode_line, text.splitlines()):
                    said.append(line)
                    apply_line(self.slices, line)
                    self.revision = line.revision or self.revision
                if said[-1].revision is not None and self.revision >= revision:
                    break
        self.lines += said
        self._forget_unneeded(said)
        return said

    def _forget_unneeded(self, said: list[Line]) -> None:
        """As an agent does when its own slice begins anew."""
        if any(line.full and line.slice == host_name(self.host) for line in said):
            named = {line.slice for line in said}
            self.slices = {name: rows for name, rows in self.slices.items() if name in named}


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(database_url, lambda: "now")
    await opened.write(make_cloud)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def feed(store: Store, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Feed]:
    monkeypatch.setattr(feed_module, "GATHER_S", 0.001)
    made = Feed(store, Metrics())
    running = asyncio.create_task(made.run())
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def make_cloud(tx: Transaction) -> None:
    for n, host in enumerate(HOSTS):
        tx.put(Host(id=f"H{n}", name=host, address=f"192.0.2.{n}", token_hash=f"t{n}"))
    for n in range(2):
        tx.put(Network(id=f"N{n}", vni=n + 1, mtu=1450))
        tx.put(Subnet(id=f"S{n}", network_id=f"N{n}", ip_version=4, cidr=f"10.{n}.0.0/24"))


def put_port(tx: Transaction, number: int, network: int, host: str) -> None:
    tx.put(
        Port(
            id=f"P{number}",
            network_id=f"N{network}",
            mac_address=f"02:00:00:00:00:{number:02x}",
            fixed_ips=(FixedIP(f"S{network}", f"10.{network}.0.{number}"),),
            host=host,
            security_groups=("g",),
            wiring=tx.revision,
        )
    )


def put_rule(tx: Transaction, number: int) -> None:
    tx.put(
        SecurityGroupRule(
            id=f"R{number % 4}",
            security_group_id="g",
            direction="ingress",
            ethertype="IPv4",
            protocol="tcp",
            port_range_min=number,
            port_range_max=number,
        )
    )


def join(tx: Transaction, number: int, network: int) -> None:
    """The router, with one interface in the network."""
    tx.put(Router(id=f"R{number}", vni=number + 8))
    tx.put(
        Port(
            id=f"I{number}{network}",
            network_id=f"N{network}",
            mac_address=f"02:00:00:00:01:{number}{network}",
            fixed_ips=(FixedIP(f"S{network}", f"10.{network}.0.{200 + number}"),),
            device_id=f"R{number}",
            device_owner=INTERFACE,
        )
    )


def part(tx: Transaction, number: int, network: int) -> None:
    port = tx.snapshot.get(Port, f"I{number}{network}")
    if port is not None:
        tx.remove(port)


async def edit(store: Store, random: random.Random) -> None:
    """One write of any kind."""
    number, network, host = random.randrange(1, 12), random.randrange(2), random.choice(HOSTS)
    present = store.snapshot.get(Port, f"P{number}")
    if present is not None and random.random() < 0.5:
        await store.write(lambda tx: tx.remove(present))
    elif random.random() < 0.2:
        await store.write(lambda tx: put_rule(tx, random.randrange(1, 99)))
    elif random.random() < 0.3:
        change = random.choice((join, join, part))
        await store.write(lambda tx: change(tx, number % 2, network))
    else:
        await store.write(lambda tx: put_port(tx, number, network, host))


def must_have(store: Store, host: str) -> Slices:
    view, slices = View(store.snapshot), all_slices(store.snapshot)
    needed = carried(view, host) | {host_name(host)}
    return {name: rows for name, rows in slices.items() if name in needed and rows}


def has(listener: Listener) -> Slices:
    return {name: rows for name, rows in listener.slices.items() if rows}


async def test_a_host_from_nothing_gets_all_that_it_needs_and_no_more(
    store: Store, feed: Feed
) -> None:
    await store.write(lambda tx: put_port(tx, 1, 0, "h0"))
    await store.write(lambda tx: put_port(tx, 2, 1, "h1"))
    listener = Listener(feed, "h0")
    await listener.read_until(store.snapshot.revision)
    assert has(listener) == must_have(store, "h0")
    assert set(listener.slices) == {"host/h0", "hosts", "network/1"}


@pytest.mark.parametrize("seed", range(6))
async def test_streams_cut_anywhere_lead_to_the_same_target(
    store: Store, feed: Feed, seed: int
) -> None:
    dice, listeners = random.Random(seed), [Listener(feed, host) for host in HOSTS]
    for _ in range(40):
        await edit(store, dice)
        if dice.random() < 0.4:
            listener = dice.choice(listeners)
            await listener.read_until(store.snapshot.revision)
            assert has(listener) == must_have(store, listener.host)
    for listener in listeners:
        await listener.read_until(store.snapshot.revision)
        assert has(listener) == must_have(store, listener.host)


@pytest.mark.parametrize("seed", range(4))
async def test_a_restarted_controller_goes_on_where_the_host_is(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    listener = Listener(Feed(store, Metrics()), "h1")
    for _ in range(10):
        for _ in range(5):
            await edit(store, dice)
        listener._feed = Feed(store, Metrics())  # its log is empty, its head the newest
        said = await listener.read_until(store.snapshot.revision)
        assert has(listener) == must_have(store, "h1")
        assert len(listener.lines) == len(said) or host_name("h1") not in {
            line.slice for line in said if line.full
        }


async def test_a_host_that_is_not_concerned_hears_the_revision_and_nothing_else(
    store: Store, feed: Feed
) -> None:
    listener = Listener(feed, "h2")
    await listener.read_until(store.snapshot.revision)
    await store.write(lambda tx: put_port(tx, 1, 0, "h0"))
    await wait_for_head(feed, store)
    said = await listener.read_until(store.snapshot.revision)
    assert [(line.slice, line.revision) for line in said] == [(None, store.snapshot.revision)]


async def test_a_network_comes_whole_and_goes_with_a_word(store: Store, feed: Feed) -> None:
    await store.write(lambda tx: put_port(tx, 1, 0, "h0"))
    listener = Listener(feed, "h1")
    await listener.read_until(store.snapshot.revision)
    await store.write(lambda tx: put_port(tx, 2, 0, "h1"))
    await wait_for_head(feed, store)
    said = await listener.read_until(store.snapshot.revision)
    assert [(line.slice, line.full) for line in said if line.slice != "host/h1"] == [
        ("network/1", True),
        (None, False),
    ]
    await store.write(lambda tx: put_port(tx, 2, 0, ""))
    await wait_for_head(feed, store)
    said = await listener.read_until(store.snapshot.revision)
    assert [line.slice for line in said if line.dropped] == ["network/1"]


async def test_a_router_comes_with_the_domain_and_goes_with_it(store: Store, feed: Feed) -> None:
    for network in range(2):
        await store.write(lambda tx, n=network: join(tx, 0, n))  # type: ignore[misc]
    listener = Listener(feed, "h1")
    await listener.read_until(store.snapshot.revision)
    assert set(listener.slices) == {"host/h1", "hosts"}
    await store.write(lambda tx: put_port(tx, 2, 0, "h1"))
    await wait_for_head(feed, store)
    said = await listener.read_until(store.snapshot.revision)
    shared = {"network/1", "network/2", "router/8"}
    assert {line.slice for line in said if line.full} == shared
    assert has(listener) == must_have(store, "h1")
    await store.write(lambda tx: put_port(tx, 2, 0, ""))
    await wait_for_head(feed, store)
    said = await listener.read_until(store.snapshot.revision)
    assert {line.slice for line in said if line.dropped} == shared


async def test_texts_of_what_is_gone_are_forgotten(store: Store, feed: Feed) -> None:
    await store.write(lambda tx: join(tx, 0, 0))
    await store.write(lambda tx: put_port(tx, 2, 0, "h1"))
    await Listener(feed, "h1").read_until(store.snapshot.revision)
    assert set(feed._full._texts) == {"hosts", "network/1", "router/8"}
    router = store.snapshot.get(Router, "R0")
    assert router is not None
    await store.write(lambda tx: tx.remove(router))
    await wait_for_head(feed, store)
    feed._full.prune(feed._log.head)
    assert set(feed._full._texts) == {"hosts", "network/1"}


async def test_a_shared_slice_is_encoded_once_for_all(store: Store, feed: Feed) -> None:
    for n, host in enumerate(HOSTS):
        await store.write(lambda tx, n=n, host=host: put_port(tx, n + 1, 0, host))  # type: ignore[misc]
    await wait_for_head(feed, store)
    first = await feed._full.lines("network/1", feed._log.head)
    assert await feed._full.lines("network/1", feed._log.head) is first


async def test_a_stream_that_falls_out_of_the_log_is_cut(
    store: Store, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_module, "LOG_BATCHES", 3)
    await wait_for_head(feed, store)
    stream = feed.stream("h0", 0, lambda: True)
    await anext(stream)  # a reader that then reads no more, for many revisions
    for n in range(1, 9):
        await store.write(lambda tx, n=n: put_port(tx, n, 0, "h0"))  # type: ignore[misc]
        await wait_for_head(feed, store)
    async with asyncio.timeout(30):
        rest = [text async for text in stream]
    revisions = [decode_line(t.splitlines()[-1]).revision or 0 for t in rest]
    assert all(revision < store.snapshot.revision for revision in revisions)


async def test_a_revision_from_the_future_begins_anew(store: Store, feed: Feed) -> None:
    """The database was restored from a backup: what the host has is another history's."""
    listener = Listener(feed, "h0")
    listener.revision = 1_000
    await listener.read_until(0)
    assert listener.revision == store.snapshot.revision
    assert has(listener) == must_have(store, "h0")


async def test_closing_ends_all_streams(store: Store, feed: Feed) -> None:
    streams = [feed.stream(host, 0, lambda: True) for host in HOSTS]
    reading = asyncio.gather(*(drain(stream) for stream in streams))
    await asyncio.sleep(0.05)
    feed.close()
    await asyncio.wait_for(reading, 1)


async def drain(stream: AsyncIterator[bytes]) -> None:
    async for _ in stream:
        pass


async def wait_for_head(feed: Feed, store: Store) -> None:
    async with asyncio.timeout(30):
        while feed._log.head.revision < store.snapshot.revision:
            await feed._moved.wait()
