"""One of two gateways is lost, under traffic: the other one goes on, and connections live."""

from collections.abc import Callable

import pytest
import pytest_asyncio

from polpo.testing import pid_files
from polpo.testing.gateways import SERVER, SERVER6, GatewayCloud, Probe
from polpo.testing.hosts import UNDERLAY, HostUnderTest, eventually, inside, pings, sh, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

Harm = Callable[[GatewayCloud, HostUnderTest], None]


def kill_keepalived(cloud: GatewayCloud, host: HostUnderTest) -> None:
    pid_files.kill(*(cloud.files(host) / name for name in ("keepalived.pid", "vrrp.pid")))


def pull_uplink(cloud: GatewayCloud, host: HostUnderTest) -> None:
    cloud.uplink(host, "down")


def cut_off(cloud: GatewayCloud, host: HostUnderTest) -> None:
    sh(f"ip -n {UNDERLAY} link set to-{host.name} down")
    cloud.uplink(host, "down")


def isolate(cloud: GatewayCloud, host: HostUnderTest) -> None:
    """Only the others don't hear it any more: it finds that out, and stands down."""
    sh(f"ip -n {UNDERLAY} link set to-{host.name} down")


def mend(cloud: GatewayCloud, host: HostUnderTest) -> None:
    sh(f"ip -n {UNDERLAY} link set to-{host.name} up")
    cloud.uplink(host, "up")


async def stands_down(cloud: GatewayCloud, host: HostUnderTest) -> bool:
    return not await cloud.is_active(host)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workload(cloud: GatewayCloud) -> str:
    return await cloud.workload(10)


async def test_both_say_that_they_are_ready_and_where_their_uplinks_are(
    cloud: GatewayCloud, workload: str
) -> None:
    active, other = await cloud.settled()
    await eventually(lambda: says(active, [7], [7]), "the active one is ready as well")
    await eventually(lambda: says(other, [], [7]), "the other one is ready")
    cloud.uplink(other, "down")
    await eventually(lambda: says(other, [], []), "not without its uplink")
    assert "uplinks" not in await other.status()
    cloud.uplink(other, "up")
    await eventually(lambda: says(other, [], [7]), "ready again")
    assert (await other.status())["uplinks"] == {"physnet1": "eth1"}


async def says(host: HostUnderTest, active: list[int], ready: list[int]) -> bool:
    status = await host.status()
    return (status.get("active", []), status.get("ready", [])) == (active, ready)


async def test_a_killed_keepalived_is_replaced_by_its_peer_or_its_agent(
    cloud: GatewayCloud, workload: str
) -> None:
    """Whoever is first: the agent starts it again at once."""
    active, _ = await cloud.settled()
    before = cloud.keepalived(active)
    probes = [Probe(workload, kind, SERVER) for kind in ("udp", "tcp")]
    kill_keepalived(cloud, active)

    assert all(probe.answers_again() for probe in probes)
    await until(lambda: cloud.keepalived(active) not in (0, before))
    await cloud.settled()
    seen = [probe.end() for probe in probes]
    assert seen[1]["sent"] - seen[1]["answered"] <= 1


@pytest.mark.parametrize("harm", [pull_uplink, cut_off, isolate])
async def test_the_other_one_goes_on(harm: Harm, cloud: GatewayCloud, workload: str) -> None:
    active, other = await cloud.settled()
    probes = [
        Probe(workload, kind, to)
        for kind, to in (("udp", SERVER), ("tcp", SERVER), ("udp", SERVER6), ("tcp", SERVER6))
    ]
    harm(cloud, active)

    await eventually(lambda: cloud.is_active(other), "the other one is active")
    if harm in (isolate, cut_off):
        await eventually(lambda: stands_down(cloud, active), "alone, it is not active")
    await until(lambda: pings(workload, SERVER) and pings(workload, SERVER6), "both families")
    steady = [probe.answers_again() for probe in probes]
    seen = [probe.end() for probe in probes]
    mend(cloud, active)

    assert all(steady), seen
    udp, tcp = seen[0], seen[1]
    assert 0 <= udp["sent"] - udp["answered"] < udp["sent"]
    assert tcp["sent"] - tcp["answered"] <= 1, "one request at a time, none lost for ever"
    await cloud.settled()
    assert await cloud.is_active(other), "nobody takes it back"


async def test_the_active_agents_death_and_return_lose_nothing(
    cloud: GatewayCloud, workload: str
) -> None:
    active, _ = await cloud.settled()
    before = cloud.keepalived(active)
    rules = inside(cloud.netns(active), "nft list ruleset")
    probe = Probe(workload, "udp", SERVER)

    await active.kill()
    await active.started()
    await cloud.settled()

    assert (await active.status())["active"] == [7]
    assert cloud.keepalived(active) == before
    assert inside(cloud.netns(active), "nft list ruleset") == rules
    seen = probe.end()
    assert seen["answered"] >= seen["sent"] - 1, "the last one may be on its way"


async def test_a_host_that_has_heard_no_announcement_gets_through(
    cloud: GatewayCloud, workload: str
) -> None:
    """What reaches the one that is not active goes on to the one that is."""
    _, other = await cloud.settled()
    instance = {"a": 3, "b": 4}[other.name]
    inside(workload, f"ip route add 203.0.113.1/32 via 169.254.0.{instance} dev eth0 onlink")
    try:
        await until(lambda: pings(workload, SERVER))
    finally:
        inside(workload, "ip route del 203.0.113.1/32")


async def test_a_greater_priority_with_preempt_moves_it(cloud: GatewayCloud, workload: str) -> None:
    _active, other = await cloud.settled()
    probe = Probe(workload, "tcp", SERVER)
    await cloud.change(other, priority=250, preempt=True)

    await eventually(lambda: cloud.is_active(other), "moved on purpose")
    assert probe.answers_again()
    probe.end()
    await cloud.change(other, priority=150, preempt=False)
    await cloud.settled()
    assert await cloud.is_active(other), "and stays"
