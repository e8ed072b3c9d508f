"""Load balancers of other shapes: with members in another network, and with one instance only."""

import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import pytest
import pytest_asyncio
from msgspec.structs import replace

from polpo.model.load_balancer import SINGLE, Vip
from polpo.model.network import Network, Subnet
from polpo.model.object import Object
from polpo.model.port import AddressPair, FixedIP, Port
from polpo.model.qos import BandwidthLimit, DscpMarking, QosPolicy
from polpo.testing import pid_files
from polpo.testing.balancers import (
    BALANCER,
    CLIENT,
    HOMES,
    LISTENER,
    POOL,
    PORT,
    VIP,
    BalancerCloud,
    end,
    member,
    placement,
    serving,
    workload,
)
from polpo.testing.hosts import PREFIX, HostUnderTest, eventually, inside, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

FAR, FAR_NETNS = "10.9.0.30", f"{PREFIX}w30"
SINGLE_LB, SINGLE_VIP, SINGLE_VNI = "00000000-0000-4000-8000-00000000003b", "10.7.0.6", 32
OF = {"load_balancer_id": SINGLE_LB}


def far(port: Port, number: int) -> Port:
    """In the other network, at 10.9.0.<number>."""
    return replace(
        port,
        id=f"{0x900 + number:08x}-0000-4000-8000-000000000000",
        network_id="N9",
        mac_address=f"fa:16:3e:00:09:{number:02x}",
        fixed_ips=(FixedIP("S9", f"10.9.0.{number}"),),
        allowed_address_pairs=(),
    )


MEMBER = far(workload(30, "c"), 30)
BACKS = tuple(far(end(instance, instance), instance) for instance in HOMES)
FAR_MEMBER = replace(member(30), address=FAR)


def answering(address: str, count: int = 9) -> set[str]:
    return {asked(address) for _ in range(count)}


def asked(address: str) -> str:
    """Who answers; "" is nobody."""
    try:
        said = inside(CLIENT, f"curl -sS --max-time 5 http://{address}/")
    except AssertionError:
        return ""
    return said.partition('"member": "')[2].partition('"')[0]


def devices(cloud: BalancerCloud, host: HostUnderTest) -> str:
    return inside(cloud.netns(host), "ip -o link")


async def test_members_in_another_network_are_reached_by_a_device_in_there(
    cloud: BalancerCloud,
) -> None:
    active, standby = await cloud.settled()
    await cloud.change(
        Network(id="N9", vni=9, mtu=1400),
        Subnet(id="S9", network_id="N9", ip_version=4, cidr="10.9.0.0/24", gateway_ip="10.9.0.1"),
        MEMBER,
    )
    with ExitStack() as leaving:
        await cloud.c.plug(MEMBER.id, FAR_NETNS)
        leaving.enter_context(serving(FAR_NETNS, PORT))
        await cloud.reached(await cloud.change(*BACKS, FAR_MEMBER))
        await until(lambda: FAR in answering(VIP), "the far member answers")
        assert answering(VIP) == {FAR, "10.7.0.21", "10.7.0.22"}
        for host in (active, standby):
            assert "default" not in inside(cloud.netns(host), "ip route")
        await cloud.reached(await cloud.remove(FAR_MEMBER, *BACKS))
    for host in (active, standby):
        await until(lambda host=host: ": b" not in devices(cloud, host), "no device is left")  # type: ignore[misc]
    assert answering(VIP) == {"10.7.0.21", "10.7.0.22"}


MARKED = "ip saddr {address} ip dscp 10 counter"
SLOW = BandwidthLimit(id="S", max_kbps=400)
REQUESTS, LONG, SECONDS = 100, 7000, 2
OFFERED = REQUESTS * LONG  # bytes; the limit lets 50,000 through in a second, and 40,000 at once


def downloaded() -> int:
    """Bytes of answers in two seconds; each answer has the long header of its request."""
    enter = ["timeout", f"{SECONDS}", "nsenter", f"--net=/run/netns/{CLIENT}"]
    command = ["curl", "-sS", "-H", f"X-Long: {LONG * 'x'}"]
    url = f"http://{VIP}/[1-{REQUESTS}]"
    return len(subprocess.run([*enter, *command, url], stdout=subprocess.PIPE, check=False).stdout)


@pytest_asyncio.fixture(loop_scope="module")
async def as_it_was(cloud: BalancerCloud) -> AsyncIterator[None]:
    """After the test, however it ends."""
    before = cloud.controller.snapshot
    yield
    cloud.controller.snapshot = before
    await cloud.reached(await cloud.controller.write())


async def test_an_additional_address_serves_and_the_vips_qos_policy_is_on_what_leaves(
    cloud: BalancerCloud, as_it_was: None
) -> None:
    """As the API has it: the policy is on the instances' ports in front."""
    rules = (DscpMarking(id="R", dscp_mark=10), SLOW)
    more, policy = "10.7.0.9", QosPolicy(id="Q", rules=rules)
    vips = (*BALANCER.additional_vips, Vip("S4", more))
    ends = [end(3, 3), end(4, 4)]
    pairs = (*ends[0].allowed_address_pairs, AddressPair(more))
    qos = [replace(x, allowed_address_pairs=pairs, qos_policy_id="Q") for x in ends]
    balancer = replace(BALANCER, additional_vips=vips, vip_qos_policy_id="Q")
    await cloud.reached(await cloud.change(policy, balancer, *qos))
    counting = "; ".join(MARKED.format(address=address) for address in (VIP, more))
    chain = f"chain c {{ type filter hook input priority 0; {counting}; }}"
    for _ in cloud.homes:  # each as the active one
        await until(lambda: answering(more) == {"10.7.0.21", "10.7.0.22"}, "both addresses serve")
        inside(CLIENT, f"nft table ip marked {{ {chain} ; }}")
        assert answering(more) == answering(VIP) == {"10.7.0.21", "10.7.0.22"}
        listed = inside(CLIENT, "nft list table ip marked")
        inside(CLIENT, "nft delete table ip marked")
        assert [int(x) > 0 for x in re.findall(r"packets (\d+)", listed)] == [True, True]
        assert 0 < downloaded() < OFFERED // 2
        await cloud.move()


def single() -> Iterator[Object]:
    vip = {"vip_address": SINGLE_VIP, "vip_port_id": "V6", "additional_vips": ()}
    yield replace(BALANCER, id=SINGLE_LB, vni=SINGLE_VNI, topology=SINGLE, **vip)
    yield replace(LISTENER, id="single", default_pool_id="pool6", **OF)
    yield replace(POOL, id="pool6", **OF)
    yield replace(member(21), id="member6", pool_id="pool6", **OF)
    front = end(3, 60, SINGLE_LB)
    yield replace(front, allowed_address_pairs=(AddressPair(SINGLE_VIP),))
    yield placement(3, SINGLE_LB)


async def test_one_without_a_peer_is_active_at_once_and_comes_back_by_itself(
    cloud: BalancerCloud, as_it_was: None
) -> None:
    await cloud.change(*single())

    async def active() -> bool:
        return await cloud.active(SINGLE_VNI) == [cloud.a]

    await eventually(active, "active")
    await until(lambda: answering(SINGLE_VIP, 1) == {"10.7.0.21"}, "it answers")
    assert "unicast_peer" not in (cloud.files(cloud.a, SINGLE_VNI) / "keepalived.conf").read_text()
    pid_files.kill(cloud.files(cloud.a, SINGLE_VNI) / "haproxy.pid")
    await until(lambda: answering(SINGLE_VIP, 1) == {"10.7.0.21"}, "again")
    await cloud.remove(*single())
    await until(lambda: not cloud.files(cloud.a, SINGLE_VNI).exists(), "nothing is left")
