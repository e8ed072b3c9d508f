"""`rewrite edns0`: what upstreams are told, and what askers see of it."""

from collections.abc import Awaitable, Callable

import pytest

from polpo.dns.corefile.block import CorefileError
from polpo.dns.wire.message import Edns, Option, read_question
from polpo.testing.resolver import Resolver
from polpo.testing.upstream import Answers, FakeUpstream, addressed

Start = Callable[..., Awaitable[FakeUpstream]]
Serve = Callable[[str], Resolver]
COOKIE = Option(10, b"12345678")


def listening(options: list[tuple[Option, ...]]) -> Answers:
    """Answers, and keeps the options of the questions."""
    answers = addressed()

    def listen(message: bytes, protocol: str) -> bytes | None:
        edns = read_question(message).edns
        options.append(edns.options if edns else ())
        return answers(message, protocol)

    return listen


@pytest.mark.parametrize(
    ("rules", "has", "told"),
    [
        ("edns0 local set 0xffee 0x0102", (), (Option(0xFFEE, b"\1\2"),)),
        ("edns0 local set 0xffee text", (COOKIE,), (COOKIE, Option(0xFFEE, b"text"))),
        ("edns0 local replace 0xffee text", (), ()),
        ("edns0 local append 10 text", (COOKIE,), (COOKIE,)),
        ("edns0 local unset 10", (COOKIE,), ()),
        ("edns0 local set 0xffee {client_ip}", (), (Option(0xFFEE, b"\xc0\0\2\1"),)),
        ("edns0 local set 0xffee {qname}", (), (Option(0xFFEE, b"a.test."),)),
        ("edns0 nsid set", (), (Option(3, b""),)),
        ("edns0 subnet set 20 56", (), (Option(8, b"\0\1\x14\0\xc0\0\0"),)),
        (
            "continue edns0 nsid set\n rewrite edns0 subnet set 8 56 revert",
            (),
            (Option(3, b""), Option(8, b"\0\1\x08\0\xc0")),
        ),
    ],
)
async def test_an_upstream_is_told_these_options(
    start: Start,
    serve: Serve,
    rules: str,
    has: tuple[Option, ...],
    told: tuple[Option, ...],
) -> None:
    options: list[tuple[Option, ...]] = []
    upstream = await start(listening(options))
    resolver = serve(f". {{\n rewrite {rules}\n forward . 127.0.0.1:{upstream.port}\n}}")
    edns = Edns(1232, 0, False, has) if has else None
    answer = await resolver.ask("a.test", edns=edns)
    assert len(answer.answer) == 1
    assert (answer.edns is None) == (edns is None)
    assert options == [told]


@pytest.mark.parametrize(
    "rule",
    ["local", "local set 70000 x", "local set 1 {no}", "subnet set 33 1", "nsid", "other set 1 2"],
)
def test_what_is_no_option_is_refused(serve: Serve, rule: str) -> None:
    with pytest.raises(CorefileError, match="Corefile:2"):
        serve(f". {{\n rewrite edns0 {rule}\n whoami\n}}")
