"""Domain names of policies: asked again as answers grow old, and kept for an hour."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import dns.rrset
import msgspec
import pytest
import pytest_asyncio

from polpo.kube.reflection import Change
from polpo.policy.index import Index
from polpo.policy.names import FAILED_S, LATEST_S, Answer, Ask, Names, resolver
from polpo.policy.objects import ClusterNetworkPolicy
from polpo.policy.seen import KEEP_S, Seen
from polpo.testing.kubernetes.objects import cluster_policy


class World:
    """A name server, a clock, and policies that speak of names."""

    def __init__(self) -> None:
        self.now_s, self.asked, self.changes = 100.0, list[str](), 0
        self.answers: dict[str, Answer] = {}
        self.index = Index()
        seen = Seen(self.index.places, lambda: self.now_s)
        self.names = Names(self.index.places, seen, self.ask, self.changed, lambda: self.now_s)

    async def ask(self, name: str) -> Answer:
        self.asked.append(name)
        if name not in self.answers:
            raise dns.exception.Timeout
        return self.answers[name]

    def changed(self) -> None:
        self.changes += 1

    def policy(self, *names: str) -> None:
        rule = {"action": "Accept", "to": [{"domainNames": names}]}
        given = cluster_policy("p", egress=[rule] if names else [])
        self.index.policies([Change("p", msgspec.convert(given, ClusterNetworkPolicy))])

    def answer(self, name: str, *addresses: str, ttl_s: float = 30) -> None:
        self.answers[name] = Answer(frozenset(addresses), ttl_s)

    def turn(self) -> float | None:
        return asyncio.run(self.names.turn())

    def has(self, name: str) -> tuple[str, ...]:
        book = self.index.places.get(f"domain/{name}")
        return book.addresses if book else ()


def test_a_name_is_asked_for_again_when_its_answer_is_old() -> None:
    world = World()
    assert world.turn() is None
    world.policy("a.example")
    world.answer("a.example", "192.0.2.1", "2001:db8::1")
    assert world.turn() == 30
    assert world.has("a.example") == ("192.0.2.1/32", "2001:db8::1/128")
    world.now_s += 29
    assert world.turn() == 1
    world.now_s += 1
    assert world.turn() == 30
    assert (world.asked, world.changes) == (["a.example"] * 2, 1)


def test_an_address_counts_for_an_hour_after_it_was_last_heard() -> None:
    world = World()
    world.policy("a.example")
    world.answer("a.example", "192.0.2.1")
    world.turn()
    world.answer("a.example", "192.0.2.2")
    world.now_s += 30
    world.turn()
    assert world.has("a.example") == ("192.0.2.1/32", "192.0.2.2/32")
    world.now_s += KEEP_S
    world.turn()
    assert world.has("a.example") == ("192.0.2.2/32",)


def test_who_does_not_answer_is_asked_soon_again_and_takes_nothing_away() -> None:
    world = World()
    world.policy("a.example", "b.example")
    world.answer("a.example", "192.0.2.1")
    assert world.turn() == FAILED_S
    del world.answers["a.example"]
    world.answer("b.example", "192.0.2.9", ttl_s=0)
    world.now_s += 30
    assert world.turn() == 1, "no name is asked for more often than each second"
    assert world.has("a.example") == ("192.0.2.1/32",)
    assert world.has("b.example") == ("192.0.2.9/32",)


def test_names_that_no_policy_says_are_not_asked_for() -> None:
    world = World()
    world.policy("A.Example.", "b.example")
    world.answer("a.example", "192.0.2.1")
    world.turn()
    world.policy("b.example")
    world.asked.clear()
    world.now_s += 300
    world.turn()
    assert world.asked == ["b.example"]
    assert world.has("a.example") == ()
    world.policy("a.example")
    assert world.has("a.example") == (), "what it stood for then is not what it stands for now"
    world.turn()
    assert world.has("a.example") == ("192.0.2.1/32",)


class NameServer(asyncio.DatagramProtocol):
    """alias.example, which is a.example; mail.example, which has no address; and nothing else."""

    RECORDS = (
        ("alias.example.", 60, "CNAME", "a.example."),
        ("a.example.", 30, "A", "192.0.2.1", "192.0.2.2"),
        ("a.example.", 7, "AAAA", "2001:db8::1"),
    )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, whom: tuple[str, int]) -> None:
        asked = dns.message.from_wire(data)
        (question,) = asked.question
        answer = dns.message.make_response(asked, recursion_available=True)
        name = question.name.to_text()
        if name not in ("alias.example.", "a.example.", "mail.example."):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        names = (name, "a.example.") if name == "alias.example." else (name,)
        for owner, ttl, kind, *values in self.RECORDS:
            if owner in names and kind in ("CNAME", dns.rdatatype.to_text(question.rdtype)):
                answer.answer.append(dns.rrset.from_text(owner, ttl, "IN", kind, *values))
        self.transport.sendto(answer.to_wire(), whom)


@pytest_asyncio.fixture
async def ask() -> AsyncIterator[Ask]:
    loop = asyncio.get_running_loop()
    made, _ = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    yield resolver("127.0.0.1", made.get_extra_info("sockname")[1])
    made.close()


async def test_both_families_are_asked_for_and_the_sooner_end_counts(ask: Ask) -> None:
    found = frozenset(("192.0.2.1", "192.0.2.2", "2001:db8::1"))
    assert await ask("a.example") == Answer(found, 7)
    assert await ask("alias.example") == Answer(found, 7)


async def test_a_name_without_addresses_is_not_one_that_is_not_there(ask: Ask) -> None:
    assert await ask("mail.example") == Answer(frozenset(), LATEST_S)
    with pytest.raises(dns.resolver.NXDOMAIN):
        await ask("none.example")
