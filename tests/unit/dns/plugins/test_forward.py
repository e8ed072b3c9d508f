"""`forward`: upstreams that answer, hang, lie and die."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from polpo.dns.wire.message import Edns
from polpo.dns.wire.record import Rcode, Record, Reply
from polpo.testing.resolver import Resolver, shown
from polpo.testing.upstream import (
    FakeUpstream,
    addressed,
    always,
    replied,
    silent,
)

Start = Callable[..., Awaitable[FakeUpstream]]
Serve = Callable[[str], Resolver]


def corefile(*upstreams: FakeUpstream, options: str = "", after: str = "") -> str:
    to = " ".join(f"127.0.0.1:{upstream.port}" for upstream in upstreams)
    return f". {{\n errors\n forward . {to} {{\n {options}\n }}\n {after}\n}}"


async def test_what_the_upstream_says_is_passed_on(start: Start, serve: Serve) -> None:
    upstream = await start()
    resolver = serve(corefile(upstream))
    answer = await resolver.ask("Www.Example.org", id=4711)
    assert answer.id == 4711
    assert answer.name == b"\3Www\7Example\3org\0"
    assert answer.flags & 0x0480 == 0x0080
    assert shown(answer.answer) == ["www.example.org. 300 A 192.0.2.1"]
    assert not resolver.is_kept("Www.Example.org")


async def test_the_same_question_is_asked_once_at_a_time(start: Start, serve: Serve) -> None:
    upstream = await start()
    resolver = serve(corefile(upstream))
    answers = await asyncio.gather(*(resolver.ask("a.test", id=n) for n in range(5)))
    assert [answer.id for answer in answers] == list(range(5))
    assert upstream.asked == ["a.test."]


async def test_a_dead_upstream_is_passed_over(start: Start, serve: Serve) -> None:
    dead, alive = await start(), await start()
    await dead.stop()
    resolver = serve(corefile(dead, alive, options="policy sequential"))
    for number in range(4):
        answer = await resolver.ask(f"a{number}.test")
        assert len(answer.answer) == 1


async def test_a_silent_upstream_is_passed_over(start: Start, serve: Serve) -> None:
    quiet, alive = await start(silent), await start()
    options = "policy sequential\n read_timeout 1s\n max_fails 1\n health_check 50ms"
    resolver = serve(corefile(quiet, alive, options=options))
    assert len((await resolver.ask("a.test")).answer) == 1
    down = resolver.count("coredns_proxy_healthcheck_failures_total")
    while down < 3:
        await asyncio.sleep(0.02)
        down = resolver.count("coredns_proxy_healthcheck_failures_total")
    asked = len([name for name in quiet.asked if name != "."])
    await resolver.ask("b.test")
    assert len([name for name in quiet.asked if name != "."]) == asked
    quiet.answers = addressed()
    while quiet.asked[-1] != "c.test.":
        await asyncio.sleep(0.02)
        await resolver.ask("c.test")


async def test_nobody_answers(
    start: Start, serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    quiet = await start(silent)
    resolver = serve(corefile(quiet, options="read_timeout 50ms"))
    assert (await resolver.ask("a.test")).rcode == Rcode.SERVFAIL
    assert "[ERROR] plugin/errors: 2 a.test. A: 127.0.0.1" in capsys.readouterr().out


def lying(message: bytes, protocol: str) -> bytes:
    """Another question, another ID, no reply at all."""
    return replied(message[:12] + message[12:].replace(b"a", b"b"), Reply())


async def test_lies_are_not_passed_on(start: Start, serve: Serve) -> None:
    liar = await start(lying)
    resolver = serve(corefile(liar, options="read_timeout 100ms"))
    assert (await resolver.ask("aaa.test")).rcode == Rcode.SERVFAIL
    garbage = await start(lambda message, protocol: b"\0" * 40)
    resolver = serve(corefile(garbage, options="read_timeout 100ms"))
    assert (await resolver.ask("aaa.test")).rcode == Rcode.SERVFAIL


def shortened(message: bytes, protocol: str) -> bytes:
    return (addressed()(message, protocol) or b"")[:-2]


async def test_a_malformed_reply_that_somebody_has_to_read_is_servfail(
    start: Start, serve: Serve
) -> None:
    upstream = await start(shortened)
    resolver = serve(corefile(upstream, after="loadbalance"))
    assert (await resolver.ask("a.test")).rcode == Rcode.SERVFAIL


def cut_by_udp(message: bytes, protocol: str) -> bytes | None:
    if protocol == "tcp":
        return addressed()(message, protocol)
    cut = bytearray(replied(message, Reply(authoritative=False)))
    cut[2] |= 2
    return bytes(cut)


async def test_a_reply_that_was_cut_is_fetched_by_tcp_with_prefer_udp(
    start: Start, serve: Serve
) -> None:
    upstream = await start(cut_by_udp)
    resolver = serve(corefile(upstream, options="prefer_udp"))
    assert len((await resolver.ask("a.test")).answer) == 1
    resolver = serve(corefile(upstream))
    assert (await resolver.ask("a.test")).flags & 0x0200


async def test_tcp_is_asked_by_tcp_on_one_connection(start: Start, serve: Serve) -> None:
    upstream = await start()
    resolver = serve(corefile(upstream, options="force_tcp"))
    names = [f"a{n}.test" for n in range(20)]
    answers = await asyncio.gather(*(resolver.ask(name) for name in names))
    assert all(answer.answer for answer in answers)
    assert upstream.connections == 1
    await resolver.ask("again.test", protocol="tcp")
    assert upstream.connections == 1


async def test_a_connection_that_ends_is_opened_again(start: Start, serve: Serve) -> None:
    upstream = await start()
    resolver = serve(corefile(upstream, options="force_tcp"))
    await resolver.ask("a.test")
    for writer in list(upstream._writers):
        writer.close()
    await asyncio.sleep(0.05)
    assert (await resolver.ask("b.test")).answer
    assert upstream.connections == 2


async def test_a_long_reply_is_cut_for_who_cannot_take_it(start: Start, serve: Serve) -> None:
    records = tuple(Record(b"\1a\4test\0", 1, 9, bytes((10, 0, 0, n))) for n in range(90))
    upstream = await start(always(Reply(answer=records)))
    resolver = serve(corefile(upstream))
    assert (await resolver.ask("a.test")).flags & 0x0200
    whole = await resolver.ask("a.test", edns=Edns(4096, 0, False, ()))
    assert len(whole.answer) == 90


async def test_more_at_once_than_allowed_are_refused(start: Start, serve: Serve) -> None:
    quiet = await start(silent)
    resolver = serve(corefile(quiet, options="max_concurrent 2\n read_timeout 100ms"))
    answers = await asyncio.gather(*(resolver.ask(f"a{n}.test") for n in range(3)))
    assert sorted(answer.rcode for answer in answers) == [2, 2, 5]
    assert resolver.count("coredns_forward_max_concurrent_rejects_total") == 1


async def test_excepted_zones_and_rcodes_go_on(start: Start, serve: Serve) -> None:
    upstream = await start(always(Reply(Rcode.NXDOMAIN, authoritative=False)))
    resolver = serve(corefile(upstream, options="except corp.test", after="whoami"))
    assert (await resolver.ask("a.corp.test")).additional
    assert (await resolver.ask("a.test")).rcode == Rcode.NXDOMAIN
    resolver = serve(corefile(upstream, options="next NXDOMAIN", after="whoami"))
    assert (await resolver.ask("a.test")).additional
    nodata = await start(always(Reply(authoritative=False)))
    resolver = serve(corefile(nodata, options="next_on_nodata", after="whoami"))
    assert (await resolver.ask("a.test")).additional


async def test_another_is_asked_after_a_failover_rcode(start: Start, serve: Serve) -> None:
    failing = await start(always(Reply(Rcode.SERVFAIL, authoritative=False)))
    alive = await start()
    options = "policy sequential\n failover SERVFAIL REFUSED"
    resolver = serve(corefile(failing, alive, options=options))
    assert (await resolver.ask("a.test")).answer


async def test_round_robin_asks_each_in_turn(start: Start, serve: Serve) -> None:
    first, second = await start(), await start()
    resolver = serve(corefile(first, second, options="policy round_robin"))
    for number in range(6):
        await resolver.ask(f"a{number}.test")
    assert (len(first.asked), len(second.asked)) == (3, 3)


async def test_metrics_have_new_names_and_old_ones(start: Start, serve: Serve) -> None:
    upstream = await start()
    resolver = serve(corefile(upstream))
    await resolver.ask("a.test")
    label = f"127.0.0.1:{upstream.port}"
    for name in ("coredns_forward_requests_total", "coredns_forward_responses_total"):
        assert resolver.count(name, label) == 1
    for name in ("coredns_proxy", "coredns_forward"):
        assert resolver.count(f"{name}_request_duration_seconds_bucket", label) == 1


async def test_a_connection_that_is_too_old_is_asked_nothing_more(
    start: Start, serve: Serve
) -> None:
    upstream = await start()
    resolver = serve(corefile(upstream, options="force_tcp\n max_age 1ms"))
    for name in ("a.test", "b.test"):
        assert len((await resolver.ask(name)).answer) == 1
        await asyncio.sleep(0.002)
    assert upstream.connections == 2
