"""Of Services that want one place one has it, whatever the order in which they came."""

from itertools import permutations

from polpo.model.service import ServicePort as Port
from polpo.model.told import ToldService
from polpo.services.clashes import Clashes, Place, places_of, without

SHOWN = "203.0.113.7"


def one(name: str, address: str = "10.254.0.1", port: int = 80, node_port: int = 0) -> ToldService:
    ports = (Port("tcp", port, node_port=node_port), Port("udp", 53))
    return ToldService(name, name, (address,), ports, external=(SHOWN,))


def losers(*given: tuple[ToldService, str]) -> dict[str, dict[Place, str]]:
    """The same in each order."""
    found = []
    for order in permutations(given):
        clashes = Clashes()
        for service, since in order:
            clashes.put(service.name, places_of(service, since))
        found.append({s.name: lost for s, _ in given if (lost := clashes.lost(s.name))})
    assert all(each == found[0] for each in found)
    return found[0]


def test_who_was_made_first_has_the_place() -> None:
    at = Place(SHOWN, "udp", 53)
    found = losers((one("a", port=80), "2"), (one("b", port=81), "1"), (one("c", port=82), "3"))
    assert found == {"a": {at: "b"}, "c": {at: "b"}}


def test_a_cluster_ip_is_nobody_elses() -> None:
    thief = ToldService("t", "t", ("10.254.0.9",), (Port("tcp", 80),), external=("10.254.0.1",))
    found = losers((thief, "1"), (one("web"), "2"))
    assert found == {"t": {Place("10.254.0.1", "tcp", 80): "web"}}


def test_what_is_lost_is_not_told() -> None:
    service = one("a", node_port=30080)
    lost = {Place(SHOWN, "tcp", 80): "b", Place("", "tcp", 30080): "c"}
    first, second = without(service, lost).ports
    assert (first.node_port, first.without, second.without) == (0, (SHOWN,), ())


def test_others_are_looked_at_when_a_place_is_taken_or_left() -> None:
    clashes = Clashes()
    assert clashes.put("a", places_of(one("a"), "1")) == set()
    assert clashes.put("b", places_of(one("b"), "2")) == {"a"}
    assert clashes.put("b", places_of(one("b"), "2")) == set()
    assert clashes.put("a", {}) == {"b"}
    assert clashes.lost("b") == {}


def test_nothing_is_left_of_who_has_gone() -> None:
    clashes = Clashes()
    clashes.put("a", places_of(one("a"), "1"))
    clashes.put("a", {})
    assert not clashes._rivals
