"""What is sent to prove a trace, where it is looked for, and what sightings come to."""

import pytest
from msgspec.structs import replace
from tests.dataplane import packets

from polpo.model.object import Object
from polpo.model.probe import Probe, ProbePlace
from polpo.testing.traced import GATEWAY, PORTS, snapshot
from polpo.trace.engine import trace
from polpo.trace.live import Mark, Outcome, Sighted, is_seen, is_whole, outcome, probe
from polpo.trace.values import Question, Trace
from polpo.trace.workload import frame
from polpo.trace.world import Seen, World

TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
ENDING = bytes(range(16))


def asked(to: str, *more: Object, number: int = 80) -> tuple[Trace, Probe | None]:
    world = World(snapshot(*more), Seen(active={9: "h3"}))
    question = Question("a1", to, TCP, number)
    found = trace(world, question)
    return found, probe(world, question, found, Mark("id", ENDING, 50000, "then"))


def test_all_hosts_on_the_way_look_for_it() -> None:
    _, made = asked("10.1.0.22")
    assert made is not None
    assert made.sender == "a1"
    assert made.places == (ProbePlace("h1", ("a1",)), ProbePlace("h2", ("b2",)))
    assert bytes.fromhex(made.frame)[:12] == packets.mac("02:00:00:00:00:fe02:00:00:00:00:0b")
    assert made.ending == ENDING.hex()


def test_and_the_gateway_outside() -> None:
    _, made = asked("9.9.9.9", *GATEWAY)
    assert made is not None
    assert made.places == (ProbePlace("h1", ("a1",)), ProbePlace("h3", gateways=(9,)))


def test_what_would_never_leave_its_workload_is_not_sent() -> None:
    assert asked("10.0.0.99")[1] is None
    assert asked("10.1.0.22", replace(PORTS[0], host=""))[1] is None


@pytest.mark.parametrize("protocol", [TCP, UDP, ICMP])
@pytest.mark.parametrize("to", ["10.1.0.22", "fd01::16"])
def test_it_has_right_checksums(protocol: int, to: str) -> None:
    protocol = ICMPV6 if protocol == ICMP and ":" in to else protocol
    source = "fd00::b" if ":" in to else "10.0.0.11"
    made = frame(bytes(12), source, Question("a1", to, protocol, 80), b"some data", 50001)
    assert packets.whole(made)
    assert made.endswith(b"some data")


@pytest.mark.parametrize(
    ("sighted", "verdict"),
    [
        ({}, "not sent"),
        ({"h1": {"sent"}}, "lost"),
        ({"h1": {"sent", "out"}, "h2": {"in"}}, "lost"),
        ({"h1": {"sent", "out"}, "h2": {"in", "to/b2"}}, "delivered"),
        ({"h1": {"sent", "to/a1"}, "h2": {"in", "to/b2"}}, "delivered"),
        ({"h1": {"sent", "to/a1"}}, "answered"),
        ({"h1": {"sent", "out"}, "h3": {"in", "left/9"}}, "left"),
        ({"h1": {"sent", "dropped/egress_policy"}}, "dropped"),
        ({"h1": {"dropped/egress_policy"}}, "not sent"),
        ({"h1": {"sent", "dropped/malformed"}, "h2": {"to/b2"}}, "delivered"),
    ],
)
def test_what_became_of_it(sighted: Sighted, verdict: str) -> None:
    assert outcome("a1", sighted).verdict == verdict


def test_a_drop_has_to_be_for_the_reason_that_was_foretold() -> None:
    found, _ = asked("10.1.0.22", number=443)
    assert Outcome("dropped", frozenset({"ingress_policy", "malformed"})).agrees(found)
    assert not Outcome("dropped", frozenset({"malformed"})).agrees(found)
    assert not Outcome("lost").agrees(found)
    assert Outcome("delivered").agrees(asked("10.1.0.22")[0])


def test_steps_that_can_be_seen_are() -> None:
    found, _ = asked("10.1.0.22")
    whole = {"h1": {"sent", "out"}, "h2": {"in", "to/b2"}}
    seen = [is_seen(step, found, "a1", whole) for step in found.steps]
    assert seen == [True, None, None, None, True, None, True]
    half = {"h1": {"sent", "out"}, "h2": set[str]()}
    assert [is_seen(step, found, "a1", half) for step in found.steps][4::2] == [False, False]
    left, _ = asked("9.9.9.9", *GATEWAY)
    assert is_seen(left.steps[-1], left, "a1", {"h3": {"left/9"}})
    dropped, _ = asked("10.1.0.22", number=443)
    assert is_seen(dropped.steps[-1], dropped, "a1", {"h2": {"dropped/ingress_policy"}})
    assert not is_seen(dropped.steps[-1], dropped, "a1", {"h1": {"dropped/ingress_policy"}})
    answered = replace(found, steps=(replace(found.steps[-1], kind="answer"),))
    assert is_seen(answered.steps[-1], answered, "a1", {"h1": {"to/a1"}})


def test_it_is_followed_until_each_host_on_the_way_has_said_so() -> None:
    """The last host's word may come before that of one on the way."""
    found, _ = asked("10.1.0.22")
    assert not is_whole(found, "a1", {"h1": {"sent", "out"}, "h2": {"to/b2"}})
    assert not is_whole(found, "a1", {"h2": {"in", "to/b2"}})
    assert is_whole(found, "a1", {"h1": {"sent", "out"}, "h2": {"in", "to/b2"}})
