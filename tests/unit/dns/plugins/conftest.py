"""Resolvers and upstreams that are closed when the test is over."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from polpo.testing.resolver import Resolver
from polpo.testing.upstream import Answers, FakeUpstream

Serve = Callable[[str], Resolver]
Start = Callable[..., Awaitable[FakeUpstream]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Makes a resolver of a Corefile."""
    made: list[Resolver] = []

    def serve_one(corefile: str) -> Resolver:
        made.append(Resolver(corefile))
        return made[-1]

    yield serve_one
    for resolver in made:
        resolver.close()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts upstreams."""
    running: list[FakeUpstream] = []

    async def start_one(answers: Answers | None = None) -> FakeUpstream:
        running.append(await FakeUpstream(answers).start())
        return running[-1]

    yield start_one
    for upstream in running:
        await upstream.stop()
