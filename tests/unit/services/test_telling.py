"""The network is told what differs, whatever it was told before."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from polpo.kube import objects
from polpo.kube.reflection import Change
from polpo.model.told import ToldService
from polpo.services.index import Index
from polpo.services.telling import Batch, Telling
from polpo.testing.kubernetes.objects import endpoints, service


class Network:
    """What it has been told."""

    def __init__(self) -> None:
        self.has: dict[str, ToldService] = {}
        self.batches: list[Batch] = []

    def settle(self, telling: Telling, index: Index) -> None:
        while True:
            batch = telling.next()
            if batch.put or batch.remove:
                self.batches.append(batch)
            for id in batch.remove:
                del self.has[id]
            self.has |= {one.id: one for one in batch.put}
            telling.told(batch)
            if not index.touched:
                return


def a_service(n: int, uid: int, port: int = 80) -> Change[objects.Service]:
    given = service(f"s{n}", "default", f"10.254.0.{n}", ports=f":tcp:{port}")
    given["metadata"]["uid"] = f"u{n}-{uid}"
    return Change(f"default/s{n}", msgspec.convert(given, objects.Service))


def a_slice(n: int, of: int, address: int) -> Change[objects.EndpointSlice]:
    made = endpoints(f"e{n}", f"s{of}", ports=":tcp:80", addresses=[f"10.100.0.{address}"])
    return Change(f"default/e{n}", msgspec.convert(made, objects.EndpointSlice))


few = st.integers(0, 2)
events: st.SearchStrategy[Change[Any]] = st.one_of(
    st.builds(a_service, few, few, st.sampled_from((80, 81))),
    few.map(lambda n: Change(f"default/s{n}", None)),
    st.builds(a_slice, few, few, few),
    few.map(lambda n: Change(f"default/e{n}", None)),
)


def feed(index: Index, change: Change[Any]) -> None:
    of_slice = "/e" in change.key
    (index.slices if of_slice else index.services)([change])


@given(st.lists(st.lists(events, max_size=4), max_size=6), st.integers(0, 3))
def test_what_is_told_comes_to_what_is_wanted(turns: list[list[Change[Any]]], again: int) -> None:
    """Also when somebody begins anew with what the network says that it has."""
    index, network = Index(), Network()
    telling, seen = Telling(index, ()), list[Change[Any]]()
    for turn, changes in enumerate(turns):
        seen += changes
        if turn == again:
            index = Index()
            for change in seen:
                feed(index, change)
            telling = Telling(index, network.has.values())
        else:
            for change in changes:
                feed(index, change)
        network.settle(telling, index)
        assert network.has == {one.id: one for one in index.all_wanted()}


def test_nothing_new_is_not_told() -> None:
    index, network = Index(), Network()
    telling = Telling(index, ())
    feed(index, a_service(1, 1))
    network.settle(telling, index)
    feed(index, a_service(1, 1))
    network.settle(telling, index)
    assert len(network.batches) == 1


def test_many_are_told_in_several_requests() -> None:
    index, network = Index(), Network()
    for n in range(1200):
        given = service(f"s{n}", "default", "10.254.0.1", ports=":tcp:80")
        given["metadata"]["uid"] = f"u{n}"
        index.services([Change(f"default/s{n}", msgspec.convert(given, objects.Service))])
    network.settle(Telling(index, ()), index)
    assert [len(batch.put) for batch in network.batches] == [500, 500, 200]
