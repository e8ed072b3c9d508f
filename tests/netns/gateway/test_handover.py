"""A planned move takes connections along, also those in which only the server speaks."""

import itertools
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import pytest_asyncio

from polpo.kernel import connections, netns
from polpo.testing.gateways import OUTSIDE, SERVER, GatewayCloud
from polpo.testing.hosts import HostUnderTest, eventually, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]
PORT = 8000
_sources = itertools.count(5000)


class Line:
    """A TCP connection from a workload to a server outside; it is the server who speaks."""

    def __init__(self, client: str, source: int) -> None:
        listening = netns.inside(OUTSIDE, lambda: socket.create_server((SERVER, PORT)))
        with listening:
            listening.settimeout(30)
            own = ("0.0.0.0", source)
            made = lambda: socket.create_connection((SERVER, PORT), 10, own)  # noqa: E731
            self.client = netns.inside(client, made)
            self.server, self.seen_as = listening.accept()
        self.client.settimeout(30)
        self.server.settimeout(30)

    def says(self) -> bool:
        """Whether what the server says arrives, sent once or again by TCP."""
        self.server.sendall(b"news")
        return self.client.recv(4) == b"news"

    def close(self) -> None:
        self.client.close()
        self.server.close()


@contextmanager
def lines(*clients: str) -> Iterator[list[Line]]:
    """All of the same source port, a new one each time: only one can keep it outside."""
    source = next(_sources)
    with ExitStack() as stack:
        made = [Line(client, source) for client in clients]
        for line in made:
            stack.callback(line.close)
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clients(cloud: GatewayCloud) -> AsyncIterator[list[str]]:
    yield [await cloud.workload(n) for n in (11, 12)]


async def move(cloud: GatewayCloud, to: HostUnderTest) -> None:
    await cloud.change(to, priority=250, preempt=True)
    await eventually(lambda: cloud.is_active(to), "moved on purpose")
    await cloud.change(to, priority=150, preempt=False)
    assert (await cloud.settled())[0] is to


async def test_servers_that_speak_are_heard_after_a_planned_move(
    cloud: GatewayCloud, clients: list[str]
) -> None:
    """And after the move back: what the former active one knew is no lie by then."""
    with lines(*clients) as made:
        assert {line.seen_as[0] for line in made} == {"203.0.113.5"}
        assert len({line.seen_as[1] for line in made}) == 2
        for _ in range(2):
            _, other = await cloud.settled()
            await move(cloud, other)
            assert all(line.says() for line in made)


async def test_whose_uplink_is_cut_still_gives_its_connections(
    cloud: GatewayCloud, clients: list[str]
) -> None:
    active, other = await cloud.settled()
    with lines(*clients) as made:
        cloud.uplink(active, "down")
        try:
            await eventually(lambda: cloud.is_active(other), "the other one is active")
            assert all(line.says() for line in made)
        finally:
            cloud.uplink(active, "up")


async def test_a_standby_keeps_no_connections(cloud: GatewayCloud, clients: list[str]) -> None:
    active, other = await cloud.settled()
    with lines(*clients):
        assert netns.inside(cloud.netns(active), connections.dump)
        await move(cloud, other)
        await until(lambda: netns.inside(cloud.netns(active), connections.dump) == b"")
        assert netns.inside(cloud.netns(other), connections.dump)


async def test_a_move_happens_although_the_peer_says_nothing(
    cloud: GatewayCloud, clients: list[str]
) -> None:
    """Its agent is dead, so that nobody gives its connections."""
    active, other = await cloud.settled()
    await active.kill()
    try:
        await cloud.change(other, priority=250, preempt=True)
        await eventually(lambda: cloud.is_active(other), "moved on purpose")
        await cloud.change(other, priority=150, preempt=False)
    finally:
        await active.started()
    await cloud.settled()
