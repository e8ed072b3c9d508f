"""`cache`: what is kept, for how long, and what is not."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from polpo.dns.plugins.cache.items import Item, Store, kind_of, traits_of
from polpo.dns.plugins.cache.setup import Bounds, Cache
from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Rcode, Record, Reply, Type
from polpo.testing.resolver import Resolver
from polpo.testing.upstream import FakeUpstream, addressed, always, silent

Caching = Callable[..., Resolver]
NAME = from_text("a.test")
SOA = Record(NAME, Type.SOA, 600, b"\0\0" + bytes(16) + (120).to_bytes(4, "big"))
VALUE = Cache((b"\0",), Bounds(10, 3600), Bounds(10, 1800))


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    one = await FakeUpstream().start()
    yield one
    await one.stop()


@pytest.fixture
def caching_with(upstream: FakeUpstream, serve: Callable[[str], Resolver]) -> Caching:
    """A resolver with these words behind `cache`, and so much patience with its upstream."""

    def make(cache: str, patience: str = "30s") -> Resolver:
        options = f"read_timeout {patience}\n max_fails 0"
        forward = f"forward . 127.0.0.1:{upstream.port} {{\n {options}\n}}"
        return serve(f". {{\n cache {cache}\n {forward}\n}}")

    return make


async def test_a_reply_is_asked_for_once(upstream: FakeUpstream, caching_with: Caching) -> None:
    caching = caching_with("30")
    first = await caching.ask("A.test")
    assert first.answer[0].ttl_s == 30
    await caching.ask("a.TEST")
    await caching.ask("a.test", protocol="tcp")
    assert upstream.asked == ["A.test."]
    assert caching.count("coredns_cache_hits_total", "success") == 2
    assert caching.count("coredns_cache_misses_total") == 1
    assert caching.count("coredns_cache_entries", "success") == 1


async def test_bytes_are_kept_for_a_second_and_count_as_hits(
    upstream: FakeUpstream, caching_with: Caching
) -> None:
    caching = caching_with("30")
    await caching.ask("a.test")
    assert caching.is_kept("a.test")
    await caching.ask("a.test")
    assert caching.count("coredns_cache_hits_total", "success", ".") >= 1


@pytest.mark.parametrize(
    ("reply", "kind", "life_s"),
    [
        (Reply(answer=(Record(NAME, 1, 300, b"aaaa"),)), "success", 300),
        (Reply(answer=(Record(NAME, 1, 1, b"aaaa"),)), "success", 5),
        (Reply(answer=(Record(NAME, 1, 90000, b"aaaa"),)), "success", 3600),
        (Reply(Rcode.NXDOMAIN, authority=(SOA,)), "denial", 120),
        (Reply(authority=(SOA,)), "denial", 120),
        (Reply(Rcode.NXDOMAIN), "denial", 5),
        (Reply(Rcode.SERVFAIL), "denial", 5),
        (Reply(Rcode.REFUSED), "", 0),
        (Reply(answer=(Record(NAME, 1, 300, b"aaaa"),) * 201), "", 0),
    ],
)
def test_what_is_kept_for_how_long(reply: Reply, kind: str, life_s: float) -> None:
    found = kind_of(traits_of(reply), NAME, VALUE)
    assert (found.name, found.life_s) == (kind, life_s)


def test_a_store_has_a_bound() -> None:
    store = Store(3)
    for number in range(10):
        store.put((bytes((number,)), 1, False, False), Item(Reply(), 5, 0))
    assert len(store.items) == 3


async def test_denials_are_kept_and_may_be_excluded(
    upstream: FakeUpstream, caching_with: Caching
) -> None:
    upstream.answers = always(Reply(Rcode.NXDOMAIN, authority=(SOA,), authoritative=False))
    caching = caching_with("{\n disable denial b.test\n}")
    for name in ("a.test", "A.test", "b.test", "B.test"):
        assert (await caching.ask(name)).rcode == Rcode.NXDOMAIN
    assert upstream.asked == ["a.test.", "b.test.", "B.test."]


async def test_ttls_are_kept_as_they_came(upstream: FakeUpstream, caching_with: Caching) -> None:
    caching = caching_with("30 {\n keepttl\n}")
    await caching.ask("a.test")
    assert (await caching.ask("A.test")).answer[0].ttl_s == 300


async def test_a_stale_reply_is_served_when_the_upstream_is_away(
    upstream: FakeUpstream, caching_with: Caching
) -> None:
    caching = caching_with("1 {\n success 100 1 0\n serve_stale 1h\n}", "500ms")
    await caching.ask("a.test")
    upstream.answers = silent
    await asyncio.sleep(1.1)
    stale = await caching.ask("A.test")
    assert [record.ttl_s for record in stale.answer] == [0]
    assert caching.count("coredns_cache_served_stale_total") == 1
    upstream.answers = addressed()
    while (await caching.ask("a.test")).answer[0].ttl_s == 0:  # noqa: ASYNC110 - a server
        await asyncio.sleep(0.05)


async def test_verify_asks_first(upstream: FakeUpstream, caching_with: Caching) -> None:
    caching = caching_with("1 {\n success 100 1 0\n serve_stale 1h verify\n}", "2s")
    await caching.ask("a.test")
    await asyncio.sleep(1.1)
    upstream.answers = addressed(b"\x0a\0\0\1")
    assert (await caching.ask("A.test")).answer[0].data == b"\x0a\0\0\1"
    await asyncio.sleep(1.1)
    upstream.answers = silent
    assert (await caching.ask("a.Test")).answer[0].data == b"\x0a\0\0\1"


async def test_what_is_asked_often_is_fetched_before_it_ends(
    upstream: FakeUpstream, caching_with: Caching
) -> None:
    caching = caching_with("2 {\n success 100 2 0\n prefetch 1 1m 90%\n}")
    await caching.ask("a.test")
    await asyncio.sleep(0.5)
    await caching.ask("A.test")
    while len(upstream.asked) < 2:  # noqa: ASYNC110 - a server
        await asyncio.sleep(0.02)
    assert caching.count("coredns_cache_prefetch_total") == 1


async def test_memory_is_bounded_whatever_is_asked(
    upstream: FakeUpstream, caching_with: Caching
) -> None:
    caching = caching_with("30 {\n success 50\n}")
    for number in range(120):
        await caching.ask(f"n{number}.test")
    assert caching.count("coredns_cache_entries", "success") == 50
    assert caching.count("coredns_cache_evictions_total", "success") == 70
