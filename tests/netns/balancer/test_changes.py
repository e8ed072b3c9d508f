"""A load balancer is changed under traffic: no request fails, no connection is cut."""

import asyncio

import pytest
from msgspec.structs import replace

from polpo.testing.balancers import LISTENER, VIP, BalancerCloud, Client, member

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

RELOADS, TOLD, LONG = 10, 60, 10


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


async def test_members_are_changed_without_a_reload(cloud: BalancerCloud) -> None:
    """Not one of them starts a new worker; and what the socket was told is in the file as well."""
    active, _ = await cloud.settled()
    log = cloud.files(active) / "haproxy.log"
    before = log.read_text().count("Reloading")
    client = await asyncio.to_thread(Client, VIP, 80, LONG)
    for n in range(TOLD):
        changed = member(21, weight=n % 7, admin_state_up=n % 5 != 0)
        await cloud.reached(await cloud.change(changed))
    seen = await asyncio.to_thread(client.end)
    print(seen)
    assert (seen["failed"], seen["resets"], seen["stalls"]) == (0, 0, 0)
    assert log.read_text().count("Reloading") == before
    assert f"weight {(TOLD - 1) % 7}" in (cloud.files(active) / "haproxy.cfg").read_text()
    await cloud.reached(await cloud.change(member(21)))
