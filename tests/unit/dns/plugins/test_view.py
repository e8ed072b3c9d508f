"""`view` and `metadata`: which block a query is for, and what is known of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from polpo.dns.corefile.block import CorefileError
from polpo.dns.plugins.view.expression import compile_expression
from polpo.dns.plugins.view.setup import FUNCTIONS, Asked
from polpo.dns.query import Facts, Query
from polpo.dns.wire.name import from_text
from polpo.dns.wire.record import Rcode
from polpo.testing.resolver import Resolver, shown
from polpo.testing.upstream import FakeUpstream

Start = Callable[..., Awaitable[FakeUpstream]]
Serve = Callable[[str], Resolver]
VIEWS = """. {
    hosts /nonexistent {
        10.0.0.9 parent.sub.test
    }
}
sub.test {
    view near {
        expr incidr(client_ip(), '10.0.0.0/8')
    }
    prometheus :0
    hosts /nonexistent {
        10.0.0.1 a.sub.test
    }
}
sub.test {
    view far {
        expr proto() == 'tcp'
        expr client_ip() startsWith '192.'
    }
    hosts /nonexistent {
        10.0.0.2 a.sub.test
    }
}
"""


async def test_the_first_view_that_fits_answers_and_nothing_is_kept(serve: Serve) -> None:
    resolver = serve(VIEWS)
    near = await resolver.ask("a.sub.test", client="10.7.7.7")
    assert shown(near.answer) == ["a.sub.test. 3600 A 10.0.0.1"]
    far = await resolver.ask("a.sub.test", protocol="tcp")
    assert shown(far.answer) == ["a.sub.test. 3600 A 10.0.0.2"]
    assert not resolver.is_kept("a.sub.test")


async def test_where_no_view_fits_a_parents_block_answers(serve: Serve) -> None:
    resolver = serve(VIEWS)
    answer = await resolver.ask("parent.sub.test")
    assert shown(answer.answer) == ["parent.sub.test. 3600 A 10.0.0.9"]
    alone = serve("sub.test {\n view never {\n expr false\n }\n whoami\n}")
    assert (await alone.ask("a.sub.test")).rcode == Rcode.REFUSED


async def test_metrics_say_which_view(serve: Serve) -> None:
    resolver = serve(VIEWS)
    await resolver.ask("a.sub.test", client="10.7.7.7")
    labels = ("dns://:53", "sub.test.", "near", "NOERROR", "hosts")
    assert resolver.count("coredns_dns_responses_total", *labels) == 1


def test_a_second_block_needs_a_view_before_it(serve: Serve) -> None:
    with pytest.raises(CorefileError, match="in another block already"):
        serve("a.test {\n whoami\n}\na.test {\n whoami\n}")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("name() == 'www.example.org.' && type() == 'AAAA'", True),
        ("type() in ['A', 'MX'] or bufsize() >= 1232", True),
        ("not (type() in ['AAAA'])", False),
        ("type() not in ['A']", True),
        ("name() matches '^www\\\\.' and name() contains 'example'", True),
        ("1 + 2 * 3 - 4 / 2 == 5 && -1 < 0 && 7 % 4 == 3", True),
        ("do() ? 'yes' : \"no\"", "no"),
        ("incidr(client_ip(), '2001:db8::/32')", True),
        ("server_ip() + ':' + server_port()", "10.0.0.1:53"),
        ("port() == '5353' && class() == 'IN' && opcode() == 0 && proto() == 'udp'", True),
        ("id() == 258 && size() == 5", True),
        ("metadata('a/b')", "fact"),
        ("metadata('none')", ""),
        ("true and nil == nil and 1.5 > 1 and 'a' endsWith 'a'", True),
    ],
)
def test_expressions_have_values(text: str, value: object) -> None:
    query = Query(
        from_text("www.example.org"),
        28,
        peer=("2001:db8::1", 5353),
        size=1232,
        message=b"\1\2abc",
    )
    query.facts = Facts()
    query.facts.says["a/b"] = lambda query: "fact"
    assert compile_expression(text, FUNCTIONS)(Asked(query, "dns://10.0.0.1:53")) == value


@pytest.mark.parametrize(
    "text",
    ["", "1 +", "(1", "nothing()", "name(1)", "incidr('1')", "a b", "1 = 2", "'x", "(" * 200],
)
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compile_expression(text, FUNCTIONS)


async def test_an_expression_without_a_value_is_not_true(serve: Serve) -> None:
    resolver = serve(". {\n view odd {\n expr name() < 5\n }\n whoami\n}\n. {\n hosts /dev/null\n}")
    assert (await resolver.ask("a.test")).rcode == Rcode.SERVFAIL


async def test_the_log_knows_the_upstream(start: Start, serve: Serve, capsys: Any) -> None:
    upstream = await start()
    to = f"127.0.0.1:{upstream.port}"
    line = '"{name} {/forward/upstream} {/no/such}"'
    resolver = serve(f". {{\n metadata\n log . {line}\n forward . {to}\n}}")
    await resolver.ask("a.test")
    assert f"[INFO] a.test. {to} -" in capsys.readouterr().out
