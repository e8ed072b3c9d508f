"""The active one of two is lost, under traffic: the other one goes on.

The client opens a connection every 5 ms; twenty more go on all the while. How long nobody answered
is printed; how well that is is for bench/balancer.py to say.
"""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from polpo.model.placement import HIGH, LOW, MOVING
from polpo.testing import pid_files
from polpo.testing.balancers import (
    HOMES,
    VIP,
    VIP6,
    BalancerCloud,
    Client,
    holders,
    placement,
)
from polpo.testing.hosts import UNDERLAY, HostUnderTest, eventually, inside, sh, unname

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

Harm = Callable[[BalancerCloud, HostUnderTest], None]
LONG = 20


def kill_haproxy(cloud: BalancerCloud, host: HostUnderTest) -> None:
    pid_files.kill(cloud.files(host) / "haproxy.pid")


def kill_worker(cloud: BalancerCloud, host: HostUnderTest) -> None:
    master = cloud.pid(host)
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)


def kill_keepalived(cloud: BalancerCloud, host: HostUnderTest) -> None:
    pid_files.kill(*(cloud.files(host) / name for name in ("keepalived.pid", "vrrp.pid")))


def kill_both(cloud: BalancerCloud, host: HostUnderTest) -> None:
    kill_keepalived(cloud, host)
    kill_haproxy(cloud, host)


def cut_front(cloud: BalancerCloud, host: HostUnderTest) -> None:
    sh(f"ip -n {cloud.netns(host)} link set eth0 down")


def delete_namespace(cloud: BalancerCloud, host: HostUnderTest) -> None:
    unname(cloud.netns(host))


def lose(cloud: BalancerCloud, host: HostUnderTest) -> None:
    sh(f"ip -n {UNDERLAY} link set to-{host.name} down")


def find_again(cloud: BalancerCloud, host: HostUnderTest) -> None:
    sh(f"ip -n {UNDERLAY} link set to-{host.name} up")


def stop_keepalived(cloud: BalancerCloud, host: HostUnderTest) -> None:
    os.kill(cloud.pid(host, "keepalived.pid"), signal.SIGTERM)


async def under_traffic(
    cloud: BalancerCloud, harm: Callable[[], Awaitable[None]], address: str = VIP
) -> dict[str, Any]:
    """What the client has seen, from before the harm until all is well again for a while."""
    client = await asyncio.to_thread(Client, address, 80, LONG)
    try:
        await asyncio.sleep(0.3)
        await harm()
        await eventually(lambda: answers(cloud, address), "an answer")
        await asyncio.sleep(1.0)
    finally:
        seen = await asyncio.to_thread(client.end)
    print(seen)
    return seen


async def answers(cloud: BalancerCloud, address: str) -> bool:
    host = f"[{address}]" if ":" in address else address
    try:
        return "member" in await asyncio.to_thread(cloud.get, f"http://{host}/")
    except AssertionError:
        return False


async def one_holds_it(cloud: BalancerCloud) -> None:
    """Exactly one has the addresses, and it is the one that says so."""
    active, _ = await cloud.settled()

    async def it_is() -> bool:
        return holders(cloud) == holders(cloud, VIP6) == [active.name]

    await eventually(it_is, "one holder")


@pytest.mark.parametrize(
    "harm",
    [kill_haproxy, kill_worker, kill_keepalived, kill_both, cut_front, delete_namespace],
    ids=lambda harm: harm.__name__,
)
async def test_the_other_one_goes_on_and_what_is_lost_comes_back(
    cloud: BalancerCloud, harm: Harm
) -> None:
    active, _ = await cloud.settled()

    async def act() -> None:
        harm(cloud, active)

    await under_traffic(cloud, act)
    await one_holds_it(cloud)


async def test_a_lost_host_is_replaced_and_is_the_standby_when_it_is_back(
    cloud: BalancerCloud,
) -> None:
    active, standby = await cloud.settled()

    async def act() -> None:
        lose(cloud, active)

    async def replaced() -> bool:
        return await cloud.active() == [standby]

    try:
        await under_traffic(cloud, act)
        await eventually(replaced, "the lost one has noticed that it is alone")
    finally:
        find_again(cloud, active)
    await one_holds_it(cloud)
    assert await replaced()


async def hear_each_other(cloud: BalancerCloud) -> bool:
    """Both send on to their peer what is not their own."""
    rules = [inside(cloud.netns(host), "nft list table ip polpo") for host in cloud.homes]
    return all("dup to" in text for text in rules)


@pytest.mark.parametrize("address", [VIP, VIP6])
async def test_a_planned_move_fails_no_request_and_resets_no_connection(
    cloud: BalancerCloud, address: str
) -> None:
    active, standby = await cloud.settled()
    await eventually(lambda: hear_each_other(cloud), "a second chance on both")
    number = {name: instance for instance, name in HOMES.items()}

    async def move() -> None:
        behind = placement(number[active.name], priority=LOW)
        ahead = placement(number[standby.name], priority=MOVING, preempt=True)
        await cloud.change(behind, ahead)

        async def moved() -> bool:
            return await cloud.active() == [standby]

        await eventually(moved, "the move")

    seen = await under_traffic(cloud, move, address)
    assert (seen["failed"], seen["resets"], seen["stalls"]) == (0, 0, 0)
    await cloud.change(
        placement(number[active.name], priority=LOW), placement(number[standby.name], priority=HIGH)
    )
    await one_holds_it(cloud)


async def test_a_keepalived_that_is_told_to_end_resets_nothing(cloud: BalancerCloud) -> None:
    active, _ = await cloud.settled()

    async def act() -> None:
        stop_keepalived(cloud, active)

    seen = await under_traffic(cloud, act)
    assert (seen["failed"], seen["resets"], seen["stalls"]) == (0, 0, 0)
    await one_holds_it(cloud)


async def test_agents_that_are_away_are_not_missed(cloud: BalancerCloud) -> None:
    """Not even when HAProxy dies: who waits for it is no agent."""
    active, standby = await cloud.settled()
    for host in cloud.homes:
        await host.kill()

    async def act() -> None:
        kill_haproxy(cloud, active)

    async def only_the_standby() -> bool:
        return holders(cloud) == [standby.name]

    try:
        await under_traffic(cloud, act)
        await eventually(only_the_standby, "who has died lets go of it")
    finally:
        for host in cloud.homes:
            await host.started()
    await one_holds_it(cloud)


async def test_restarted_agents_leave_what_runs_as_it_is(cloud: BalancerCloud) -> None:
    await cloud.settled()
    before = {host.name: cloud.pid(host) for host in cloud.homes}

    async def act() -> None:
        for host in cloud.homes:
            await host.kill()
            await host.started()

    seen = await under_traffic(cloud, act)
    assert (seen["failed"], seen["resets"], seen["stalls"]) == (0, 0, 0)
    assert {host.name: cloud.pid(host) for host in cloud.homes} == before
    await one_holds_it(cloud)


async def test_without_a_peer_a_lost_connection_is_told_so(cloud: BalancerCloud) -> None:
    """Nobody is asked for what a host that is gone knew: the client begins anew at once."""
    active, standby = await cloud.settled()
    lose(cloud, active)

    async def alone() -> bool:
        rules = inside(cloud.netns(standby), "nft list table ip polpo")
        return await cloud.active() == [standby] and "dup to" not in rules

    try:
        await eventually(alone, "no second chance")
    finally:
        find_again(cloud, active)
    await cloud.settled()

    async def beside() -> bool:
        return "dup to" in inside(cloud.netns(standby), "nft list table ip polpo")

    await eventually(beside, "a second chance")
