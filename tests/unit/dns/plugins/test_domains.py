"""`domains`: answers under wildcards are told, and wait until hosts know their addresses."""

import asyncio
from collections.abc import Callable, Iterable

import pytest

from polpo.dns.corefile.block import CorefileError
from polpo.dns.corefile.parse import parse
from polpo.dns.plugins.domains import handler, setup
from polpo.dns.plugins.domains.words import Known, Pair, Wanted, read_pairs, written
from polpo.dns.server.plan import make_plan
from polpo.dns.wire.message import Message
from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Record, Reply
from polpo.testing.kubernetes.api_server import until
from polpo.testing.resolver import Resolver
from polpo.testing.upstream import Answers, FakeUpstream, always

EXAMPLE = from_text("example.com")
FIRST, SECOND = b"\xc0\0\2\1", b"\xc0\0\2\2"
WWW = "www.example.com"


class Server:
    """A resolver whose control is the test."""

    def __init__(self, resolver: Resolver, upstream: FakeUpstream) -> None:
        self.resolver, self.upstream = resolver, upstream
        self.told: list[Pair] = []
        self.resolver.listen("domains", lambda message: self.told.extend(read_pairs(message)))

    def want(self, *names: bytes, holds: bool = True) -> None:
        self.resolver.assembly.apply(0, "domains", written(Wanted(names, holds)))

    def know(self, pairs: Iterable[Pair]) -> None:
        self.resolver.assembly.apply(0, "domains", written(Known(tuple(pairs))))

    async def waiting(self) -> "asyncio.Task[Message]":
        """One whose addresses are told."""
        asking = self.asking()
        await until(lambda: bool(self.told))
        return asking

    def asking(self, name: str = WWW, type: str = "A") -> "asyncio.Task[Message]":
        return asyncio.create_task(self.resolver.ask(name, type))

    def count(self, what: str) -> float:
        return self.resolver.count(f"polpo_dns_domains_{what}_total")


Serving = Callable[..., Server]


@pytest.fixture
async def serving(
    start: Callable[..., "asyncio.Future[FakeUpstream]"],
    serve: Callable[[str], Resolver],
    monkeypatch: pytest.MonkeyPatch,
) -> Serving:
    """Answers wait for a minute unless a test says otherwise."""
    monkeypatch.setattr(setup, "LONGEST_S", 60)
    upstream = await start()

    def make(hold: str = "60s", rest: str = "cache 30", answers: Answers | None = None) -> Server:
        upstream.answers = answers or upstream.answers
        forward = f"forward . 127.0.0.1:{upstream.port}"
        text = f". {{\n domains {{\n hold {hold}\n }}\n {rest}\n {forward}\n}}"
        return Server(serve(text), upstream)

    return make


async def test_an_answer_waits_until_its_addresses_are_known_and_no_other_does(
    serving: Serving,
) -> None:
    server = serving()
    server.want(EXAMPLE)
    asking = await server.waiting()
    assert (server.told, asking.done()) == ([(EXAMPLE, FIRST)], False)
    assert (await server.resolver.ask("www.example.net")).answer
    assert (await server.resolver.ask("example.com")).answer
    assert (await server.resolver.ask("notexample.com")).answer
    server.know(server.told)
    assert (await asking).answer[0].data == FIRST
    assert (await server.resolver.ask("deep.er.example.com")).answer, "an address is told once"
    assert (len(server.told), server.count("held"), server.count("late")) == (1, 1, 0)


async def test_one_telling_is_enough_for_all_who_ask_meanwhile(serving: Serving) -> None:
    server = serving()
    server.want(EXAMPLE)
    asking = [server.asking(), server.asking("a.example.com"), server.asking("b.example.com")]
    await until(lambda: server.count("held") == 3)
    server.know(server.told)
    assert all(message.answer for message in await asyncio.gather(*asking))
    assert server.told == [(EXAMPLE, FIRST)]


async def test_no_answer_waits_longer_than_it_may(serving: Serving) -> None:
    server = serving(hold="1ms")
    server.want(EXAMPLE)
    assert (await server.resolver.ask(WWW)).answer
    assert not server.resolver.is_kept(WWW), "the next asks for what is known by then"
    assert server.count("late") == 1
    server.know(server.told)
    assert (await server.resolver.ask(WWW)).answer
    assert server.resolver.is_kept(WWW)
    assert server.count("late") == 1


async def test_nothing_waits_while_nobody_would_be_waited_for_and_it_is_told(
    serving: Serving,
) -> None:
    server = serving()
    server.want(EXAMPLE)
    asking = await server.waiting()
    server.want(EXAMPLE, holds=False)
    assert (await asking).answer
    server.upstream.answers = always(Reply(answer=(Record(from_text(WWW), 1, 30, SECOND),)))
    assert (await server.resolver.ask("b.example.com")).answer
    assert server.told == [(EXAMPLE, FIRST), (EXAMPLE, SECOND)]
    assert server.count("held") == 1


async def test_without_control_nothing_waits(serving: Serving) -> None:
    server = serving()
    server.want(EXAMPLE)
    server.resolver.listen("domains", None)
    assert (await server.resolver.ask(WWW)).answer
    assert not server.resolver.is_kept(WWW)


async def test_what_was_answered_before_a_wildcard_came_is_told_then(serving: Serving) -> None:
    server = serving()
    await server.resolver.ask(WWW)
    assert server.resolver.is_kept(WWW)
    server.want(EXAMPLE)
    asking = await server.waiting()
    server.know(server.told)
    await asking
    assert server.upstream.asked == [f"{WWW}."], "the cache has it"
    server.want()
    server.want(EXAMPLE)
    asking = server.asking()
    await until(lambda: len(server.told) == 2)
    server.know(server.told[1:])
    await asking


async def test_the_name_that_was_asked_for_counts_and_not_its_aliases(serving: Serving) -> None:
    alias, real = from_text("www.example.net"), from_text("cdn.example.com")
    for asked, told in ((real, [(EXAMPLE, FIRST), (EXAMPLE, SECOND)]), (alias, [])):
        other = alias if asked is real else real
        reply = Reply(
            answer=(
                Record(asked, 5, 30, other),
                Record(other, 1, 30, FIRST),
                Record(other, 1, 30, SECOND),
            )
        )
        server = serving(hold="1ms", rest="", answers=always(reply))
        server.want(EXAMPLE)
        await server.resolver.ask("cdn.example.com" if asked is real else "www.example.net")
        assert server.told == told


async def test_a_name_under_two_wildcards_is_told_under_both(serving: Serving) -> None:
    server = serving(hold="0")
    deeper = from_text("b.example.com")
    server.want(EXAMPLE, deeper)
    await server.resolver.ask("a.b.example.com")
    assert sorted(server.told) == sorted([(EXAMPLE, FIRST), (deeper, FIRST)])
    await server.resolver.ask("www.example.com", "TXT")
    assert len(server.told) == 2


async def test_who_is_in_answers_is_told_again_and_nobody_waits(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handler, "AGAIN_S", 0)
    server = serving()
    server.want(EXAMPLE)
    server.know([(EXAMPLE, FIRST)])
    assert (await server.resolver.ask(WWW)).answer
    assert server.told == [(EXAMPLE, FIRST)]
    assert server.count("held") == 0


async def test_memory_is_bounded(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handler, "MOST_KNOWN", 2)
    monkeypatch.setattr(handler, "MOST_HELD", 1)
    monkeypatch.setattr(handler, "MOST_OF_ANSWER", 3)
    records = [Record(from_text(WWW), 1, 30, bytes((192, 0, 2, n))) for n in range(9)]
    server = serving(answers=always(Reply(answer=tuple(records))))
    server.want(EXAMPLE)
    waiting = server.asking()
    await until(lambda: server.count("held") == 1)
    assert (await server.resolver.ask("b.example.com")).answer, "there is no room for it to wait"
    assert len(server.told) == 3
    server.know(server.told)
    await waiting
    again = server.asking("c.example.com")
    await until(lambda: len(server.told) == 4)
    server.know(server.told[3:])
    await again
    assert server.told[3] == server.told[0], "what was told longest ago"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("domains x", "takes 0"),
        ("domains {\n hold 2s\n}", "at most 1s"),
        ("domains {\n held 1s\n}", "no option held"),
        ("domains\n autopath @kubernetes", "not with autopath"),
        ("domains\n domains", "only once"),
    ],
)
def test_a_wrong_corefile_is_refused(words: str, said: str) -> None:
    with pytest.raises(CorefileError, match=said):
        make_plan(parse(f". {{\n {words}\n whoami\n}}", "Corefile"), 53)
