"""`template`: what else an answer says."""

from collections.abc import Callable

from polpo.dns.wire.message import Edns, Option
from polpo.testing.resolver import Resolver

Serve = Callable[[str], Resolver]


async def test_an_extended_error_is_for_who_speaks_edns(serve: Serve) -> None:
    resolver = serve('. {\n template ANY ANY . {\n rcode NXDOMAIN\n ederror 15 "Not here"\n }\n}')
    answer = await resolver.ask("a.test", edns=Edns(1232, 0, False, ()))
    assert answer.edns is not None
    assert answer.edns.options == (Option(15, b"\0\x0fNot here"),)
    assert (await resolver.ask("a.test")).edns is None
