"""A load balancer is changed under traffic: no request fails, no connection is cut."""

import asyncio

import pytest
from msgspec.structs import replace

from polpo.model.load_balancer import Member
from polpo.testing.balancers import LISTENER, VIP, BalancerCloud, Client, member

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

RELOADS, TURNS, AT_ONCE, LONG = 50, 50, 20, 10
"""1,000 changes of members: so many in a revision, so often."""


async def test_reloads_fail_no_request(cloud: BalancerCloud) -> None:
    active, _ = await cloud.settled()
    client = await asyncio.to_thread(Client, VIP, 80, LONG)
    for n in range(RELOADS):
        extra = replace(LISTENER, id="extra", protocol_port=8100 + n)
        await cloud.reached(await cloud.change(extra))
        assert "member" in cloud.get(f"http://{VIP}:{8100 + n}/"), "in force when it is reached"
    seen = await asyncio.to_thread(client.end)
    print(seen)
    assert (seen["failed"], seen["resets"], seen["stalls"]) == (0, 0, 0)
    await cloud.reached(await cloud.remove(replace(LISTENER, id="extra")))
    assert active.running


def changed(m: int, turn: int) -> Member:
    """One of many, all of which are the same two; another weight in each turn, and now and then
    switched off: one in five of them at a time.
    """
    more = {"weight": 1 + (m + turn) % 7, "admin_state_up": (m + turn) % 5 != 0}
    return member(21 + m % 2, id=f"many-{m}", **more)


async def test_members_are_changed_without_a_reload(cloud: BalancerCloud) -> None:
    """Not one of them starts a new worker; and what the socket was told is in the file as well."""
    active, _ = await cloud.settled()
    many = [changed(m, 0) for m in range(AT_ONCE)]
    await cloud.reached(await cloud.change(*many))
    log = cloud.files(active) / "haproxy.log"
    before = log.read_text().count("Reloading")
    client = await asyncio.to_thread(Client, VIP, 80, LONG)
    for n in range(TURNS):
        await cloud.reached(await cloud.change(*(changed(m, n) for m in range(AT_ONCE))))
    seen = await asyncio.to_thread(client.end)
    print(seen)
    assert (seen["failed"], seen["resets"], seen["stalls"]) == (0, 0, 0)
    assert log.read_text().count("Reloading") == before
    text = (cloud.files(active) / "haproxy.cfg").read_text()
    for last in (changed(m, TURNS - 1) for m in range(AT_ONCE)):
        off = "" if last.admin_state_up else " disabled"
        assert f"{last.address}:{last.protocol_port} weight {last.weight}{off}\n" in text
    await cloud.reached(await cloud.remove(*many))
