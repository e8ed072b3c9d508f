"""The examples of each plugin's README are right."""

import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

import polpo.dns.plugins
from polpo.dns.plugin import ORDER
from polpo.dns.wire.message import Message
from polpo.dns.wire.record import Rcode
from polpo.testing.examples import Example, Exchange, examples
from polpo.testing.resolver import Resolver, shown
from polpo.testing.upstream import FakeUpstream

PLUGINS = Path(polpo.dns.plugins.__path__[0])
FLAGS = ((0x0400, "aa"), (0x0100, "rd"), (0x0080, "ra"), (0x0020, "ad"), (0x0010, "cd"))
ELSEWHERE = {"kubernetes", "nodecache", "tls"}  # they need an API, a namespace, certificates
ALL = [
    pytest.param(example, id=f"{readme.parent.name}-{number}")
    for readme in sorted(PLUGINS.glob("*/README.md"))
    if readme.parent.name not in ELSEWHERE
    for number, example in enumerate(examples(readme))
]


def said(message: Message, exchange: Exchange) -> Exchange:
    flags = " ".join(name for bit, name in FLAGS if message.flags & bit)
    return exchange._replace(
        rcode=Rcode(message.rcode).name,
        flags=flags if exchange.flags else "",
        answer=tuple(shown(message.answer)),
        authority=tuple(shown(message.authority)),
        additional=tuple(shown(message.additional)),
    )


@pytest.mark.parametrize("example", ALL)
async def test_an_example_answers_as_it_says(
    example: Example,
    tmp_path: Path,
    start: Callable[[], Awaitable[FakeUpstream]],
    serve: Callable[[str], Resolver],
) -> None:
    upstream = await start()
    for name, text in example.files.items():
        (tmp_path / name).write_text(text)
    with contextlib.chdir(tmp_path):
        resolver = serve(example.corefile.replace("UPSTREAM", str(upstream.port)))
        for exchange in example.exchanges:
            message = await resolver.ask(exchange.name, exchange.type)
            assert said(message, exchange) == exchange


def test_each_plugin_has_a_readme_with_an_example() -> None:
    folders = {path.parent.name for path in PLUGINS.glob("*/setup.py")}
    assert folders <= set(ORDER)
    without = {name for name in folders - ELSEWHERE if not examples(PLUGINS / name / "README.md")}
    assert not without
