"""Snapshots: old ones stay, indexes follow, bulk building is the same as one by one."""

from polpo.model.network import Network
from polpo.model.port import FixedIP, Port
from polpo.model.snapshot import Snapshot
from polpo.store.transaction import Transaction


def port(number: int, host: str = "", groups: tuple[str, ...] = ()) -> Port:
    return Port(
        id=f"P{number}",
        network_id="N",
        mac_address=f"02:00:00:00:00:{number:02x}",
        fixed_ips=(FixedIP("S", f"10.0.0.{number}"),),
        host=host,
        security_groups=groups,
    )


def test_a_snapshot_does_not_see_later_writes() -> None:
    before = Snapshot().put(port(1, "h1"))
    after = before.put(port(1, "h2")).put(port(2, "h2"))
    assert [p.host for p in before.all(Port)] == ["h1"]
    assert before.count_by(Port, "host", "h2") == 0
    assert {p.id for p in after.by(Port, "host", "h2")} == {"P1", "P2"}
    assert after.count_by(Port, "host", "h1") == 0


def test_removing_leaves_nothing_behind() -> None:
    snapshot = Snapshot().put(port(1, "h1")).remove(port(1))
    assert list(snapshot.objects()) == []
    assert snapshot.holder("address/S", "10.0.0.1") is None
    assert snapshot.count_by(Port, "network", "N") == 0
    assert snapshot.remove(port(1)) is snapshot


def test_bulk_building_is_the_same_as_one_by_one() -> None:
    objects = [Network(id="N", vni=7, mtu=1450), *(port(n, f"h{n % 3}", ("g",)) for n in range(99))]
    bulk, single = Snapshot.of(objects, 5), Snapshot()
    for obj in objects:
        single = single.put(obj)
    assert bulk.revision == 5
    assert (bulk._objects, bulk._claims, bulk._index, bulk._traits) == (
        single._objects,
        single._claims,
        single._index,
        single._traits,
    )


def test_a_trait_is_there_as_long_as_an_object_with_it() -> None:
    snapshot = Snapshot.of([port(1, "h1", ("b", "a")), port(2, "h1", ("a", "b"))], 1)
    assert set(snapshot.traits(Port, "carried_by", "N")) == {"h1"}
    assert set(snapshot.traits(Port, "guarding", "b")) == {("h1", ("a", "b"))}
    moved = snapshot.put(port(1, "h2", ("a",)))
    assert set(moved.traits(Port, "guarding", "a")) == {("h1", ("a", "b")), ("h2", ("a",))}
    left = moved.remove(port(2))
    assert set(left.traits(Port, "carried_by", "N")) == {"h2"}
    assert not left.has_trait(Port, "guards", "h1", ("a", "b"))
    assert snapshot.has_trait(Port, "guards", "h1", ("a", "b")), "older snapshots stay"
    assert not left.put(port(1))._traits


def test_a_transaction_notes_each_object_once() -> None:
    tx = Transaction(Snapshot().put(port(1)), 8, "now")
    tx.put(port(1, "h1"))
    tx.put(port(1, "h2"))
    tx.put(port(2))
    tx.remove(port(2))
    (change,) = tx.changes()
    assert change.before is not None
    assert change.after is not None
    assert (change.before.host, change.after.host, change.revision) == ("", "h2", 8)
