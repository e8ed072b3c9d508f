"""Whatever somebody does to a gateway is repaired; what is taken from the target goes wholly."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from polpo.testing import pid_files
from polpo.testing.gateways import OUTSIDE, SERVER, VNI, GatewayCloud
from polpo.testing.hosts import HostUnderTest, eventually, inside, pings, sh, unname, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

FLOATING = "203.0.113.10"


class Scene:
    """A gateway, its host, and a workload that speaks through it."""

    def __init__(self, cloud: GatewayCloud, workload: str) -> None:
        self.cloud, self.workload = cloud, workload

    def files(self, host: HostUnderTest, name: str) -> str:
        return (self.cloud.files(host) / name).read_text()


Damage = Callable[[Scene, HostUnderTest, str], object]  # host, and the gateway's namespace on it


def within(command: str) -> Damage:
    return lambda scene, host, netns: inside(netns, command)


def kill(scene: Scene, host: HostUnderTest, netns: str) -> None:
    pid_files.kill(scene.cloud.files(host) / "keepalived.pid")


def kill_child(scene: Scene, host: HostUnderTest, netns: str) -> None:
    """It ends, too: one that starts its child anew may miss what it is told meanwhile."""
    pid_files.kill(scene.cloud.files(host) / "vrrp.pid")


def edit(scene: Scene, host: HostUnderTest, netns: str) -> None:
    (scene.cloud.files(host) / "keepalived.conf").write_text("nonsense")


def sysctl(scene: Scene, host: HostUnderTest, netns: str) -> None:
    inside(netns, "sysctl -qw net.ipv4.ip_forward=0")


SABOTAGES: dict[str, tuple[str, Damage]] = {
    "all rules flushed": ("rules", within("nft flush ruleset")),
    "a chain flushed": ("rules", within("nft flush chain inet polpo translate_source")),
    "a rule added": ("rules", within("nft insert rule inet polpo passing drop")),
    "an element removed": (
        "rules",
        within(f"nft delete element inet polpo floating {{ {FLOATING} }}"),
    ),
    "external0 deleted": ("external", within("ip link del external0")),
    "external0 down": ("external", within("ip link set external0 down")),
    "another MAC": ("external", within("ip link set external0 address 02:00:00:00:00:99")),
    "transit0 deleted": ("link", within("ip link del transit0")),
    "transit0's addresses": ("workload", within("ip address flush dev transit0 scope global")),
    "forwarding off": ("namespace", sysctl),
    "keepalived killed": ("keepalived", kill),
    "its child killed": ("keepalived", kill_child),
    "its file edited": ("keepalived", edit),
    "its file deleted": (
        "keepalived",
        lambda scene, host, netns: (scene.cloud.files(host) / "loaded").unlink(),
    ),
    "namespace deleted": ("namespace", lambda scene, host, netns: unname(netns)),
}
THEIRS = {
    "an address outside": f"ip address del {FLOATING}/32 dev external0",
    "the active one's address": "ip address del 169.254.0.2/24 dev transit0",
    "the route outside": "ip route del default dev external0",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(cloud: GatewayCloud) -> Scene:
    workload = await cloud.workload(10)
    await cloud.change(floating=((FLOATING, "10.7.0.10"),))
    await until(lambda: pings(workload, SERVER))
    return Scene(cloud, workload)


def lives(pid: int) -> bool:
    """A zombie has no command line."""
    try:
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    except OSError:
        return False


def drift(status: dict[str, Any], kind: str) -> int:
    return int(status.get("drift", {}).get(kind, 0))


async def whole(scene: Scene, host: HostUnderTest) -> None:
    """As if nothing had been: this very gateway, moved back from its peer, passes packets."""
    netns = scene.cloud.netns(host)

    async def active() -> bool:
        if not await scene.cloud.is_active(host):
            return False
        held = inside(netns, "ip address") + inside(netns, "ip route")
        words = (f"inet {FLOATING}/32", "inet 169.254.0.2/24", "default via 203.0.113.1")
        return all(word in held for word in words)

    await scene.cloud.change(host, priority=250, preempt=True)
    await eventually(active, "active, with all that belongs to it")
    await until(lambda: pings(scene.workload, SERVER), "traffic")
    rules = inside(netns, "nft list table inet polpo")
    assert FLOATING in rules
    assert "snat ip to 203.0.113.5" in rules
    await scene.cloud.change(host, priority=200, preempt=False)
    await scene.cloud.settled()


@pytest.mark.parametrize("sabotage", SABOTAGES)
async def test_sabotage_is_repaired_and_counted(sabotage: str, scene: Scene) -> None:
    kind, damage = SABOTAGES[sabotage]
    active, _ = await scene.cloud.settled()
    before = drift(await active.status(), kind)
    damage(scene, active, scene.cloud.netns(active))

    async def repaired() -> bool:
        """By one word of the agent's: it may see what has been done between two."""
        status = await active.status()
        return status.get("error") is None and drift(status, kind) > before

    await eventually(repaired, f"{sabotage} repaired")
    await whole(scene, active)


@pytest.mark.parametrize("what", THEIRS)
async def test_what_keepalived_has_put_there_is_put_back_or_is_its_peers(
    what: str, scene: Scene
) -> None:
    """It stands down for a moment and begins anew; the peer may have been faster."""
    active, _ = await scene.cloud.settled()
    inside(scene.cloud.netns(active), THEIRS[what])
    await until(lambda: pings(OUTSIDE, FLOATING) and pings(scene.workload, SERVER))
    await whole(scene, active)


async def test_an_uplink_that_is_not_there_is_told_and_waited_for(scene: Scene) -> None:
    active, other = await scene.cloud.settled()
    sh(f"ip -n {active.netns} link set eth1 down")
    sh(f"ip -n {active.netns} link set eth1 name away")
    try:
        await eventually(lambda: says(active, "uplink eth1 of 'physnet1' is not there"), "told")
        await eventually(lambda: scene.cloud.is_active(other), "the other one is active")
    finally:
        sh(f"ip -n {active.netns} link set away name eth1")
        sh(f"ip -n {active.netns} link set eth1 up")
    await whole(scene, active)


async def says(host: HostUnderTest, words: str) -> bool:
    return words in ((await host.status()).get("error") or "")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"physical_network": "other"}, "no uplink for 'other'"),
        ({"next_hops": ("nowhere",)}, "its row makes no sense: 'nowhere'"),
        ({"instance": 9}, "instance 9 is none of (3, 4)"),
    ],
)
async def test_a_row_that_makes_no_sense_is_told_and_changes_nothing_else(
    fields: dict[str, object], words: str, scene: Scene
) -> None:
    active, _ = await scene.cloud.settled()
    (row,) = scene.cloud.controller.gateways[active.name]
    pid = scene.cloud.keepalived(active)
    await scene.cloud.change(active, **fields)
    try:
        await eventually(lambda: says(active, words), words)
        assert scene.cloud.keepalived(active) == pid
        await until(lambda: pings(scene.workload, SERVER))
    finally:
        scene.cloud.controller.gateways[active.name] = [row]
        await scene.cloud.controller.write()
    await whole(scene, active)


async def test_a_vlan_is_tagged_or_its_absence_told(scene: Scene) -> None:
    """A kernel without VLAN devices says so; one that has them passes packets of that tag alone."""
    active, _ = await scene.cloud.settled()
    await scene.cloud.change(active, vlan=5)
    try:
        if kernel_has_vlans():
            await until(lambda: "vlan protocol 802.1Q id 5" in inside(active.netns, "ip -d link"))
        else:
            await eventually(lambda: says(active, "VLAN 5: this kernel has no VLAN"), "told")
        assert not pings(scene.cloud.netns(active), SERVER)
    finally:
        await scene.cloud.change(active, vlan=0)
    await whole(scene, active)
    assert "pv5-" not in inside(active.netns, "ip link")


def kernel_has_vlans() -> bool:
    command = ["ip", "link", "add", "pt-vlan", "link", "lo", "type", "vlan", "id", "5"]
    made = subprocess.run(command, capture_output=True, check=False).returncode == 0
    if made:
        sh("ip link del pt-vlan")
    return made


async def test_what_the_target_has_no_more_goes_wholly(scene: Scene) -> None:
    """Its process, its files, its namespace; and comes again."""
    active, _ = await scene.cloud.settled()
    name, pid = scene.cloud.netns(active), scene.cloud.keepalived(active)
    row = scene.cloud.controller.gateways.pop(active.name)
    await scene.cloud.controller.write()
    try:
        await until(lambda: name not in sh("ip netns"), "the namespace is gone")
        await until(lambda: not lives(pid), "keepalived is gone")
        await until(lambda: not scene.cloud.files(active).exists(), "its files are gone")
        await until(lambda: pings(scene.workload, SERVER), "the other one")
        assert VNI not in (await active.status()).get("active", ())
    finally:
        scene.cloud.controller.gateways[active.name] = row
        await scene.cloud.controller.write()
    await whole(scene, active)


async def test_one_that_is_gone_while_the_agent_is_away_goes_when_it_is_back(scene: Scene) -> None:
    active, _ = await scene.cloud.settled()
    name = scene.cloud.netns(active)
    await active.kill()
    row = scene.cloud.controller.gateways.pop(active.name)
    await scene.cloud.controller.write()
    assert scene.cloud.keepalived(active)
    try:
        await active.started()
        await until(lambda: name not in sh("ip netns"), "the namespace is gone")
        await until(lambda: not scene.cloud.keepalived(active), "keepalived is gone")
    finally:
        scene.cloud.controller.gateways[active.name] = row
        await scene.cloud.controller.write()
    await whole(scene, active)


async def test_nobody_else_plugs_a_gateways_port(scene: Scene) -> None:
    active, _ = await scene.cloud.settled()
    port = scene.cloud.controller.gateways[active.name][0].port
    for request in ({"do": "plug", "netns": "x"}, {"do": "unplug"}):
        answer = await active.ask(port=port, **request)
        assert not answer["ok"]
        assert "gateway" in answer["error"]
    await whole(scene, active)


async def test_an_agent_that_is_killed_again_and_again_gets_there(scene: Scene) -> None:
    """Each goes on where the one before it was killed (SIGKILL), and comes some writes further."""
    active, _ = await scene.cloud.settled()
    await active.kill()
    sh(*active.command("--purge"))
    try:
        for writes in range(os.getpid() % 2, 100, 2):  # the others at another run
            await active.start(POLPO_CRASH_AFTER=str(writes))
            if await outlives_its_work(scene.cloud, active):
                break
        assert active.running
        assert writes > 10, "so far it has come"
        await active.kill()
    finally:
        if not active.running:
            await active.started()
    await whole(scene, active)


async def outlives_its_work(cloud: GatewayCloud, host: HostUnderTest) -> bool:
    """Whether the agent lives when there is nothing more to be written."""
    revision = cloud.controller.revision

    async def done() -> bool:
        if not host.running:
            return True
        try:
            status = await host.status()
        except (OSError, ValueError):  # not there yet, or just killed
            return False
        return int(status["revision"]) == revision and status.get("error") is None

    await eventually(done, "killed, or done")
    return host.running


async def test_purge_removes_all(scene: Scene) -> None:
    active, _ = await scene.cloud.settled()
    name, pid = scene.cloud.netns(active), scene.cloud.keepalived(active)
    await active.kill()
    sh(*active.command("--purge"))
    assert name not in sh("ip netns")
    assert not lives(pid)
    assert not active.runtime.exists()
    await active.started()
    await whole(scene, active)
