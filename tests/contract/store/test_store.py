"""What the store promises, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio

from polpo.model.host import Host
from polpo.model.network import Network
from polpo.model.port import FixedIP, Port
from polpo.store import store as store_module
from polpo.store.errors import Missing, Taken, Unavailable, Unfit
from polpo.store.store import Store
from polpo.store.transaction import Transaction

NOW = "2026-11-23T20:00:00Z"


def port(number: int, address: str = "", network: str = "N") -> Port:
    return Port(
        id=f"P{number}",
        network_id=network,
        mac_address=f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}",
        fixed_ips=(FixedIP("S", address or f"10.0.{number >> 8}.{number & 255}"),),
    )


def put(*objects: Any) -> Callable[[Transaction], Any]:
    return lambda tx: [tx.put(obj) for obj in objects][-1]


def contents(store: Store) -> dict[tuple[str, str], Any]:
    return {(obj.kind, obj.id): obj for obj in store.snapshot.objects()}


@pytest_asyncio.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    opened = await Store.open(database_url, lambda: NOW)
    yield opened
    await opened.close()


async def test_a_write_makes_one_revision_and_says_what_changed(store: Store) -> None:
    made = await store.write(put(port(1), port(2)))
    assert made.revision == store.snapshot.revision == 1
    assert (made.created_at, made.revision_number) == (NOW, 0)
    changed = await store.write(put(port(2, "10.9.9.9")))
    assert (changed.revision, changed.revision_number) == (2, 1)
    changes = await store.changes_since(0)
    assert changes is not None
    assert [(c.revision, c.subject.id, c.before is None) for c in changes] == [
        (1, "P1", True),
        (1, "P2", True),
        (2, "P2", False),
    ]


async def test_a_write_that_changes_nothing_makes_no_revision(store: Store) -> None:
    assert await store.write(lambda tx: tx.revision) == 1
    assert store.snapshot.revision == 0


async def test_what_was_acknowledged_is_there_after_reopening(
    store: Store, database_url: str
) -> None:
    await store.write(put(port(1), Network(id="N", vni=1, mtu=1450)))
    await store.write(lambda tx: tx.remove(port(1)))
    again = await Store.open(database_url, lambda: NOW)
    assert again.snapshot.revision == 2
    assert contents(again) == contents(store)
    assert len(await again.changes_since(0) or ()) == 3
    await again.close()


async def test_a_taken_claim_refuses_the_whole_write(store: Store) -> None:
    await store.write(put(port(1)))
    with pytest.raises(Taken) as refused:
        await store.write(put(port(2), port(3, "10.0.0.1")))
    assert (refused.value.key, refused.value.holder) == ("10.0.0.1", "P1")
    assert store.snapshot.get(Port, "P2") is None
    assert store.snapshot.revision == 1


async def test_a_claim_that_is_given_up_can_be_taken_in_the_same_write(store: Store) -> None:
    await store.write(put(port(1), port(2)))

    def swap(tx: Transaction) -> None:
        tx.remove(port(1))
        tx.put(port(2, "10.0.0.1"))
        tx.put(port(3, "10.0.0.2"))

    await store.write(swap)
    assert store.snapshot.holder("address/S", "10.0.0.1") == "P2"
    assert store.snapshot.holder("address/S", "10.0.0.2") == "P3"


async def test_writes_of_one_batch_fail_alone(store: Store) -> None:
    def refuse(_tx: Transaction) -> None:
        raise KeyError("mine")

    outcomes = await asyncio.gather(
        store.write(put(port(1))),
        store.write(refuse),
        store.write(put(port(2, "10.0.0.1"))),
        store.write(lambda tx: tx.remove(port(9))),
        store.write(put(port(3))),
        return_exceptions=True,
    )
    kinds = [type(outcome) for outcome in outcomes]
    assert kinds == [Port, KeyError, Taken, Missing, Port]
    assert {p.id for p in store.snapshot.all(Port)} == {"P1", "P3"}


async def test_what_the_database_has_no_place_for_keeps_nobody_else_from_writing(
    postgresql: Any,
) -> None:
    store = await Store.open(postgresql.new_database(), lambda: NOW)
    bad = [Host(id=id, name="h", address="192.0.2.1", token_hash="") for id in ("x" * 65, "a\0")]
    outcomes = await asyncio.gather(
        store.write(put(port(1))),
        *(store.write(put(one)) for one in bad),
        store.write(put(port(3))),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [Port, Unfit, Unfit, Port]
    await store.close()


async def test_a_hundred_writers_get_a_hundred_addresses(store: Store) -> None:
    def take_next(number: int) -> Callable[[Transaction], Port]:
        def act(tx: Transaction) -> Port:
            taken = tx.snapshot.claimed("address/S")
            free = next(a for n in range(1, 255) if (a := f"10.0.0.{n}") not in taken)
            return tx.put(port(number, free))

        return act

    ports = await asyncio.gather(*(store.write(take_next(n)) for n in range(100)))
    assert {p.fixed_ips[0].ip_address for p in ports} == {f"10.0.0.{n}" for n in range(1, 101)}


async def test_waiting_ends_with_the_next_revision(store: Store) -> None:
    waiting = asyncio.create_task(store.wait_after(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    await store.write(put(port(1)))
    await asyncio.wait_for(waiting, 1)


async def test_what_memory_has_forgotten_is_read_from_the_database(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "KEPT_IN_MEMORY", 3)
    store._recent = type(store._recent)(maxlen=3)
    for number in range(1, 8):
        await store.write(put(port(number)))
    for since in range(8):
        changes = await store.changes_since(since)
        assert changes is not None
        assert [c.revision for c in changes] == list(range(since + 1, 8))


async def test_what_the_database_has_forgotten_is_not_known(
    store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "KEPT_IN_DATABASE", 0)
    for number in range(1, 1002):
        await store.write(put(port(number)))
    again = await Store.open(database_url, lambda: NOW)
    assert await again.changes_since(500) is None
    assert [c.revision for c in await again.changes_since(1000) or ()] == [1001]
    assert await again.changes_since(1001) == []
    await again.close()


async def test_reports_are_kept_beside_the_revisions(store: Store) -> None:
    await store.save_statuses({"h1": "one", "h2": "two"}, 10.0)
    await store.save_statuses({"h1": "three"}, 20.0)
    assert await store.load_statuses() == [("h2", 10.0, "two"), ("h1", 20.0, "three")]
    assert await store.load_statuses(after=10.0) == [("h1", 20.0, "three")]
    assert store.snapshot.revision == 0


async def test_a_database_that_cannot_be_opened_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        await Store.open("sqlite:////nowhere/at/all.db", lambda: NOW)


@pytest.mark.postgresql
async def test_replicas_share_revisions_and_claims(postgresql: Any) -> None:
    url = postgresql.new_database()
    one, two = [await Store.open(url, lambda: NOW) for _ in range(2)]
    following = asyncio.create_task(two.follow())
    await one.write(put(port(1), Host(id="H", name="h", address="a", token_hash="t")))
    await asyncio.wait_for(two.wait_after(0), 5)
    assert contents(two) == contents(one)
    with pytest.raises(Taken):
        await two.write(put(port(2, "10.0.0.1")))
    made = await asyncio.gather(
        *(s.write(put(port(n + 10 * i))) for n in range(20, 30) for i, s in enumerate((one, two))),
        return_exceptions=True,
    )
    assert all(isinstance(m, Port) for m in made)
    await one.refresh()
    await two.refresh()
    assert contents(one) == contents(two)
    assert [c.revision for c in await one.changes_since(1) or ()] == list(range(2, 22))
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    await one.close()
    await two.close()
