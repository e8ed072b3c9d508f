"""A port plugged at one host talks to a port plugged at another."""

import pytest

from polpo.testing.hosts import Cloud, pings, until

pytestmark = pytest.mark.netns


async def test_ports_of_two_hosts_reach_each_other_over_both_families(cloud: Cloud) -> None:
    await cloud.a.started()
    await cloud.b.started()
    _, one = await cloud.wired(cloud.a, 11)
    _, two = await cloud.wired(cloud.b, 12)
    await until(lambda: pings(one, "10.7.0.12"), "IPv4")
    await until(lambda: pings(two, "fd07::b"), "IPv6")
    await cloud.a.ask(do="unplug", port=next(iter(cloud.controller.bound)))
