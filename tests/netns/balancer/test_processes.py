"""What an instance's processes may take, and what becomes of them that nobody asked for."""

import asyncio
import signal
import socket

import pytest
from msgspec.structs import replace

from polpo.kernel import cgroups, netns
from polpo.testing.balancers import HOMES, LISTENER, VIP, BalancerCloud, placement
from polpo.testing.hosts import HostUnderTest, eventually, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]


def pids(cloud: BalancerCloud, host: HostUnderTest) -> set[int]:
    began = (cloud.pid(host), cloud.pid(host, "keepalived.pid"))
    return {pid for first in began for pid in cgroups.pids_below(first)}


async def said(host: HostUnderTest) -> str:
    return str((await host.status()).get("error"))


async def test_all_of_an_instances_processes_are_within_its_limit(cloud: BalancerCloud) -> None:
    groups = cgroups.find()
    assert groups
    for host in cloud.homes:
        found = pids(cloud, host)
        assert len(found) >= 4  # masters and workers
        assert groups.members(cloud.netns(host)) >= found


async def test_without_its_pid_file_haproxy_is_found_again_by_another_agent(
    cloud: BalancerCloud,
) -> None:
    active, _ = await cloud.settled()
    before = cloud.pid(active)
    await active.kill()
    (cloud.files(active) / "haproxy.pid").unlink()
    await active.started()
    await cloud.settled()
    assert cloud.pid(active) == before


async def test_a_worker_that_does_not_begin_is_told_of_and_the_former_one_goes_on(
    cloud: BalancerCloud,
) -> None:
    """Nothing is wrong with its configuration; but it can't have the port that it says."""
    active, _ = await cloud.settled()
    pid = cloud.pid(active)
    more = replace(LISTENER, id="taken", protocol_port=81)
    with netns.inside(cloud.netns(active), lambda: socket.create_server(("0.0.0.0", 81))):
        await cloud.change(more)

        async def told() -> bool:
            words = await said(active)
            return "its new worker has not begun" in words and "cannot bind socket" in words

        await eventually(told, "the failure is told")
        assert cloud.pid(active) == pid
        assert "member" in cloud.get(f"http://{VIP}/")
    await cloud.remove(more)
    await cloud.settled()
    assert cloud.pid(active) == pid


async def test_nobody_outlives_an_instance_in_its_group(cloud: BalancerCloud) -> None:
    """Whoever it is, and whoever has lost it from sight."""
    groups = cgroups.find()
    assert groups
    _, standby = await cloud.settled()
    name = cloud.netns(standby)
    instance = next(number for number, home in HOMES.items() if home == standby.name)
    stray = await asyncio.create_subprocess_exec("sleep", "600")
    groups.admit(name, stray.pid)
    await cloud.remove(placement(instance))
    await until(lambda: name not in groups.names(), "its group is gone")
    assert await stray.wait() == -signal.SIGKILL
    await cloud.change(placement(instance))
    await cloud.settled()
