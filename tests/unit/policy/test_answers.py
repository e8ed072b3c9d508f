"""Wildcards: what DNS tells of counts for an hour, within bounds, while policies name them."""

import asyncio

import msgspec
import pytest

from polpo.kube.domains import Meeting, meeting_of
from polpo.kube.objects import Meta, Secret
from polpo.kube.reflection import Change
from polpo.model.told import Addresses
from polpo.policy import seen
from polpo.policy.answers import SILENT_S, Answers
from polpo.policy.index import Index
from polpo.policy.objects import ClusterNetworkPolicy
from polpo.policy.seen import KEEP_S, Seen
from polpo.policy.standing import UNHEARD, conditions
from polpo.testing.kubernetes.objects import cluster_policy

WILD = "*.example.com"


class World:
    """A clock, and policies with wildcards."""

    def __init__(self) -> None:
        self.now_s, self.changes, self.said = 100.0, 0, 0
        self.index = Index()
        self.seen = Seen(self.index.places, self.clock)
        places = self.index.places
        self.answers = Answers(places, self.seen, self.changed, self.heard, self.clock)
        self.policy(WILD)

    def clock(self) -> float:
        return self.now_s

    def changed(self) -> None:
        self.changes += 1

    def heard(self) -> None:
        self.said += 1

    def policy(self, *names: str) -> None:
        self.index.policies([Change("p", policy(*names))])
        self.answers.look()

    def has(self, name: str = WILD) -> tuple[str, ...]:
        book = self.index.places.get(f"domain/{name}")
        return book.addresses if book else ()


def policy(*names: str) -> ClusterNetworkPolicy:
    rule = {"action": "Accept", "to": [{"domainNames": names}]}
    given = cluster_policy("p", egress=[rule] if names else [])
    return msgspec.convert(given, ClusterNetworkPolicy)


def test_what_is_told_counts_for_an_hour_after_it_was_told_last() -> None:
    world = World()
    world.answers.take({WILD: ["198.51.100.1", "198.51.100.2"], "*.other.example": ["192.0.2.1"]})
    assert world.has() == ("198.51.100.1/32", "198.51.100.2/32")
    world.now_s += KEEP_S
    world.answers.take({WILD: ["198.51.100.2"]})
    world.now_s += 1
    world.answers.sweep()
    assert world.has() == ("198.51.100.2/32",)
    assert world.changes == 2


def test_what_has_become_the_clusters_own_goes() -> None:
    world = World()
    world.answers.take({WILD: ["198.51.100.1", "10.1.0.1"]})
    world.answers.own(["10.1.0.0/16"])
    world.answers.sweep()
    assert world.has() == ("198.51.100.1/32",)


def test_what_is_told_before_the_clusters_own_is_known_may_be_its_own() -> None:
    world = World()
    world.answers.take({WILD: ["10.1.0.7", "198.51.100.1"]})
    world.answers.own(["10.1.0.0/16"])
    assert world.has() == ("198.51.100.1/32",)


def test_who_begins_anew_goes_on_with_what_was_told() -> None:
    world = World()
    world.seen.adopt([Addresses(f"domain/{WILD}", ("198.51.100.1/32",)), Addresses("nodes/")])
    assert world.has() == ("198.51.100.1/32",)


def test_what_was_told_longest_ago_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seen, "MOST", 2)
    world = World()
    world.answers.take({WILD: ["198.51.100.1", "198.51.100.2"]})
    world.answers.take({WILD: ["198.51.100.1"]})
    assert world.said == 0
    world.answers.take({WILD: ["198.51.100.3"]})
    assert world.has() == ("198.51.100.1/32", "198.51.100.3/32")
    assert (world.seen.crowded, world.said) == ({WILD}, 1)


def test_a_wildcard_that_no_policy_names_is_forgotten() -> None:
    world = World()
    world.answers.take({WILD: ["198.51.100.1"]})
    world.policy()
    world.answers.take({WILD: ["198.51.100.2"]})
    world.policy(WILD)
    assert world.has() == ()


async def test_who_asks_hears_at_once_of_others_and_else_waits() -> None:
    world = World()
    first = await world.answers.wanted("")
    assert first.patterns == (WILD,)
    assert await world.answers.wanted(first.version, within_s=0.01) == first
    waiting = asyncio.create_task(world.answers.wanted(first.version))
    await asyncio.sleep(0)
    world.policy(WILD, "*.other.example", "exact.example")
    assert (await waiting).patterns == (WILD, "*.other.example")
    waiting = asyncio.create_task(world.answers.wanted((await world.answers.wanted("")).version))
    await asyncio.sleep(0)
    world.answers.end()
    assert await waiting


async def test_whether_dns_tells_is_known_by_its_asking() -> None:
    world = World()
    assert world.answers.is_heard, "it needs a moment to find us"
    world.now_s += SILENT_S
    world.answers.sweep()
    assert (world.answers.is_heard, world.said) == (False, 1)
    await world.answers.wanted("")
    assert (world.answers.is_heard, world.said) == (True, 2)


def test_a_status_says_that_nobody_tells() -> None:
    said = {one.type: one for one in conditions(policy("a.example", WILD), (), "now")}
    assert said["Accepted"].status == "True"
    found = conditions(policy("a.example", WILD), (), "now", is_heard=False)
    said = {one.type: one for one in found}
    assert said["Accepted"].message == f"spec.egress[0].to[0].domainNames[1]: {UNHEARD}"
    said = {one.type: one for one in conditions(policy("a.*.example"), (), "now")}
    assert "a wildcard is all of the first label" in said["Accepted"].message


def test_a_secret_says_where_to_tell_or_nothing() -> None:
    meeting = Meeting("https://192.0.2.1:9543", "certificate", "token")
    meta = Meta(name="polpo-domains")
    assert meeting_of(Secret(meta, data=meeting.data())) == meeting
    for data in (None, {}, {"url": "%"}, {"url": "aHR0cHM="}, {"url": "/w=="}):
        assert meeting_of(Secret(meta, data=data)) is None
