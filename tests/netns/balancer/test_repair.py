"""Whatever somebody does to an instance of a load balancer is repaired."""

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from polpo.agent.balancer.instances import MIB
from polpo.kernel import cgroups
from polpo.kernel.cgroups import Groups
from polpo.model.placement import HIGH, LOW, MOVING
from polpo.testing import pid_files
from polpo.testing.balancers import CLIENT, HOMES, VIP, VIP6, BalancerCloud, holders, placement
from polpo.testing.hosts import HostUnderTest, eventually, inside, unname, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

Damage = Callable[[BalancerCloud, HostUnderTest], object]


def within(command: str) -> Damage:
    return lambda cloud, host: inside(cloud.netns(host), command)


def kill(pid_file: str) -> Damage:
    return lambda cloud, host: pid_files.kill(cloud.files(host) / pid_file)


def edit(name: str) -> Damage:
    return lambda cloud, host: (cloud.files(host) / name).write_text("nonsense")


def unlink(name: str) -> Damage:
    return lambda cloud, host: (cloud.files(host) / name).unlink()


def delete_namespace(cloud: BalancerCloud, host: HostUnderTest) -> None:
    unname(cloud.netns(host))


def lose_own_address(cloud: BalancerCloud, host: HostUnderTest) -> None:
    number = next(instance for instance, name in HOMES.items() if name == host.name)
    inside(cloud.netns(host), f"ip address del 10.7.0.{number}/24 dev eth0")


def group(cloud: BalancerCloud, host: HostUnderTest) -> Groups:
    found = cgroups.find()
    assert found
    assert found.limit_bytes(cloud.netns(host)) == 1024 * MIB
    return found


def unlimit(cloud: BalancerCloud, host: HostUnderTest) -> None:
    group(cloud, host).put(cloud.netns(host), 4096 * MIB)


def let_out(cloud: BalancerCloud, host: HostUnderTest) -> None:
    at = group(cloud, host).at
    (at.parent / "cgroup.procs").write_text(str(cloud.pid(host)))


SABOTAGES: dict[str, tuple[str, Damage]] = {
    "all rules flushed": ("balancer rules", within("nft flush ruleset")),
    "a chain flushed": ("balancer rules", within("nft flush chain ip polpo own")),
    "a table deleted": ("balancer rules", within("nft delete table ip6 polpo")),
    "a rule added": ("balancer rules", within("nft insert rule ip polpo own drop")),
    "an element removed": (
        "balancer rules",
        within(f"nft delete element ip polpo vips {{ {VIP} }}"),
    ),
    "an address on lo removed": ("vip", within(f"ip address del {VIP}/32 dev lo")),
    "an IPv6 address on lo removed": ("vip", within(f"ip address del {VIP6}/128 dev lo")),
    "lo down": ("vip", within("ip link set lo down")),
    "eth0 deleted": ("link", within("ip link del eth0")),
    "eth0 down": ("workload", within("ip link set eth0 down")),
    "eth0's own address": ("workload", lose_own_address),
    "transit0 deleted": ("link", within("ip link del transit0")),
    "transit0's addresses": ("workload", within("ip address flush dev transit0 scope global")),
    "ARP for all": ("balancer namespace", within("sysctl -qw net.ipv4.conf.all.arp_ignore=0")),
    "forwarding on": ("balancer namespace", within("sysctl -qw net.ipv4.ip_forward=1")),
    "keepalived killed": ("balancer keepalived", kill("keepalived.pid")),
    "keepalived's file edited": ("balancer keepalived", edit("keepalived.conf")),
    "keepalived's file deleted": ("balancer keepalived", unlink("keepalived.conf")),
    "keepalived's pid file deleted": ("balancer keepalived", unlink("keepalived.pid")),
    "HAProxy killed": ("haproxy", kill("haproxy.pid")),
    "HAProxy's file edited": ("haproxy", edit("haproxy.cfg")),
    "HAProxy's file deleted": ("haproxy", unlink("haproxy.cfg")),
    "HAProxy's pid file deleted": ("haproxy", unlink("haproxy.pid")),
    "HAProxy's socket deleted": ("haproxy", unlink("haproxy.sock")),
    "its master's socket deleted": ("haproxy", unlink("master.sock")),
    "more memory": ("balancer limits", unlimit),
    "a process let out": ("balancer limits", let_out),
    "all files deleted": (
        "balancer keepalived",
        lambda cloud, host: shutil.rmtree(cloud.files(host)),
    ),
    "namespace deleted": ("balancer namespace", delete_namespace),
}
THEIRS = {
    "the address in front": f"ip address del {VIP}/32 dev eth0",
    "the IPv6 address in front": f"ip address del {VIP6}/128 dev eth0",
    "the active one's address": "ip address del 169.254.0.2/24 dev transit0",
}


def serves() -> bool:
    command = ["nsenter", f"--net=/run/netns/{CLIENT}", "curl", "-gsf", "--max-time", "1"]
    urls = (f"http://{VIP}/", f"http://[{VIP6}]/")
    done = [subprocess.run([*command, url], capture_output=True, check=False) for url in urls]
    return all(one.returncode == 0 for one in done)


def drift(status: dict[str, Any], kind: str) -> int:
    return int(status.get("drift", {}).get(kind, 0))


async def whole(cloud: BalancerCloud, host: HostUnderTest) -> None:
    """As if nothing had been: this very instance, moved back from its peer, serves."""
    number = {name: instance for instance, name in HOMES.items()}
    other = next(home for home in cloud.homes if home is not host)
    behind = placement(number[other.name], priority=LOW)
    ahead = placement(number[host.name], priority=MOVING, preempt=True)
    await cloud.change(ahead, behind)

    alone = {VIP: [host.name], VIP6: [host.name]}

    def held() -> dict[str, list[str]]:
        return {VIP: holders(cloud), VIP6: holders(cloud, VIP6)}

    async def active() -> bool:
        """What is reported may be from before the damage: it has to be so, too."""
        return held() == alone and await cloud.active() == [host]

    await eventually(active, "active again")
    await cloud.change(placement(number[host.name], priority=HIGH), behind)
    await cloud.settled()
    await until(lambda: held() == alone, "the one holder", said=held)
    await until(serves, "a client is answered")
    for vip, word in ((VIP, "ip"), (VIP6, "ip6")):
        assert f"elements = {{ {vip} }}" in inside(
            cloud.netns(host), f"nft list set {word} polpo vips"
        )


@pytest.mark.parametrize("sabotage", SABOTAGES)
async def test_sabotage_is_repaired_and_counted(sabotage: str, cloud: BalancerCloud) -> None:
    kind, damage = SABOTAGES[sabotage]
    active, _ = await cloud.settled()
    before = drift(await active.status(), kind)
    damage(cloud, active)

    async def repaired() -> bool:
        """By one word of the agent's: it may see what has been done between two."""
        status = await active.status()
        return status.get("error") is None and drift(status, kind) > before

    await eventually(repaired, f"{sabotage} repaired")
    await whole(cloud, active)


@pytest.mark.parametrize("what", THEIRS)
async def test_what_keepalived_has_put_there_is_put_back_or_is_its_peers(
    what: str, cloud: BalancerCloud
) -> None:
    active, _ = await cloud.settled()
    inside(cloud.netns(active), THEIRS[what])
    await until(serves, "a client is answered")
    await whole(cloud, active)
