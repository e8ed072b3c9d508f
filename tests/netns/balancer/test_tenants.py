"""Load balancers of tenants with the same addresses, on the same hosts; and what nobody may ask."""

import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from msgspec.structs import replace

from polpo.model.network import Network, Subnet
from polpo.model.object import Object
from polpo.model.port import FixedIP, Port
from polpo.testing.balancers import (
    BALANCER,
    CLIENT,
    HOMES,
    LISTENER,
    POOL,
    PORT,
    VIP,
    VIP6,
    BalancerCloud,
    end,
    member,
    placement,
    serving,
    workload,
)
from polpo.testing.hosts import PREFIX, eventually, inside, pings, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

OTHER, VNI = "00000000-0000-4000-8000-00000000002b", 31
OTHER_CLIENT, OTHER_MEMBER = f"{PREFIX}w40", f"{PREFIX}w41"
OF = {"load_balancer_id": OTHER}


def moved(port: Port, number: int) -> Port:
    """The same addresses in the other tenant's network."""
    four, six = port.fixed_ips
    return replace(
        port,
        id=f"{number:08x}-0000-4000-8000-000000000000",
        network_id="N2",
        mac_address=f"fa:16:3e:00:01:{number:02x}",
        fixed_ips=(FixedIP("S42", four.ip_address), FixedIP("S62", six.ip_address)),
    )


CLIENT_PORT, MEMBER_PORT = moved(workload(20, "c"), 40), moved(workload(23, "c"), 41)


def tenancy() -> Iterator[Object]:
    yield Network(id="N2", vni=8, mtu=1400)
    yield Subnet(id="S42", network_id="N2", ip_version=4, cidr="10.7.0.0/24")
    yield Subnet(id="S62", network_id="N2", ip_version=6, cidr="fd07::/64")
    yield from (CLIENT_PORT, MEMBER_PORT)


def balancer() -> Iterator[Object]:
    subnets = {"vip_network_id": "N2", "vip_subnet_id": "S42", "additional_vips": ()}
    yield replace(BALANCER, id=OTHER, vni=VNI, vip_port_id="V2", **subnets)
    yield replace(LISTENER, id="listener2", default_pool_id="pool2", **OF)
    yield replace(POOL, id="pool2", **OF)
    yield replace(member(23), pool_id="pool2", **OF)
    yield from (moved(end(3, 3, OTHER), 43), moved(end(4, 4, OTHER), 44))
    yield from (placement(3, OTHER), placement(4, OTHER))


@pytest_asyncio.fixture(loop_scope="module")
async def other(cloud: BalancerCloud) -> AsyncIterator[None]:
    await cloud.change(*tenancy(), *balancer())
    with ExitStack() as leaving:
        for port, name in ((CLIENT_PORT, OTHER_CLIENT), (MEMBER_PORT, OTHER_MEMBER)):
            await cloud.c.plug(port.id, name)
        leaving.enter_context(serving(OTHER_MEMBER, PORT))
        await cloud.settled(VNI)
        yield
    await cloud.remove(*balancer())
    await eventually(lambda: gone(cloud), "nothing is left of it")


async def gone(cloud: BalancerCloud) -> bool:
    """On both hosts, of the second one."""
    names = [f"/run/netns/{cloud.netns(host, VNI)}" for host in cloud.homes]
    left = [*map(Path, names), *(cloud.files(host, VNI) for host in cloud.homes)]
    status = [await host.status() for host in cloud.homes]
    told = [VNI in s.get("active", ()) or VNI in s.get("ready", ()) for s in status]
    return not any(path.exists() for path in left) and not any(told)


def processes() -> str:
    return subprocess.check_output(["ps", "-eo", "args"], text=True)


def answered_by(client: str) -> str:
    said = inside(client, f"curl -sS --max-time 5 http://{VIP}/")
    return said.split('"member": "')[1].split('"')[0]


async def test_each_answers_its_own_tenant_at_the_same_address(
    cloud: BalancerCloud, other: None
) -> None:
    assert {answered_by(OTHER_CLIENT) for _ in range(4)} == {"10.7.0.23"}
    assert {answered_by(CLIENT) for _ in range(4)} == {"10.7.0.21", "10.7.0.22"}


async def test_one_that_is_removed_leaves_nothing_and_the_other_serves(
    cloud: BalancerCloud, other: None
) -> None:
    await cloud.remove(*balancer())
    await eventually(lambda: gone(cloud), "nothing is left of it")
    for host in cloud.homes:
        files = str(cloud.files(host, VNI))
        await until(lambda files=files: files not in processes(), "no process")  # type: ignore[misc]
    assert not pings(OTHER_CLIENT, VIP)
    assert answered_by(CLIENT) in ("10.7.0.21", "10.7.0.22")


def opens(address: str, port: int, patience_s: int = 1) -> bool:
    enter = ["nsenter", f"--net=/run/netns/{CLIENT}", "timeout", str(patience_s)]
    command = ["bash", "-c", f"echo > /dev/tcp/{address}/{port}"]
    return subprocess.run([*enter, *command], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("instance", HOMES)
async def test_nothing_listens_at_an_instances_own_addresses(
    instance: int, cloud: BalancerCloud
) -> None:
    await cloud.settled()
    assert opens(VIP, 80, 10)
    assert opens(VIP6, 80, 10)
    for address in (f"10.7.0.{instance}", f"fd07::{instance}"):
        assert not opens(address, 80)
        assert not opens(address, 1025)


async def test_only_listeners_listen_at_its_address(cloud: BalancerCloud) -> None:
    await until(lambda: pings(CLIENT, VIP) and pings(CLIENT, VIP6), "it answers pings")
    assert not any(opens(VIP, port) for port in (22, 1025, 3780, 8080))
