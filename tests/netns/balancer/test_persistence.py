"""A client comes to the member that it had, whatever becomes of the instance that knew which."""

import contextlib
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from msgspec.structs import replace

from polpo.kernel.haproxy import socket
from polpo.model.load_balancer import Persistence
from polpo.testing import pid_files
from polpo.testing.balancers import (
    LISTENER,
    POOL,
    VIP,
    VIP6,
    BalancerCloud,
    holders,
)
from polpo.testing.hosts import HostUnderTest, eventually

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

CLIENTS = 2


@pytest_asyncio.fixture(loop_scope="module")
async def sticking(cloud: BalancerCloud) -> AsyncIterator[BalancerCloud]:
    sticky = replace(POOL, session_persistence=Persistence("SOURCE_IP"))
    await cloud.reached(await cloud.change(sticky))
    yield cloud
    await cloud.reached(await cloud.change(POOL))


async def member(cloud: BalancerCloud, address: str) -> str:
    """Who answers: to the client that has two addresses. For a moment that may be nobody."""
    said: list[str] = []

    async def answers() -> bool:
        with contextlib.suppress(AssertionError):
            said.append(cloud.get(f"http://{address}/"))
        return bool(said)

    await eventually(answers, "an answer")
    return said[0].partition('"member": "')[2].partition('"')[0]


async def known(cloud: BalancerCloud, host: HostUnderTest) -> None:
    """The host's instance knows of both."""

    async def both() -> bool:
        try:
            path = cloud.files(host) / "haproxy.sock"
            said = socket.ask(path, f"show table {POOL.id}:{LISTENER.id}")
        except OSError:
            return False
        return f"used:{CLIENTS}" in said

    await eventually(both, "the peer has told it")


async def test_a_failover_leaves_everybody_where_it_was(sticking: BalancerCloud) -> None:
    """The one that came last asks first: who knows nothing would begin with the first member."""
    active, standby = await sticking.settled()
    before = {address: await member(sticking, address) for address in (VIP, f"[{VIP6}]")}
    assert len(set(before.values())) == CLIENTS
    await known(sticking, standby)
    pid_files.kill(sticking.files(active) / "haproxy.pid")

    async def moved() -> bool:
        return holders(sticking) == [standby.name]

    await eventually(moved, "the standby has the address")
    for address in reversed(before):
        assert await member(sticking, address) == before[address]
    await sticking.settled()
