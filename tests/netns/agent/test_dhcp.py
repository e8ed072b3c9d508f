"""Machines that configure themselves, with the clients that guests have."""

import contextlib
import fcntl
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from socket import if_nametoindex

import msgspec
import pytest
import pytest_asyncio

from polpo.agent.dhcp import bootp
from polpo.agent.dhcp.datagrams import udp
from polpo.dataplane.tables import pack_mac
from polpo.kernel import netns
from polpo.kernel.packets import Sender
from polpo.kernel.taps import IFF_NO_PI, IFF_TAP, IFF_VNET_HDR, TUNSETIFF
from polpo.target import rows
from polpo.testing.clients import Machine
from polpo.testing.hosts import Cloud, eventually, until

pytestmark = [pytest.mark.netns, pytest.mark.asyncio(loop_scope="module")]

S4 = rows.Subnet(
    "s4",
    "10.7.0.0/24",
    gateway="10.7.0.1",
    dns_servers=("9.9.9.9", "149.112.112.112"),
    routes=(("10.9.0.0/16", "10.7.0.2"),),
    domain="example.org",
)
TAP_FLAGS, VNET_HEADER = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, 10
PORTS = b"\0\x44\0\x43"  # 68 to 67
Make = Callable[..., Awaitable[Machine]]


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def agent(cloud: Cloud) -> None:
    await cloud.a.started()


@pytest_asyncio.fixture(loop_scope="module")
async def machine(cloud: Cloud, tmp_path: Path) -> AsyncIterator[Make]:
    """Makes a machine on a new port, with these fields of its row."""
    made: list[Machine] = []

    async def make(number: int, **fields: object) -> Machine:
        port = cloud.controller.add_port(number)
        row = msgspec.structs.replace(cloud.controller.ports[port], **fields)
        cloud.controller.ports[port] = row
        found = Machine(cloud.a, row, tmp_path / str(number))
        made.append(found)
        found.make()
        await found.plug()
        return found

    yield make
    for found in made:
        await found.remove()


async def subnets(cloud: Cloud, *found: rows.Subnet) -> None:
    cloud.controller.subnets = {subnet.id: subnet for subnet in found}
    await cloud.controller.write()


async def test_dhclient_gets_all_that_the_subnet_says(cloud: Cloud, machine: Make) -> None:
    await subnets(cloud, S4)
    guest = await machine(41, hostname="web")
    told = guest.dhclient("-4")
    assert told["new_ip_address"] == "10.7.0.41"
    assert told["new_subnet_mask"] == "255.255.255.0"
    assert told["new_routers"] == "10.7.0.1"
    assert told["new_domain_name_servers"] == "9.9.9.9 149.112.112.112"
    assert told["new_interface_mtu"] == "1400"
    assert told["new_host_name"] == "web"
    assert told["new_domain_name"] == "example.org"
    assert told["new_dhcp_server_identifier"] == "10.7.0.1"
    assert told["new_dhcp_lease_time"] == "86400"


async def test_udhcpc_gets_a_lease(cloud: Cloud, machine: Make) -> None:
    await subnets(cloud, S4)
    guest = await machine(42)
    told = guest.udhcpc()
    assert (told["ip"], told["mask"], told["router"]) == ("10.7.0.42", "24", "10.7.0.1")


def slaac(mode: str = "slaac", **fields: object) -> rows.Subnet:
    six = rows.Subnet("s6", "fd07::/64", ra_mode=mode, address_mode=mode)
    return msgspec.structs.replace(six, **fields)


async def test_the_routes_come_with_the_lease(cloud: Cloud, machine: Make) -> None:
    await subnets(cloud, S4)
    guest = await machine(43)
    routes = guest.dhclient("-4")["new_rfc3442_classless_static_routes"]
    assert routes == "16 10 9 10 7 0 2 32 169 254 169 254 0 0 0 0 0 10 7 0 1"


async def test_what_a_port_is_given_besides(cloud: Cloud, machine: Make) -> None:
    await subnets(cloud, S4)
    options = (
        rows.DhcpOption("ntp-server", "10.7.0.9"),
        rows.DhcpOption("3", "10.7.0.254"),
        rows.DhcpOption("bootfile-name", "pxelinux.0"),
        rows.DhcpOption("server-ip-address", "10.7.0.8"),
        rows.DhcpOption("nonsense", "?"),
    )
    guest = await machine(44, dhcp_options=options)
    told = guest.dhclient("-4")
    assert (told["new_ntp_servers"], told["new_routers"]) == ("10.7.0.9", "10.7.0.254")
    assert (told["new_filename"], told["new_next_server"]) == ("pxelinux.0", "10.7.0.8")
    assert told["new_rfc3442_classless_static_routes"].endswith(" 0 10 7 0 254")
    assert "nonsense" in cloud.a.log.read_text()


async def test_an_address_that_is_not_the_ports_is_denied(cloud: Cloud, machine: Make) -> None:
    await subnets(cloud, S4)
    guest = await machine(45)
    assert guest.udhcpc("-r 10.7.0.200")["ip"] == "10.7.0.45"


async def test_dhcpcd_configures_all_of_it(cloud: Cloud, machine: Make) -> None:
    await subnets(cloud, S4, slaac("dhcpv6-stateful", dns_servers=("fd07::53",)))
    guest = await machine(46)
    guest.dhcpcd("-4", "-o classless_static_routes", "-o interface_mtu")
    guest.dhcpcd("-6", "--noipv6rs", "--ia_na")
    addresses = guest.run("ip address show dev eth0")
    assert "10.7.0.46/24" in addresses
    assert "fd07::2e/" in addresses
    assert "10.9.0.0/16 via 10.7.0.2" in guest.run("ip route")


async def test_dhclient_gets_an_ipv6_lease(cloud: Cloud, machine: Make) -> None:
    await subnets(cloud, slaac("dhcpv6-stateful", dns_servers=("fd07::53",), domain="example.org"))
    guest = await machine(47)
    told = guest.dhclient("-6")
    assert told["new_ip6_address"] == "fd07::2f"
    assert told["new_dhcp6_name_servers"] == "fd07::53"
    assert told["new_dhcp6_domain_search"] == "example.org."


async def test_stateless_dhcpv6_gives_names_only(cloud: Cloud, machine: Make) -> None:
    await subnets(cloud, slaac("dhcpv6-stateless", dns_servers=("fd07::53",)))
    guest = await machine(48)
    told = guest.dhclient("-6", "-S")
    assert told["new_dhcp6_name_servers"] == "fd07::53"
    assert "new_ip6_address" not in told


async def test_rdisc6_sees_what_the_router_says(cloud: Cloud, machine: Make) -> None:
    await subnets(cloud, slaac("dhcpv6-stateless", gateway="fd07::1", dns_servers=("fd07::53",)))
    guest = await machine(49)
    said = guest.run("rdisc6 -1 -r 10 eth0")
    assert "Prefix                   : fd07::/64" in said
    assert "MTU                      :         1400 bytes" in said
    assert "Recursive DNS server     : fd07::53" in said
    assert "Stateful other conf.      :          Yes" in said
    assert "Stateful address conf.    :           No" in said
    assert "Router lifetime           :            0 " in said
    assert "from fe80::70:6fff:fe00:7" in said


async def test_a_kernel_configures_itself_and_follows_its_router(
    cloud: Cloud, machine: Make
) -> None:
    await subnets(cloud, slaac(gateway="fd07::1"))
    guest = await machine(50)
    guest.listens_to_routers()
    own = "fd07::f816:3eff:fe00:32/64"
    await until(lambda: own in guest.run("ip -6 address show dev eth0"), "an address")
    assert "default" not in guest.run("ip -6 route")
    mac = "fa:16:3e:99:99:99"
    cloud.controller.interfaces = [rows.Interface("r", 7, mac, 1400, ("fd07::1/64",))]
    await cloud.controller.write()
    via = "default via fe80::f816:3eff:fe99:9999"
    await until(lambda: via in guest.run("ip -6 route"), "a router, told unasked")
    cloud.controller.interfaces = []
    await cloud.controller.write()
    await until(lambda: "default" not in guest.run("ip -6 route"), "the router takes itself back")


async def test_on_a_tap_frames_go_in_and_out(cloud: Cloud) -> None:
    """What a machine monitor does: the other side of the device is a file handle."""
    await subnets(cloud, S4)
    port = cloud.controller.add_port(51)
    assert (await cloud.a.ask(do="plug", port=port, tap="vm0"))["ok"]
    mac = bytes.fromhex("fa163e000033")
    discover = bootp.Message(bootp.REQUEST, b"xid!", mac, {53: b"\1"})
    ends = bytes(4), b"\xff" * 4
    frame = udp((mac, b"\xff" * 6), ends, PORTS, bootp.encode(discover))
    handle = netns.inside(cloud.a.netns, lambda: open_tap("vm0"))
    heard: list[bytes] = []

    def offered() -> bool:
        """As guests do it asks again: Linux drops what is sent before it has seen the carrier."""
        os.write(handle, bytes(VNET_HEADER) + frame)
        heard.extend(read_udp(handle))
        return bool(heard)

    try:
        await until(offered, "an offer")
    finally:
        os.close(handle)
        await cloud.a.ask(do="unplug", port=port)
    said = bootp.decode(heard[0])
    assert (said.xid, said.yiaddr, said.options[53]) == (b"xid!", bytes([10, 7, 0, 51]), b"\2")


def open_tap(name: str) -> int:
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, TUNSETIFF, struct.pack("16sH22x", name.encode(), TAP_FLAGS))
    return handle


def read_udp(handle: int) -> Iterator[bytes]:
    """The payloads of the IPv4 datagrams that have come."""
    with contextlib.suppress(BlockingIOError):
        while True:
            frame = os.read(handle, 2048)[VNET_HEADER:]
            if frame[12:14] == b"\x08\x00":
                yield frame[42:]


async def test_what_was_asked_and_answered_is_counted(cloud: Cloud, machine: Make) -> None:
    await subnets(cloud, S4)
    guest = await machine(52)
    before = await counted(cloud)
    guest.udhcpc()
    nonsense = udp(
        (pack_mac(guest.port.mac), b"\xff" * 6), (bytes(4), b"\xff" * 4), PORTS, b"nonsense"
    )
    netns.inside(guest.netns, lambda: send(nonsense))

    async def tallies() -> bool:
        """The client asks again if it has to wait for a second: a busy machine's agent."""
        after = await counted(cloud)
        more = {name: after[name] - before[name] for name in after}
        told = more["answered"] + more["malformed"]
        return more["malformed"] == 1 and more["asked"] == told >= 3

    await eventually(tallies, "counted")


def send(frame: bytes) -> None:
    with contextlib.closing(Sender()) as sender:
        sender.send(if_nametoindex("eth0"), frame)


async def counted(cloud: Cloud) -> dict[str, float]:
    text = (await cloud.a.ask(do="metrics"))["text"]
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    service = 'service="dhcpv4"'
    outcomes = {
        outcome: lines.get(f'polpo_agent_answers_total{{outcome="{outcome}",{service}}}', "0")
        for outcome in ("answered", "malformed")
    }
    asked = lines.get(f"polpo_agent_asked_total{{{service}}}", "0")
    return {name: float(value) for name, value in (*outcomes.items(), ("asked", asked))}
